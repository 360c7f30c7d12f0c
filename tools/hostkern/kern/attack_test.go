// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"encoding/binary"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// Questions that no Linux process can bring about, and requests that the
// client does not send: NetBSD's kernel, and whoever writes to it, can.

// record is the tail of struct jail_record, from its counters on.
type record struct {
	User, System, Interrupt, Entries, Forks, Exits uint64
	Denials, Observed                              [9]uint64
	Lost                                           uint64
	Since                                          int64
	Name                                           [64]byte
	Root                                           [1024]byte
}

func recordOf(t testing.TB, root Proc, id uint32) (r record, config Config) {
	t.Helper()
	b := list(t, root, "jails")
	size := int(binary.NativeEndian.Uint32(b[4:]))
	for b = b[unsafe.Sizeof(snapshot{}):]; len(b) >= size; b = b[size:] {
		if binary.NativeEndian.Uint32(b) != id {
			continue
		}
		tail := b[size-int(unsafe.Sizeof(r)) : size]
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r)), tail)
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&config)), unsafe.Sizeof(config)), b[24:])
		return r, config
	}
	t.Fatalf("jail %d is not listed", id)
	return
}

// What a later kernel may ask, and the table does not know, is denied.
func TestUnknownIsDenied(t *testing.T) {
	const none = 63
	root := host(t, 0)
	id := jail(t, root, "unknown", 0)
	p := member(t, id, 0)
	for name, ask := range map[string]func() error{
		"generic":         func() error { return p.Generic(none) },
		"system":          func() error { return p.System(none, 0, 0, 0) },
		"system, large":   func() error { return p.System(1<<20, 0, 0, 0) },
		"mount request":   func() error { return p.System(SystemMount, none, 0, 0) },
		"time request":    func() error { return p.System(SystemTime, 1<<20, 0, 0) },
		"network":         func() error { return p.Network(none, 0, 0, 0, 0) },
		"machdep":         func() error { return p.Machdep(none) },
		"device":          func() error { return p.Device(none, 0) },
		"process cansee":  func() error { return p.CanSee(p, none) },
		"process procfs":  func() error { return p.Procfs(p, none) },
		"other processes": func() error { return p.Process(p, none, 0) },
	} {
		before, _ := recordOf(t, root, id)
		err := ask()
		after, _ := recordOf(t, root, id)
		// To see is not counted.
		if err == nil || before.Denials == after.Denials && name != "process cansee" {
			t.Errorf("%s: %v, denials %v", name, err, after.Denials)
		}
	}
}

// Who takes the console is asked no more than to read what is /dev/console in
// his root, and not that where a file system asks nobody.
func TestConsole(t *testing.T) {
	root := host(t, 0)
	id := jail(t, root, "console", 0)
	p := member(t, id, 0)
	const (
		device          = 5 // JAIL_SCOPE_DEVICE
		read, directory = 1 << 0, 1 << 2
	)
	for n, action := range []uint64{read, directory} {
		if err := root.Console(action); err != nil {
			t.Errorf("the host's root: %v", err)
		}
		err := p.Console(action)
		r, _ := recordOf(t, root, id)
		if err == nil || r.Denials[device] != uint64(n)+1 {
			t.Errorf("jailed root, %d: %v, denials %v", action, err, r.Denials)
		}
		if err := p.Vnode(action, syscall.S_IFREG, 0, 0); err != nil {
			t.Errorf("jailed root reads the file, %d: %v", action, err)
		}
	}
}

// The kernel tells an explicit port in network order, and a candidate of an
// automatic choice in host order.
func TestCandidates(t *testing.T) {
	const mine, swapped = 8080, 8080>>8 | 8080&0xff<<8
	root := host(t, 0)
	jail(t, root, "owner", 0, Port{0, mine, mine, 0})
	for name, p := range map[string]Proc{"a jail": member(t, jail(t, root, "other", 0), 0), "the host": root} {
		for _, family := range []int{2, 24} {
			so := p.NewSocket(family, 1, 6)
			if err := p.Bind(so, swapped); err != nil {
				t.Errorf("%s binds %d, which nobody has: %v", name, swapped, err)
			}
			if err := p.Bind(so, mine); err != syscall.EACCES {
				t.Errorf("%s binds %d: %v", name, mine, err)
			}
			if err := p.Autobind(so); err != nil {
				t.Fatal(err)
			}
			if err := p.Candidate(so, mine, false); err != syscall.EACCES {
				t.Errorf("%s is given %d: %v", name, mine, err)
			}
			if err := p.Bind(so, mine); err != syscall.EACCES {
				t.Errorf("%s binds %d after a choice: %v", name, mine, err)
			}
			if err := p.Candidate(so, 50001, false); err != nil {
				t.Errorf("%s is not given a port that is free: %v", name, err)
			}
			so.Free()
		}
	}
}

// A choice that was refused, or can't succeed, leaves no right behind.
func TestChoiceThatFails(t *testing.T) {
	const auto = 1 << 19 // the word's bit
	root := host(t, 0)
	for name, c := range map[string]struct {
		config Config
		begins bool
	}{
		"strict":                 {Config{Flags: Strict}, false},
		"strict, high":           {Config{Flags: Strict, Level: 2}, false},
		"strict, auto-port":      {Config{Flags: Strict, Allow: auto}, true},
		"not strict, not chosen": {Config{Deny: auto}, false},
	} {
		q := Request{Command: CommandCreate, Config: c.config}
		q.SetName("fails")
		q.SetRoot("/tmp")
		y, err := root.Command(&q, nil)
		if err != nil {
			t.Fatalf("%s: %v, reason %d", name, err, y.Reason)
		}
		t.Run(name, func(t *testing.T) {
			p := member(t, y.ID, 0)
			so := p.NewSocket(2, 1, 6)
			defer so.Free()
			if err := p.Autobind(so); (err == nil) != c.begins {
				t.Fatalf("a choice begins: %v", err)
			}
			if c.begins || c.config.Flags&Strict == 0 {
				return
			}
			if err := p.Bind(so, 7650); err != syscall.EACCES {
				t.Errorf("a port nevertheless: %v", err)
			}
			if err := p.Candidate(so, 50000, false); err != syscall.EACCES {
				t.Errorf("a candidate nevertheless: %v", err)
			}
		})
		if y, err := root.Command(&Request{Command: CommandDestroy, ID: y.ID}, nil); err != nil {
			t.Errorf("%s: %v, reason %d", name, err, y.Reason)
		}
	}
}

// The kernel checks names and roots itself: others than our client can ask.
func TestNamesAndRoots(t *testing.T) {
	const (
		reasonName = 2
		reasonRoot = 4
	)
	root := host(t, 0)
	long := strings.Repeat("x", 64)
	for _, c := range []struct {
		name, path string
		level      uint32
		reason     uint32
	}{
		{"web", "/tmp", 0, 0}, {"0x10", "/tmp", 0, 0}, {"a.b_c-d", "/tmp", 2, 0}, {long[:63], "/tmp", 0, 0},
		{"", "/tmp", 0, reasonName}, {"10", "/tmp", 0, reasonName}, {"0", "/tmp", 0, reasonName}, {long, "/tmp", 0, reasonName},
		{"..", "/tmp", 0, reasonName}, {".a", "/tmp", 0, reasonName}, {"-rf", "/tmp", 0, reasonName}, {"../web", "/tmp", 0, reasonName},
		{"a/b", "/tmp", 0, reasonName}, {"a b", "/tmp", 0, reasonName}, {"a;reboot", "/tmp", 0, reasonName}, {"$(id)", "/tmp", 0, reasonName},
		{"a\nb", "/tmp", 0, reasonName}, {"a\x1b[2J", "/tmp", 0, reasonName}, {"é", "/tmp", 0, reasonName}, {"a\x00b", "/tmp", 0, reasonName},
		{"web", "", 0, reasonRoot}, {"web", "tmp", 0, reasonRoot}, {"web", "/no/such", 0, reasonRoot}, {"web", "/proc/self/exe", 0, reasonRoot},
		{"web", "/" + strings.Repeat("x", 1023), 0, reasonRoot},
		// The host's own root is for those only whom nothing is kept from.
		{"web", "/", 0, 0}, {"web", "/", 1, reasonRoot}, {"web", "/", 2, reasonRoot},
	} {
		q := Request{Command: CommandCreate, Config: Config{Level: c.level}}
		copy(q.Name[:], c.name)
		copy(q.Root[:], c.path)
		y, err := root.Command(&q, nil)
		if y.Reason != c.reason || (err == nil) != (c.reason == 0) {
			t.Errorf("name %q, root %q, level %d: %v, reason %d, want %d", c.name, c.path, c.level, err, y.Reason, c.reason)
		}
		// A detail says that it was looked for, from wherever we are.
		if looked := strings.HasPrefix(c.path, "/") && len(c.path) < len(q.Root) && c.path != "/"; y.Reason == reasonRoot && (y.Detail != 0) != looked {
			t.Errorf("root %q: detail %d", c.path, y.Detail)
		}
		if err != nil {
			continue
		}
		if c.path == "/" {
			// Nor does it get stricter later on.
			z, err := root.Command(&Request{Command: CommandSet, ID: y.ID, Mask: SetLevel, Config: Config{Level: 1}}, nil)
			if z.Reason != reasonRoot {
				t.Errorf("the host's root at medium: %v, reason %d", err, z.Reason)
			}
		}
		if _, err := root.Command(&Request{Command: CommandDestroy, ID: y.ID}, nil); err != nil {
			t.Error(err)
		}
	}
}

// What is not known, or not of the command, is refused, and nothing is done.
func TestUnknownFields(t *testing.T) {
	const reasonField = 1
	root := host(t, 0)
	id := jail(t, root, "fields", 1)
	_, before := recordOf(t, root, id)
	for name, q := range map[string]Request{
		"no command":        {ID: id},
		"unknown command":   {Command: 99, ID: id},
		"reserved":          {Command: CommandKill, ID: id, Signal: 9, Reserved: 1},
		"flags of kill":     {Command: CommandKill, ID: id, Signal: 9, Flags: 1},
		"flags of enter":    {Command: CommandEnter, ID: id, Flags: 4},
		"id of create":      {Command: CommandCreate, ID: id},
		"no id":             {Command: CommandDestroy},
		"no mask":           {Command: CommandSet, ID: id},
		"unknown mask":      {Command: CommandSet, ID: id, Mask: 1 << 20},
		"level not in mask": {Command: CommandSet, ID: id, Mask: SetAllow, Config: Config{Level: 2}},
		"level":             {Command: CommandSet, ID: id, Mask: SetLevel, Config: Config{Level: 3}},
		"signal of destroy": {Command: CommandDestroy, ID: id, Signal: 9},
		"signal 0":          {Command: CommandKill, ID: id},
		"signal -1":         {Command: CommandKill, ID: id, Signal: -1},
		"signal 64":         {Command: CommandKill, ID: id, Signal: 64},
	} {
		y, err := root.Command(&q, nil)
		if err != syscall.EINVAL || y.Reason != reasonField {
			t.Errorf("%s: %v, reason %d", name, err, y.Reason)
		}
	}
	q := Request{Command: CommandKill, ID: id, Signal: 9}
	if y, err := root.Command(&q, []Port{{6, 80, 80, 0}}); err != syscall.EINVAL {
		t.Errorf("ports of kill: %v, reason %d", err, y.Reason)
	}
	for _, port := range []Port{{6, 0, 80, 0}, {6, 81, 80, 0}, {7, 80, 80, 0}, {6, 80, 80, 1}} {
		if y, err := root.Command(&Request{Command: CommandSet, ID: id, Mask: SetPorts}, []Port{port}); err != syscall.EINVAL || y.Reason != reasonField {
			t.Errorf("port %v: %v, reason %d", port, err, y.Reason)
		}
	}
	if _, after := recordOf(t, root, id); after != before {
		t.Errorf("refused commands have made of %+v %+v", before, after)
	}
}

// A change is made as a whole, or not at all.
func TestRefusedChange(t *testing.T) {
	root := host(t, 0)
	jail(t, root, "has", 0, Port{6, 80, 80, 0})
	id := jail(t, root, "wants", 2, Port{17, 53, 53, 0})
	_, before := recordOf(t, root, id)
	q := Request{Command: CommandSet, ID: id, Mask: SetLevel | SetPorts | SetProcesses, Config: Config{Level: 0, Processes: 7}}
	if y, err := root.Command(&q, []Port{{6, 8080, 8080, 0}, {6, 80, 80, 0}}); err != syscall.EADDRINUSE {
		t.Errorf("another's port: %v, reason %d", err, y.Reason)
	}
	if _, after := recordOf(t, root, id); after != before {
		t.Errorf("a refused change has made of %+v %+v", before, after)
	}
	so := root.NewSocket(2, 1, 6)
	defer so.Free()
	if err := root.Bind(so, 8080); err != nil {
		t.Errorf("a refused change has reserved a port: %v", err)
	}
	if p := member(t, id, 0); p.System(SystemChroot, 1, 0, 0) == nil {
		t.Error("a refused change has lowered what a process is refused")
	}
}

// What a process has used is not lost when it ends, nor counted twice.
func TestTicksOfTheDead(t *testing.T) {
	root := host(t, 0)
	id := jail(t, root, "ticks", 0)
	p := member(t, id, 0)
	for i := range 3 {
		c := p.Fork(9100 + i)
		c.SetGauges(&Gauges{Threads: 1, User: 100, System: 10})
		if r, _ := recordOf(t, root, id); r.User != uint64(100*(i+1)) || r.System != uint64(10*(i+1)) {
			t.Errorf("with child %d alive: %d and %d ticks", i, r.User, r.System)
		}
		end(c)
		if r, _ := recordOf(t, root, id); r.User != uint64(100*(i+1)) || r.System != uint64(10*(i+1)) || r.Forks != uint64(i+1) || r.Exits != uint64(i+1) {
			t.Errorf("after child %d: %d and %d ticks, %d forks, %d exits", i, r.User, r.System, r.Forks, r.Exits)
		}
	}
}

// Forks that are under way count, so that two of them can't pass one place.
func TestCapCountsForksUnderWay(t *testing.T) {
	root := host(t, 0)
	q := Request{Command: CommandCreate, Config: Config{Processes: 3}}
	q.SetName("cap")
	q.SetRoot("/tmp")
	y, err := root.Command(&q, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if y, err := root.Command(&Request{Command: CommandDestroy, ID: y.ID}, nil); err != nil {
			t.Errorf("destroy: %v, reason %d", err, y.Reason)
		}
	})
	a, b := member(t, y.ID, 0), member(t, y.ID, 0)
	if err := a.MayFork(); err != nil {
		t.Errorf("the third process: %v", err)
	}
	if err := b.MayFork(); err != syscall.EAGAIN {
		t.Errorf("the fourth, with the third under way: %v", err)
	}
	c := a.Fork(9200)
	if err := b.MayFork(); err != syscall.EAGAIN {
		t.Errorf("the fourth: %v", err)
	}
	end(c)
	if err := b.MayFork(); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
}

// Who enters gets the jail's limits, those of them that it has.
func TestLimitsAtEntry(t *testing.T) {
	const files, core = 8, 4
	root := host(t, 0)
	q := Request{Command: CommandCreate, Config: Config{Limits: 1 << files}}
	q.Config.Soft[files], q.Config.Hard[files] = 77, 99
	q.SetName("limits")
	q.SetRoot("/tmp")
	y, err := root.Command(&q, nil)
	if err != nil {
		t.Fatalf("%v, reason %d", err, y.Reason)
	}
	t.Cleanup(func() {
		if y, err := root.Command(&Request{Command: CommandDestroy, ID: y.ID}, nil); err != nil {
			t.Errorf("destroy: %v, reason %d", err, y.Reason)
		}
	})
	for _, flags := range []uint32{0, EnterInit} {
		p := host(t, 0)
		enterable(t, p)
		before, most := p.Limits()
		if _, err := p.Command(&Request{Command: CommandEnter, ID: y.ID, Flags: flags}, nil); err != nil {
			t.Fatal(err)
		}
		wantSoft, wantHard := before, most
		if flags == 0 {
			wantSoft[files], wantHard[files] = 77, 99
		}
		if soft, hard := p.Limits(); soft != wantSoft || hard != wantHard {
			t.Errorf("flags %d: limits %v, %v, were %v, %v", flags, soft, hard, before, most)
		}
	}
}

// Whom a jail's init has made is guarded as it is, as long as it runs init's
// program; and from init it is not.
func TestChildOfInit(t *testing.T) {
	const low = 0
	root := host(t, 0)
	id := jail(t, root, "child", low)
	init, p := member(t, id, EnterInit), member(t, id, 0)
	child, other := init.Fork(9101), p.Fork(9102)
	grandchild := child.Fork(9103)
	for _, c := range []Proc{child, other, grandchild} {
		t.Cleanup(func() { end(c) })
	}
	see := func(who string, c Proc, want error) {
		t.Helper()
		soft, hard := c.Limits()
		for by, asker := range map[string]Proc{"another": p, "who has init's own credential": grandchild} {
			for name, err := range map[string]error{
				"signal": asker.Signal(c, 9), "ptrace": asker.Ptrace(c, 9), "limit": asker.Rlimit(c, ReqProcessRlimitSet, 8, soft[8], hard[8]),
			} {
				want := want
				if name == "ptrace" && want != nil {
					want = syscall.ESRCH // who may not be looked into is not there
				}
				if err != want {
					t.Errorf("%s of %s by %s: %v, want %v", name, who, by, err, want)
				}
			}
		}
	}
	see("init", init, syscall.EPERM)
	see("a child of init", child, syscall.EPERM)
	see("another's child", other, nil)
	see("its own child", grandchild, nil)
	if err := init.Signal(child, 9); err != nil {
		t.Errorf("init signals its child: %v", err)
	}
	if err := p.Rlimit(child, ReqProcessRlimitGet, 8, 0, 0); err != nil {
		t.Errorf("a limit of a child of init: %v", err)
	}
	child.Exec()
	see("a child that has executed", child, nil)
}

// Who has entered to execute is guarded as init is until it does, whatever
// user it becomes meanwhile; not from itself, nor from whom it makes.
func TestEnteringGuarded(t *testing.T) {
	const low = 0
	root := host(t, 0)
	id := jail(t, root, "entering", low)
	p := member(t, id, 0)
	see := func(who string, by, of Proc, want error) {
		t.Helper()
		soft, hard := of.Limits()
		for name, err := range map[string]error{
			"signal": by.Signal(of, 9), "ptrace": by.Ptrace(of, 9), "limit": by.Rlimit(of, ReqProcessRlimitSet, 8, soft[8], hard[8]),
		} {
			want := want
			if name == "ptrace" && want != nil {
				want = syscall.ESRCH
			}
			if err != want {
				t.Errorf("%s of %s: %v, want %v", name, who, err, want)
			}
		}
	}
	for _, become := range []uint32{0, 1000} {
		q, other := member(t, id, EnterExec), member(t, id, EnterExec)
		if become != 0 {
			before := q.Fork(9201) // keeps the credential that it entered with
			defer end(before)
			q.SetIDs(IDs{UID: [3]uint32{become, become, become}, GID: [3]uint32{become, become, become}})
		}
		child := q.Fork(9202)
		see("who enters", p, q, syscall.EPERM)
		see("who enters, by another", other, q, syscall.EPERM)
		see("its child", p, child, syscall.EPERM)
		if become == 0 {
			see("who does not", q, member(t, id, 0), nil)
		}
		if err := q.Signal(child, 9); err != nil {
			t.Errorf("it signals its child: %v", err)
		}
		if err := root.Signal(q, 9); err != nil {
			t.Errorf("the host's root signals it: %v", err)
		}
		end(child)
		q.Exec()
		see("who has executed", p, q, nil)
		see("another that enters", p, other, syscall.EPERM)
	}
	// Of a credential that is gone nothing is left.
	see("an ordinary member", p, member(t, id, 0), nil)
}

// A jail that could not be made leaves nothing behind, memory neither.
func TestRefusedCreate(t *testing.T) {
	root := host(t, 0)
	if err := SetBound([]Bound{{Family: 2, Protocol: 6, Port: 8081}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := SetBound(nil); err != nil {
			t.Error(err)
		}
	})
	var blocks int
	for i := range 5 {
		q := Request{Command: CommandCreate}
		q.SetName("refused")
		q.SetRoot("/tmp")
		if y, err := root.Command(&q, []Port{{6, 8081, 8081, 0}}); err != syscall.EADDRINUSE {
			t.Fatalf("a port in use: %v, reason %d", err, y.Reason)
		}
		now, _ := Memory()
		if i > 0 && now != blocks {
			t.Errorf("%d blocks of memory, were %d", now, blocks)
		}
		blocks = now
	}
}
