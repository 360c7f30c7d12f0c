// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
	"jails/tools/hostkern/kern"
)

var boot = sync.OnceValue(func() error { return kern.Boot(0) })

// here is a hostkern within the test, to damage.
func here(t *testing.T) (*daemonProcess, *host) {
	if os.Geteuid() != 0 {
		t.Skip("not root, and no user namespace is allowed here; run as root")
	}
	if err := checkSeccomp(); err != nil {
		t.Skipf("hostkern can't run here: %v", err)
	}
	d := &daemonProcess{t: t, dir: t.TempDir()}
	if err := boot(); err != nil {
		t.Fatal(err)
	}
	h, err := newHost(d.socket() + ".state")
	if err != nil {
		t.Fatal(err)
	}
	l, lock, err := listen(d.socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); lock.Close() })
	failed := make(chan error, 1)
	go h.run(failed)
	_ = h.calls.hurry() // where it may
	h.receive(failed)
	go func() { _ = h.accept(l) }()
	t.Setenv("HOSTKERN_SOCKET", d.socket())
	if d.client, err = secmodel.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.client.Close() })
	return d, h
}

// ends waits for an actor's end, and gives its status.
func (a *actor) ends() int {
	a.t.Helper()
	select {
	case <-a.done:
	case <-time.After(10 * time.Second):
		a.t.Fatal("it has not ended after 10 s")
	}
	return a.cmd.ProcessState.ExitCode()
}

// Whatever hostkern has missed, a process can end; Go's runtime would try it
// for ever.
func TestForgotten(t *testing.T) {
	d, h := here(t)
	id := d.jail("j", secmodel.Config{})
	defer d.end(id)
	a := d.act(id, 0)
	h.exited(h.lookup(a.pid()))
	a.want("EPERM", "socket 2 1 0")
	if _, err := io.WriteString(a.in, "raw 231 7\n"); err != nil { // exit_group
		t.Fatal(err)
	}
	if got := a.ends(); got != 7 {
		t.Errorf("status %d, want 7", got)
	}
}

// Without CAP_SYS_PTRACE, as in a container, users are reached as themselves:
// else their filter had nobody to answer, and they could not even end.
func TestWithoutPtrace(t *testing.T) {
	needUsers(t)
	t.Setenv(dropVariable, strconv.Itoa(unix.CAP_SYS_PTRACE))
	d := startDaemon(t)
	if !strings.Contains(d.said(), "without CAP_SYS_PTRACE") {
		t.Fatalf("it has CAP_SYS_PTRACE: %s", d.said())
	}
	id := d.jail("j", secmodel.Config{})
	for where, want := range map[string]string{
		fmt.Sprint(id): "EPERM exit status 1", // the model's answer
		"observe":      "ready <nil>",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		cmd := exec.CommandContext(ctx, "/proc/self/exe", where, "0")
		cmd.Env = append(os.Environ(), roleVariable+"=client", dropVariable+"=")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
		out, err := cmd.Output()
		cancel()
		if got := fmt.Sprint(strings.TrimSpace(string(out)), " ", err); got != want {
			t.Errorf("user 1000, %s: %s; want %s", where, got, want)
		}
	}
	if strings.Contains(d.said(), "wants to enter") {
		t.Errorf("hostkern has a difficulty of its own: %s", d.said())
	}
	d.act(id, 0).want("jailed", "root")

	// Who has more than hostkern is told before it has a filter.
	os.Unsetenv(dropVariable)
	if n, _ := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_SYS_PTRACE, 0, 0, 0); n == 1 {
		if a, first := d.tryAct(id, 0); first != "EPERM" || a.ends() != 1 {
			t.Errorf("a client with CAP_SYS_PTRACE: %s", first)
		}
	}
}

// In a container every process has a filter: that of a jail is one more.
func TestFilterOfTheContainer(t *testing.T) {
	own, err := readStatus(unix.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	a := (&daemonProcess{t: t, dir: t.TempDir()}).act("filtered", 0)
	st, err := readStatus(a.pid())
	if err != nil {
		t.Fatal(err)
	}
	if st.Filters == 0 {
		t.Skip("this kernel does not count filters; run Linux 5.9 or later")
	}
	if st.Filters != own.Filters+1 {
		t.Fatalf("%d filters, want one more than %d", st.Filters, own.Filters)
	}
	for _, lives := range []bool{true, false} {
		e := &embryo{l: &listener{}, tgid: unix.Getpid(), session: a.pid(), filters: st.Filters}
		if !e.mayBe(a.pid(), lives) {
			t.Errorf("parent lives %v: a child with its parent's filters is not taken for one", lives)
		}
		e.filters++
		if e.mayBe(a.pid(), lives) {
			t.Errorf("parent lives %v: a process without the jail's filter is taken for a child", lives)
		}
	}
}

// A call that is looked at after its process's end, because another thread has
// ended that, makes no new process of it.
func TestTooLate(t *testing.T) {
	d, h := here(t)
	id := d.jail("j", secmodel.Config{})
	defer d.end(id)
	l := h.lookup(d.act(id, 0).pid()).l.Load()
	cmd := exec.Command("/proc/self/exe", "host", "0")
	cmd.Env = append(os.Environ(), roleVariable+"=client")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	eventually(t, "it is a zombie", func() bool {
		st, err := readStat(cmd.Process.Pid)
		return err == nil && st.State == 'Z'
	})
	p, _, err := h.identify(l, &notification{TID: uint32(cmd.Process.Pid)})
	if err != unix.ESRCH {
		t.Errorf("%+v, %v", p, err)
	}
	if j := d.record(id); j.Forks != 0 || j.Exits != 0 {
		t.Errorf("%d forks, %d exits, want none", j.Forks, j.Exits)
	}
}

// An orphan that has ended, and that its new parent has not waited for, is still
// in its group; a signal to that group is no denial for its sake.
func TestGroupWithDead(t *testing.T) {
	d, h := here(t)
	id := d.jail("j", secmodel.Config{})
	defer d.end(id)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	a := d.act(id, 0)
	a.want("ok", "orphan")
	orphan := func(state byte) int {
		pids, err := numbers("/proc")
		if err != nil {
			t.Fatal(err)
		}
		for _, pid := range pids {
			if st, err := readStat(pid); err == nil && st.PPID == unix.Getpid() && st.PGRP == a.pid() && pid != a.pid() && (state == 0 || st.State == state) {
				return pid
			}
		}
		return 0
	}
	eventually(t, "the orphan is ours", func() bool { return orphan(0) != 0 })
	pid := orphan(0)
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is a zombie", func() bool { return orphan('Z') == pid && h.lookup(pid) == nil })
	defer func() { _, _ = unix.Wait4(pid, nil, 0, nil) }()
	a.want("ok", "kill %d 0", -a.pid())
	if j := d.record(id); j.Denials["process"] != 0 {
		t.Errorf("denied: %v", j.Denials)

	}
}

// What hostkern can't see at the moment is no process's end.
func TestAlive(t *testing.T) {
	_, h := here(t)
	a := (&daemonProcess{t: t, dir: t.TempDir()}).act("host", 0)
	p := newProcess(a.pid(), kern.NewHost(a.pid(), kern.IDs{}), nil) // as one that follow comes to only now
	h.mu.Lock()
	h.procs[a.pid()] = p
	h.mu.Unlock()
	if got, err := h.ensure(a.pid()); got != p || p.gone {
		t.Errorf("a process of which the start is not known yet is taken for another: %v", err)
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	dead := p.dead()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if dead {
		t.Error("without a descriptor to look by, a process is taken for dead")
	}
	h.exited(p)
}
