// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// mayKill asks whether a signal may be sent; the kernel sends it, so that it
// arrives from its sender. Process ids are in registers.
func mayKill(c *call, pid, signo int) answer {
	t, err := c.target(pid)
	if err != nil {
		return fail(err)
	}
	if t.dead() && signo >= 0 && signo <= 64 {
		return answer{} // as kill1 in NetBSD, which asks nobody about a zombie
	}
	return pass(c.about(t, func(k, t kern.Proc) error { return k.Signal(t, signo) }))
}

func doTkill(c *call) answer      { return mayKill(c, c.arg(0), c.arg(1)) }
func doTgkill(c *call) answer     { return mayKill(c, c.arg(0), c.arg(2)) }
func doTgsigqueue(c *call) answer { return mayKill(c, c.arg(0), c.arg(2)) }

func doSigqueue(c *call) answer { return mayKill(c, c.arg(0), c.arg(1)) }

// doKill sends to many one by one, for each is asked about; the others of a
// group are not the caller's to reach.
func doKill(c *call) answer {
	pid, signo := c.arg(0), c.arg(1)
	if pid > 0 {
		return mayKill(c, pid, signo)
	}
	if signo < 0 || signo > 64 {
		return fail(unix.EINVAL)
	}
	group := -pid
	if pid < -1 && unix.Kill(pid, 0) == unix.ESRCH {
		return fail(unix.ESRCH) // and who is there need not be looked for
	}
	if pid == 0 {
		st, err := readStat(c.p.pid)
		if err != nil {
			return fail(unix.ESRCH)
		}
		group = st.PGRP
	}
	pids, err := numbers("/proc")
	if err != nil {
		return fail(err)
	}
	found, sent, self := false, false, false
	for _, n := range pids {
		switch {
		case pid == -1 && (n <= 1 || n == c.p.pid):
			continue
		case pid != -1:
			st, err := readStat(n)
			if err != nil || st.PGRP != group {
				continue
			}
		}
		if n == hostkernPID && c.l.jail.Load() != 0 {
			continue
		}
		t, err := c.target(n)
		if err != nil {
			continue
		}
		found = true
		if t.dead() { // by now it may be nobody's whom the model knows
			continue
		}
		if c.about(t, func(k, t kern.Proc) error { return k.Signal(t, signo) }) != nil {
			continue
		}
		sent = true
		if t == c.p {
			self = true // after the answer
			continue
		}
		if signo != 0 && t.pidfd() != -1 {
			_ = unix.PidfdSendSignal(t.pidfd(), unix.Signal(signo), nil, 0)
		}
	}
	switch {
	case !found:
		return fail(unix.ESRCH)
	case !sent && pid == -1:
		return fail(unix.EPERM)
	case !sent: // as killpg1 in NetBSD: nobody was there
		return fail(unix.ESRCH)
	}
	a := answer{}
	if self && signo != 0 {
		a.then = func() {
			_ = unix.PidfdSendSignal(c.p.pidfd(), unix.Signal(signo), nil, 0)
		}
	}
	return a
}

// doSetown asks about those who are to be told of a descriptor's input and
// output. NetBSD does not: its SIGIO does no harm, while Linux's kills.
func doSetown(c *call) answer {
	to := c.arg(2)
	if to == 0 {
		return answer{cont: true}
	}
	if to > 0 {
		return mayKill(c, to, int(unix.SIGIO))
	}
	group, err := c.many(unix.PRIO_PGRP, -to, unix.PRIO_PGRP, unix.PRIO_USER)
	if err != nil {
		return fail(err)
	}
	for _, t := range group {
		if err := c.about(t, func(k, t kern.Proc) error { return k.Signal(t, int(unix.SIGIO)) }); err != nil {
			return fail(err)
		}
	}
	return answer{cont: true}
}

var hostkernPID = unix.Getpid()

// pidOf is the process that a pidfd means.
func pidOf(fd int) (int, error) {
	info, err := readFdinfo(unix.Getpid(), fd)
	if err != nil || info.pid == 0 {
		return 0, unix.EBADF
	}
	if info.pid < 0 {
		return 0, unix.ESRCH
	}
	return info.pid, nil
}

// doPidfdSignal sends by a copy of the descriptor, for the caller can put
// another in its place.
func doPidfdSignal(c *call) answer {
	fd, err := c.getfd(c.arg(0))
	if err != nil {
		return fail(err)
	}
	defer unix.Close(fd)
	pid, err := pidOf(fd)
	if err != nil {
		return fail(err)
	}
	signo := c.arg(1)
	t, err := c.target(pid)
	if err != nil {
		return fail(err)
	}
	if err := c.about(t, func(k, t kern.Proc) error { return k.Signal(t, signo) }); err != nil {
		return fail(err)
	}
	var info unsafe.Pointer
	if addr := c.n.Args[2]; addr != 0 {
		b, err := c.read(addr, 128)
		if err != nil {
			return fail(err)
		}
		info = unsafe.Pointer(&b[0])
	}
	send := func() error {
		_, _, e := unix.Syscall6(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(fd), uintptr(signo), uintptr(info), uintptr(c.arg(3)), 0, 0)
		if e == unix.EPERM && info != nil { // a code that is only the sender's to use
			_, _, e = unix.Syscall6(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(fd), uintptr(signo), 0, uintptr(c.arg(3)), 0, 0)
		}
		if e != 0 {
			return e
		}
		return nil
	}
	if t != c.p {
		return answer{err: send()}
	}
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	return answer{then: func() {
		fd = own
		_ = send()
		unix.Close(own)
	}}
}

// A handle on a process is to NetBSD a filter of kqueue on it.
func doPidfdOpen(c *call) answer {
	t, err := c.target(c.arg(0))
	if err != nil {
		return fail(err)
	}
	return pass(c.about(t, func(k, t kern.Proc) error { return k.Kevent(t) }))
}

// To take another's descriptor is to trace it. It is done here by a copy of
// the handle, and what is taken is given to the caller.
func doPidfdGetfd(c *call) answer {
	fd, err := c.getfd(c.arg(0))
	if err != nil {
		return fail(err)
	}
	defer unix.Close(fd)
	pid, err := pidOf(fd)
	if err != nil {
		return fail(err)
	}
	t, err := c.target(pid)
	if err != nil {
		return fail(err)
	}
	if err := c.about(t, func(k, t kern.Proc) error { return k.Ptrace(t, ptReadD) }); err != nil {
		return fail(err)
	}
	got, err := unix.PidfdGetfd(fd, c.arg(1), 0)
	if err != nil {
		return fail(err)
	}
	defer unix.Close(got)
	if err := sendFD(c.l.fd, c.n.ID, got); err != nil {
		return fail(err)
	}
	return answer{sent: true}
}

// NetBSD's requests of ptrace(2), by what they do.
const (
	ptTraceMe  = 0
	ptReadD    = 2
	ptWriteD   = 5
	ptContinue = 7
	ptKill     = 8
	ptAttach   = 9
	ptDetach   = 10
)

var ptraceRequests = map[int]int{
	unix.PTRACE_TRACEME:  ptTraceMe,
	unix.PTRACE_PEEKTEXT: 1, unix.PTRACE_PEEKDATA: ptReadD, unix.PTRACE_PEEKUSR: ptReadD,
	unix.PTRACE_POKETEXT: 4, unix.PTRACE_POKEDATA: ptWriteD, unix.PTRACE_POKEUSR: ptWriteD,
	unix.PTRACE_CONT: ptContinue, unix.PTRACE_KILL: ptKill,
	unix.PTRACE_ATTACH: ptAttach, unix.PTRACE_SEIZE: ptAttach,
	unix.PTRACE_DETACH: ptDetach,
}

func doPtrace(c *call) answer {
	request, ok := ptraceRequests[c.arg(0)]
	if !ok {
		request = ptReadD
	}
	t := c.p
	if request != ptTraceMe {
		var err error
		if t, err = c.target(c.arg(1)); err != nil {
			return fail(err)
		}
	}
	return pass(c.about(t, func(k, t kern.Proc) error { return k.Ptrace(t, request) }))
}

// doVM is for calls that reach into the memory of the process in their
// first argument.
func doVM(request int) func(*call) answer {
	return func(c *call) answer {
		t, err := c.target(c.arg(0))
		if err != nil {
			return fail(err)
		}
		if t == c.p {
			return answer{cont: true}
		}
		return pass(c.about(t, func(k, t kern.Proc) error { return k.Ptrace(t, request) }))
	}
}

func doKcmp(c *call) answer {
	for i := range 2 {
		t, err := c.target(c.arg(i))
		if err != nil {
			return fail(err)
		}
		if err := c.about(t, func(k, t kern.Proc) error {
			return k.CanSee(t, kern.ReqProcessCanseeOpenfiles)
		}); err != nil {
			return fail(err)
		}
	}
	return answer{cont: true}
}

// threads of a process, or the one thread that is meant by 0.
func threads(pid int) []int {
	tids, _ := numbers(procPath(pid, "task"))
	return tids
}

// doSetpriority asks about each process that is meant, and sets it here.
func doSetpriority(c *call) answer {
	which, who := c.arg(0), c.arg(1)
	nice := min(max(c.arg(2), -20), 19)
	ask := func(t *process) error {
		return c.about(t, func(k, t kern.Proc) error { return k.Nice(t, nice+20) })
	}
	if which == unix.PRIO_PROCESS {
		t := c.p
		if who != 0 {
			var err error
			if t, err = c.target(who); err != nil {
				return fail(err)
			}
		}
		c.h.measure(t)
		return pass(ask(t))
	}
	targets, err := c.many(which, who, unix.PRIO_PGRP, unix.PRIO_USER)
	if err != nil {
		return fail(err)
	}
	return each(targets, func(t *process) error {
		c.h.measure(t)
		if err := ask(t); err != nil {
			return err
		}
		for _, tid := range threads(t.pid) {
			if err := unix.Setpriority(unix.PRIO_PROCESS, tid, nice); err != nil {
				return err
			}
		}
		return nil
	})
}

// each does something to all; it fails if it could be done to none.
func each(targets []*process, f func(*process) error) answer {
	var first error = unix.ESRCH
	done := false
	for i, t := range targets {
		err := f(t)
		if err == nil {
			done = true
		} else if i == 0 {
			first = err
		}
	}
	if done {
		return answer{}
	}
	return fail(first)
}

// many finds the processes of a group or a user.
func (c *call) many(which, who, group, user int) ([]*process, error) {
	pids, err := numbers("/proc")
	if err != nil {
		return nil, err
	}
	if who == 0 && which == group {
		st, err := readStat(c.p.pid)
		if err != nil {
			return nil, unix.ESRCH
		}
		who = st.PGRP
	} else if who == 0 {
		who = int(c.st.IDs.UID[0])
	}
	var all []*process
	for _, pid := range pids {
		switch which {
		case group:
			if st, err := readStat(pid); err != nil || st.PGRP != who {
				continue
			}
		case user:
			if st, err := readStatus(pid); err != nil || int(st.IDs.UID[0]) != who {
				continue
			}
		default:
			return nil, unix.EINVAL
		}
		if t, err := c.target(pid); err == nil {
			all = append(all, t)
		}
	}
	if len(all) == 0 {
		return nil, unix.ESRCH
	}
	return all, nil
}

const (
	ioprioWhoProcess = 1
	ioprioWhoPgrp    = 2
	ioprioWhoUser    = 3
)

// doIoprio asks for the I/O priority what is asked for nice(3): to raise it.
func doIoprio(c *call) answer {
	which, who := c.arg(0), c.arg(1)
	ask := func(t *process) error {
		c.h.measure(t)
		return c.about(t, func(k, t kern.Proc) error { return k.Nice(t, 19) })
	}
	if which == ioprioWhoProcess {
		t := c.p
		if who != 0 {
			var err error
			if t, err = c.target(who); err != nil {
				return fail(err)
			}
		}
		return pass(ask(t))
	}
	targets, err := c.many(which, who, ioprioWhoPgrp, ioprioWhoUser)
	if err != nil {
		return fail(err)
	}
	return each(targets, func(t *process) error {
		if err := ask(t); err != nil {
			return err
		}
		for _, tid := range threads(t.pid) {
			if _, _, e := unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, uintptr(tid), uintptr(c.n.Args[2])); e != 0 {
				return e
			}
		}
		return nil
	})
}
