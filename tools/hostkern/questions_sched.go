// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// one finds the process and the thread that an argument means, of which 0
// is the caller.
func (c *call) one(arg int) (*process, int, error) {
	tid := c.arg(arg)
	if tid == 0 {
		return c.p, int(c.n.TID), nil
	}
	t, err := c.target(tid)
	return t, tid, err
}

func doSchedGet(action uint64) func(*call) answer {
	return func(c *call) answer {
		t, _, err := c.one(0)
		if err != nil {
			return fail(err)
		}
		return pass(c.about(t, func(k, t kern.Proc) error { return k.Sched(t, action, 0, 0) }))
	}
}

// netbsdPolicy is NetBSD's number for Linux's policy, and its priority for
// one of Linux's.
func netbsdPolicy(policy, priority int) (int, int) {
	switch policy {
	case unix.SCHED_FIFO:
		return 1, priority
	case unix.SCHED_RR, unix.SCHED_DEADLINE:
		return 2, priority
	}
	return 0, priority
}

// setSched asks, and does f, which is the call on a copy of its arguments.
func (c *call) setSched(t *process, policy, priority int, f func() unix.Errno) answer {
	policy, priority = netbsdPolicy(policy, priority)
	if err := c.about(t, func(k, t kern.Proc) error {
		return k.Sched(t, kern.ProcessSchedulerSetparam, policy, priority)
	}); err != nil {
		return fail(err)
	}
	if e := f(); e != 0 {
		return fail(e)
	}
	return answer{}
}

func doSchedSetscheduler(c *call) answer {
	t, tid, err := c.one(0)
	if err != nil {
		return fail(err)
	}
	b, err := c.read(c.n.Args[2], 4)
	if err != nil {
		return fail(err)
	}
	policy := c.arg(1)
	return c.setSched(t, policy&0xff, int(binary.NativeEndian.Uint32(b)), func() unix.Errno {
		_, _, e := unix.Syscall(unix.SYS_SCHED_SETSCHEDULER, uintptr(tid), uintptr(policy), uintptr(unsafe.Pointer(&b[0])))
		return e
	})
}

func doSchedSetparam(c *call) answer {
	t, tid, err := c.one(0)
	if err != nil {
		return fail(err)
	}
	b, err := c.read(c.n.Args[1], 4)
	if err != nil {
		return fail(err)
	}
	policy, _, e := unix.Syscall(unix.SYS_SCHED_GETSCHEDULER, uintptr(tid), 0, 0)
	if e != 0 {
		return fail(e)
	}
	return c.setSched(t, int(policy)&0xff, int(binary.NativeEndian.Uint32(b)), func() unix.Errno {
		_, _, e := unix.Syscall(unix.SYS_SCHED_SETPARAM, uintptr(tid), uintptr(unsafe.Pointer(&b[0])), 0)
		return e
	})
}

func doSchedSetattr(c *call) answer {
	t, tid, err := c.one(0)
	if err != nil {
		return fail(err)
	}
	head, err := c.read(c.n.Args[1], 4)
	if err != nil {
		return fail(err)
	}
	size := binary.NativeEndian.Uint32(head)
	if size < 48 || size > 4096 {
		return fail(unix.EINVAL)
	}
	b, err := c.read(c.n.Args[1], int(size))
	if err != nil {
		return fail(err)
	}
	binary.NativeEndian.PutUint32(b, size)
	policy, priority := binary.NativeEndian.Uint32(b[4:]), binary.NativeEndian.Uint32(b[20:])
	return c.setSched(t, int(policy), int(priority), func() unix.Errno {
		_, _, e := unix.Syscall(unix.SYS_SCHED_SETATTR, uintptr(tid), uintptr(unsafe.Pointer(&b[0])), uintptr(c.n.Args[2]))
		return e
	})
}

// A set of processors doesn't matter to the answer.
func doSchedSetaffinity(c *call) answer {
	t, _, err := c.one(0)
	if err != nil {
		return fail(err)
	}
	return pass(c.about(t, func(k, t kern.Proc) error {
		return k.Sched(t, kern.ProcessSchedulerSetaffinity, 0, 0)
	}))
}

// linuxLimit is Linux's number of NetBSD's limits; -1 where it has none.
var linuxLimit = [kern.NLimits]int{
	0: unix.RLIMIT_CPU, 1: unix.RLIMIT_FSIZE, 2: unix.RLIMIT_DATA, 3: unix.RLIMIT_STACK,
	4: unix.RLIMIT_CORE, 5: unix.RLIMIT_RSS, 6: unix.RLIMIT_MEMLOCK, 7: unix.RLIMIT_NPROC,
	8: unix.RLIMIT_NOFILE, 9: -1, 10: unix.RLIMIT_AS, 11: -1,
}

const (
	netbsdRSS      = 5
	netbsdInfinity = math.MaxInt64
)

// netbsdLimit is NetBSD's number of a limit. One that NetBSD hasn't is asked
// about in the place of one that does nothing.
func netbsdLimit(linux int) int {
	for i, n := range linuxLimit {
		if n == linux {
			return i
		}
	}
	return netbsdRSS
}

func toNetBSD(v uint64) uint64 {
	return min(v, netbsdInfinity)
}

func toLinux(v uint64) uint64 {
	if v >= netbsdInfinity {
		return unix.RLIM_INFINITY
	}
	return v
}

func doSetrlimit(c *call) answer {
	return c.limit(c.p, c.p.pid, c.arg(0), c.n.Args[1], 0)
}

func doPrlimit(c *call) answer {
	t, tid, err := c.one(0)
	if err != nil {
		return fail(err)
	}
	return c.limit(t, tid, c.arg(1), c.n.Args[2], c.n.Args[3])
}

// readLimit reads a limit of a process, whosever it is.
func readLimit(pid, which int) (unix.Rlimit, error) {
	var r unix.Rlimit
	err := unix.Prlimit(pid, which, nil, &r)
	if err != unix.EPERM {
		return r, err
	}
	// Without CAP_SYS_RESOURCE; but the file is for all to read.
	b, err := os.ReadFile(procPath(pid, "limits"))
	if err != nil {
		return r, err
	}
	return parseLimit(string(b), which)
}

// parseLimit finds a limit in /proc/PID/limits: a header, then a line for
// each, in order; the name is 26 characters wide, the numbers are 21.
func parseLimit(text string, which int) (unix.Rlimit, error) {
	var r unix.Rlimit
	lines := strings.Split(text, "\n")
	if which < 0 || which+1 >= len(lines) || len(lines[which+1]) < 26 {
		return r, unix.EINVAL
	}
	f := strings.Fields(lines[which+1][26:])
	if len(f) < 2 {
		return r, unix.EINVAL
	}
	for i, to := range []*uint64{&r.Cur, &r.Max} {
		if f[i] == "unlimited" {
			*to = unix.RLIM_INFINITY
			continue
		}
		n, err := strconv.ParseUint(f[i], 10, 64)
		if err != nil {
			return r, fmt.Errorf("limit %d: %w", which, err)
		}
		*to = n
	}
	return r, nil
}

// limit asks about a limit, and sets it on a copy.
func (c *call) limit(t *process, tid, which int, newAddr, oldAddr uint64) answer {
	old, err := readLimit(t.pid, which)
	if err != nil {
		return fail(err)
	}
	nb := netbsdLimit(which)
	if oldAddr != 0 || newAddr == 0 {
		if err := c.about(t, func(k, t kern.Proc) error {
			return k.Rlimit(t, kern.ReqProcessRlimitGet, nb, 0, 0)
		}); err != nil {
			return fail(err)
		}
	}
	if newAddr != 0 {
		b, err := c.read(newAddr, 16)
		if err != nil {
			return fail(err)
		}
		set := unix.Rlimit{Cur: binary.NativeEndian.Uint64(b), Max: binary.NativeEndian.Uint64(b[8:])}
		if set.Cur > set.Max {
			return fail(unix.EINVAL)
		}
		if err := c.about(t, func(k, t kern.Proc) error {
			soft, hard := t.Limits()
			soft[nb], hard[nb] = toNetBSD(old.Cur), toNetBSD(old.Max)
			t.SetLimits(&soft, &hard)
			return k.Rlimit(t, kern.ReqProcessRlimitSet, nb, toNetBSD(set.Cur), toNetBSD(set.Max))
		}); err != nil {
			return fail(err)
		}
		err = unix.Prlimit(t.pid, which, &set, nil)
		if err == unix.EPERM {
			// Without CAP_SYS_RESOURCE; so has the caller none, and what
			// it may do is Linux's to say.
			return answer{cont: true}
		}
		if err != nil {
			return fail(err)
		}
	}
	if oldAddr != 0 {
		var b [16]byte
		binary.NativeEndian.PutUint64(b[:], old.Cur)
		binary.NativeEndian.PutUint64(b[8:], old.Max)
		if err := c.write(oldAddr, b[:]); err != nil {
			return fail(err)
		}
	}
	return answer{}
}
