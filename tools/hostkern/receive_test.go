// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
	machine "jails/tests/host"
)

// urgentThreads counts those of a process that have the real-time priority of
// who receives calls, and of them those that wait for some.
func urgentThreads(t *testing.T, pid int) (urgent, waiting int) {
	t.Helper()
	tids, err := numbers(procPath(pid, "task"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tid := range tids {
		// Both may be of a thread that ends, or wakes up meanwhile.
		stat, _ := os.ReadFile(procPath(tid, "stat"))
		call, _ := os.ReadFile(procPath(tid, "syscall"))
		f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(f) < 39 || f[37] != "1" || f[38] != "2" { // priority, SCHED_RR
			continue
		}
		urgent++
		if strings.HasPrefix(string(call), strconv.Itoa(unix.SYS_EPOLL_WAIT)+" ") {
			waiting++
		}
	}
	return urgent, waiting
}

// Who receives calls comes before all else, where that is permitted.
func TestUrgent(t *testing.T) {
	d := startDaemon(t)
	if strings.Contains(d.said(), "real-time priority:") {
		t.Skip("no real-time priority is permitted here; run as root on the machine itself")
	}
	a := d.act(d.jail("j", secmodel.Config{}), 0)
	for range 100 {
		a.want("ok", "socket 2 1 0")
	}
	eventually(t, "one thread has a real-time priority, and waits", func() bool {
		urgent, waiting := urgentThreads(t, d.pid)
		return urgent == 1 && waiting == 1
	})
}

// Without the permission it says so, and does without.
func TestNotUrgent(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_RTPRIO, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_RTPRIO, &unix.Rlimit{Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Setrlimit(unix.RLIMIT_RTPRIO, &old) })
	t.Setenv(dropVariable, strconv.Itoa(unix.CAP_SYS_NICE))
	d := startDaemon(t)
	if !strings.Contains(d.said(), "real-time priority: operation not permitted") {
		t.Fatalf("not said: %s", d.said())
	}
	d.act(d.jail("j", secmodel.Config{}), 0).want("ok", "socket 2 1 0")
	if urgent, _ := urgentThreads(t, d.pid); urgent != 0 {
		t.Errorf("%d threads have a real-time priority", urgent)
	}
}

// However long answers take, calls are received: signals don't break into them.
func TestReceivedAtOnce(t *testing.T) {
	d, h := here(t)
	if _, ok := seccompFlags(); !ok {
		t.Skip("this kernel can't wait killably for notifications; run Linux 5.19 or later")
	}
	id := d.jail("j", secmodel.Config{})
	defer d.end(id)
	var all []*actor
	for range 2 * answerers {
		a := d.act(id, 0)
		a.want("ok", "norestart")
		all = append(all, a)
	}
	h.mu.Lock()
	held := true
	release := func() {
		if held {
			h.mu.Unlock()
			held = false
		}
	}
	defer release()
	for _, a := range all {
		if _, err := io.WriteString(a.in, "socket 2 1 0\n"); err != nil {
			t.Fatal(err)
		}
	}
	call := fmt.Sprintf("%d 0x2 0x1 0x0 ", unix.SYS_SOCKET)
	for i, a := range all {
		tid := 0
		eventually(t, fmt.Sprintf("process %d waits for its answer", i), func() bool {
			tids, err := numbers(procPath(a.pid(), "task"))
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range tids {
				b, _ := os.ReadFile(procPath(n, "syscall"))
				if strings.HasPrefix(string(b), call) {
					tid = n
				}
			}
			return tid != 0
		})
		fds := []unix.PollFd{{Fd: int32(h.procs[a.pid()].l.Load().fd), Events: unix.POLLIN | unix.POLLOUT}}
		eventually(t, fmt.Sprintf("call %d is received", i), func() bool {
			_, err := unix.Poll(fds, 0)
			return err == nil && fds[0].Revents == unix.POLLOUT
		})
		if err := unix.Tgkill(a.pid(), tid, unix.SIGUSR1); err != nil {
			t.Fatal(err)
		}
	}
	if h.calls.urgent {
		eventually(t, "those with a real-time priority, of earlier tests too, wait for calls", func() bool {
			urgent, waiting := urgentThreads(t, os.Getpid())
			return urgent == waiting && waiting > 0
		})
	}
	release()
	for i, a := range all {
		if !a.out.Scan() || a.out.Text() != "ok" {
			t.Errorf("process %d: %q, want ok", i, a.out.Text())
		}
	}
}

// A shell whose handler of SIGCHLD does not restart calls forks on while its
// children end, and the machine is busy. Where the machine is a virtual one,
// others may hold its processors for a moment, and whoever asks may be preempted
// before hostkern can receive: one in ten is let pass. Without the priority
// it is one in four.
func TestPipelines(t *testing.T) {
	if os.Getenv("JAILS_LONG") == "" {
		t.Skip("takes minutes; set JAILS_LONG=1 (make test-long)")
	}
	d := startDaemon(t)
	if strings.Contains(d.said(), "real-time priority:") {
		t.Skip("no real-time priority is permitted here; run as root on the machine itself")
	}
	root := (&machine.Host{Dir: d.dir}).Userland(t)
	for range 3 {
		busy := exec.Command("sh", "-c", "while :; do :; done")
		if err := busy.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = busy.Process.Kill(); _ = busy.Wait() })
	}
	id, err := d.client.Create("j", root, secmodel.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.end(id)
	const shells = 200
	a, failed := d.act(id, 0), 0
	for range shells {
		if a.do("pipelines 10") != "ok" {
			failed++
		}
	}
	t.Logf("%d of %d shells failed", failed, shells)
	if failed > shells/10 {
		t.Errorf("%d of %d shells failed, want at most one in ten", failed, shells)
	}
}
