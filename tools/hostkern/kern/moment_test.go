// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"syscall"
	"testing"
)

// A credential that outlives its jail is denied everything, and keeps no more
// than the jail's memory, until it ends.
func TestCredentialOutlivesJail(t *testing.T) {
	root := host(t, 0)
	live := func() (p Proc, c Cred) {
		p = NewHost(90, IDs{})
		enterable(t, p)
		if _, err := p.Command(&Request{Command: CommandEnter, ID: jailAt(t, root, "outlived")}, nil); err != nil {
			t.Fatal(err)
		}
		return p, p.Keep()
	}
	// The command that fails frees what has ended.
	die := func(p Proc) {
		end(p)
		destroyAll(t, root)
		_, _ = root.Command(&Request{Command: CommandDestroy, ID: 1}, nil)
	}
	p, c := live() // the first one makes what is kept ready
	c.Drop()
	die(p)

	blocks, _ := Memory()
	p, c = live()
	if err := c.System(SystemChroot, ReqSystemChrootChroot); err != nil {
		t.Errorf("while the jail lives: %v", err)
	}
	die(p)
	if err := c.System(SystemChroot, ReqSystemChrootChroot); err != syscall.EPERM {
		t.Errorf("when it is destroyed: %v", err)
	}
	if now, _ := Memory(); now <= blocks {
		t.Errorf("%d blocks before, %d while there is a credential", blocks, now)
	}
	c.Drop()
	_, _ = root.Command(&Request{Command: CommandDestroy, ID: 1}, nil)
	if now, _ := Memory(); now != blocks {
		t.Errorf("%d blocks before, %d now", blocks, now)
	}
}

// A process is a member of its jail, whatever credential a late execve(2)
// brings back.
func TestExecBringsNobodyBack(t *testing.T) {
	root := host(t, 0)
	id := jail(t, root, "exec", 1)
	p := member(t, id, 0)
	p.Stray()
	if p.Jail() != 0 {
		t.Fatal("it has not the host's credential")
	}
	// No credential of the jail is left then, but a member.
	if y, err := root.Command(&Request{Command: CommandDestroy, ID: id}, nil); err != syscall.EBUSY || y.Reason != 11 || y.Detail != 1 {
		t.Errorf("destroy: %v, reason %d, detail %d", err, y.Reason, y.Detail)
	}
	p.Exec()
	if p.Jail() != id || p.System(SystemReboot, 0, 0, 0) != syscall.EPERM {
		t.Errorf("after execve it is in %d", p.Jail())
	}
	root.Exec()
	if root.Jail() != 0 {
		t.Error("the host's root is in a jail")
	}
}

// A process in execve(2) can't enter; a kill that can't reach it says so, and
// its pages are not looked at.
func TestBusyProcesses(t *testing.T) {
	Tick(1)
	defer Tick(0)
	root := host(t, 0)
	id := jail(t, root, "busy", 0)
	p, q := member(t, id, 0), host(t, 0)
	enterable(t, q)
	p.SetGauges(&Gauges{Threads: 1, Resident: 5, Virtual: 7})
	busy := func(p Proc, do func()) {
		began, done, ended := make(chan bool), make(chan bool), make(chan bool)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			p.Busy(true)
			began <- true
			<-done
			p.Busy(false)
			ended <- true
		}()
		<-began
		do()
		done <- true
		<-ended
	}
	busy(q, func() {
		if y, err := q.Command(&Request{Command: CommandEnter, ID: id}, nil); err != syscall.EBUSY || y.Reason != 20 {
			t.Errorf("entry: %v, reason %d", err, y.Reason)
		}
	})
	pages := func() (n uint64) {
		records(t, root, "jails", func(b []byte) { n = wholeRecord(b).Resident })
		return n
	}
	if n := pages(); n != 5 {
		t.Errorf("%d pages", n)
	}
	busy(p, func() {
		if n := pages(); n != 0 {
			t.Errorf("%d pages of who is in execve", n)
		}
		if y, err := root.Command(&Request{Command: CommandKill, ID: id, Signal: 15}, nil); err != syscall.EAGAIN || y.Reason != 11 || y.Detail != 1 {
			t.Errorf("kill: %v, reason %d, detail %d", err, y.Reason, y.Detail)
		}
	})
	Signals()
	if y, err := root.Command(&Request{Command: CommandKill, ID: id, Signal: 15}, nil); err != nil {
		t.Errorf("kill once more: %v, reason %d", err, y.Reason)
	}
	if s := Signals(); len(s) != 1 {
		t.Errorf("signals: %v", s)
	}
}

// An id is never given again: the last one is the end.
func TestIDsEnd(t *testing.T) {
	root := host(t, 0)
	SetLastID(math.MaxUint32 - 1)
	id := jailAt(t, root, "last")
	q := Request{Command: CommandCreate}
	q.SetName("none")
	q.SetRoot("/tmp")
	if y, err := root.Command(&q, nil); id != math.MaxUint32 || err != syscall.ENOSPC || y.Reason != 8 {
		t.Errorf("after %d: %v, reason %d", id, err, y.Reason)
	}
	destroyAll(t, root)
	if !Forget() {
		t.Fatal("a jail is left")
	}
}

// Beyond what is kept ready there is memory for credentials too.
func TestManyCredentials(t *testing.T) {
	root := host(t, 0)
	id := jail(t, root, "many", 0)
	p := member(t, id, 0)
	for i := range 500 {
		c := p.Fork(70000 + i)
		defer end(c)
		uid := uint32(i + 1)
		c.SetIDs(IDs{UID: [3]uint32{uid, uid, uid}})
		if c.Jail() != id {
			t.Fatalf("credential %d is in %d", i, c.Jail())
		}
	}
	if !errors.Is(p.System(SystemReboot, 0, 0, 0), syscall.EPERM) {
		t.Error("reboot")
	}
}

// What else may be open, or asked.
func TestOddOnes(t *testing.T) {
	root := host(t, 0)
	id := jail(t, root, "odd", 2)
	for name, c := range map[string]struct {
		fd     FD
		reason uint32
	}{
		"file":       {FD{Type: FDVnode, Mode: syscall.S_IFREG, Ino: 11}, 0},
		"fifo":       {FD{Type: FDVnode, Mode: syscall.S_IFIFO, Ino: 12}, 0},
		"local":      {FD{Type: FDSocket, Family: 1, SType: 1}, 0},
		"no kind":    {FD{Type: FDVnode, Ino: 13}, 25},
		"bluetooth":  {FD{Type: FDSocket, Family: 31, SType: 1}, 23},
		"high":       {FD{Type: FDPipe, FD: 200}, 0},
		"timer, own": {FD{Type: FDTimer, CloseOnExec: true}, 0},
	} {
		p := host(t, 0)
		enterable(t, p)
		c.fd.DirFD = -1
		if err := p.SetFiles([]FD{c.fd}); err != nil {
			t.Fatal(err)
		}
		p.SetFlags(Leader, 0)
		y, err := p.Command(&Request{Command: CommandEnter, ID: id}, nil)
		if (err == nil) != (c.reason == 0) || y.Reason != c.reason {
			t.Errorf("%s: %v, reason %d, want %d", name, err, y.Reason, c.reason)
		}
		p.ClearFiles()
	}
	set(t, root, Request{ID: id, Mask: SetProcesses, Config: Config{Processes: 1}})
	p := host(t, 0)
	enterable(t, p)
	if y, err := p.Command(&Request{Command: CommandEnter, ID: id}, nil); err != syscall.EAGAIN || y.Reason != 27 {
		t.Errorf("beyond the cap: %v, reason %d", err, y.Reason)
	}
	set(t, root, Request{ID: id, Mask: SetProcesses})
	m := member(t, id, 0)
	if err := m.SocketOpen(1, 1, 0); err != nil {
		t.Errorf("a local socket: %v", err)
	}
	so := m.NewSocket(2, 1, 6)
	defer so.Free()
	if err := m.Autobind(so); err != nil {
		t.Fatal(err)
	}
	if err := m.Candidate(so, 700, true); err != syscall.EACCES {
		t.Errorf("a low port is chosen at high: %v", err)
	}
	// Who asks twice is one process more, not two.
	set(t, root, Request{ID: id, Mask: SetProcesses, Config: Config{Processes: 10}})
	for range 20 {
		if err := m.MayFork(); err != nil {
			t.Fatalf("asked again: %v", err)
		}
	}
	end(m.Fork(99000))
}

// Another command than to load and unload is no command; a node's list of what
// is below it is empty, and what is no number of a jail is nothing.
func TestOddCommands(t *testing.T) {
	for n, want := range map[int]error{2: syscall.ENOTTY, 3: syscall.EPERM, 99: syscall.ENOTTY} {
		if err := ModuleCommand(n); err != want {
			t.Errorf("module command %d: %v, want %v", n, err, want)
		}
	}
	root := host(t, 0)
	const query = math.MaxUint32 - 1 // CTL_QUERY
	for name, want := range map[string]error{
		fmt.Sprint("command.", query): syscall.ENOTDIR, fmt.Sprint("jails.", query): syscall.ENOTDIR, fmt.Sprint("events.", query): syscall.ENOTDIR,
		"command.1": syscall.EINVAL, "jails.1": syscall.EINVAL, "seen.1.0.0": syscall.EINVAL, "events.1.2": syscall.EINVAL,
	} {
		if _, err := root.Sysctl("security.models.jail."+name, make([]byte, 100), nil); err != want {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

// A choice ends when its thread makes a socket: what is asked for the same one
// then is asked for explicitly, in network order.
func TestChoiceEnds(t *testing.T) {
	const mine, swapped = 8080, 8080>>8 | 8080&0xff<<8
	root := host(t, 0)
	jail(t, root, "owner", 0, Port{0, mine, mine, 0})
	so := root.NewSocket(2, 1, 6)
	defer so.Free()
	if err := root.Autobind(so); err != nil {
		t.Fatal(err)
	}
	if err := root.Bind(so, swapped); err != syscall.EACCES {
		t.Errorf("during the choice %d: %v", swapped, err)
	}
	if err := root.SocketOpen(2, 1, 0); err != nil {
		t.Fatal(err)
	}
	if err := root.Bind(so, swapped); err != nil {
		t.Errorf("after it %d: %v", swapped, err)
	}
}
