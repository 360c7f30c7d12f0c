// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// tape is bytes that say what is done, one after the other.
type tape []byte

// upTo takes a number below n; 0 when the tape is at its end.
func (t *tape) upTo(n int) int {
	if len(*t) == 0 {
		return 0
	}
	v := int((*t)[0])
	*t = (*t)[1:]
	return v % n
}

// word is a number of 32 bits: mostly one of few bits, or at an edge.
func (t *tape) word() uint32 {
	switch t.upTo(4) {
	case 0:
		return uint32(t.upTo(8))
	case 1:
		return 1 << t.upTo(32)
	case 2:
		return []uint32{0, 1, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff}[t.upTo(8)]
	}
	b := append([]byte(nil), *t...)
	for len(b) < 4 {
		b = append(b, 0)
	}
	*t = (*t)[min(4, len(*t)):]
	return binary.NativeEndian.Uint32(b)
}

func (t *tape) long() uint64 { return uint64(t.word())<<32 | uint64(t.word()) }

// config is one that has a meaning, but for now and then a field.
func (t *tape) config() Config {
	c := Config{Level: uint32(t.upTo(3)), Flags: uint32(t.upTo(4)), Processes: uint32(t.upTo(6))}
	switch t.upTo(8) {
	case 0:
		c.Allow = t.long()
	case 1:
		c.Deny = t.long()
	case 2:
		c.Allow, c.Deny = 1<<t.upTo(30), 1<<t.upTo(30)
	case 3:
		c.Limits = t.word()
		c.Soft[t.upTo(NLimits)] = t.long()
		c.Hard[t.upTo(NLimits)] = t.long()
	case 4:
		c.Level, c.Flags = t.word(), t.word()
	case 5:
		i := t.upTo(NLimits)
		c.Limits, c.Soft[i], c.Hard[i] = 1<<i, uint64(t.upTo(9)), 9
	}
	return c
}

func (t *tape) ports() (all []Port) {
	for range t.upTo(4) {
		p := Port{Protocol: []uint16{0, 6, 17, 6}[t.upTo(4)], First: uint16(1000 + t.upTo(100))}
		p.Last = p.First + uint16(t.upTo(50))
		if t.upTo(16) == 0 {
			p = Port{uint16(t.word()), uint16(t.word()), uint16(t.word()), uint16(t.word())}
		}
		all = append(all, p)
	}
	return all
}

// request is one of any command, for a jail from first on.
func (t *tape) request(first uint32) (*Request, []Port) {
	q := &Request{Command: uint32(1 + t.upTo(5)), ID: first + uint32(t.upTo(4))}
	var ports []Port
	switch q.Command {
	case CommandCreate:
		q.ID, q.Config, ports = 0, t.config(), t.ports()
		q.SetName([]string{"a", "b", "c", "", "1", "..", "a/b", string(make([]byte, 70))}[t.upTo(1+t.upTo(8))])
		q.SetRoot([]string{"/tmp", "/", "/tmp", "", "tmp", "/none", "/etc/passwd", "/tmp/../tmp"}[t.upTo(8)])
	case CommandSet:
		q.Mask = uint32(1 + t.upTo(255))
		c := t.config()
		// What is not in the mask is not there.
		for bit, move := range map[uint32]func(){
			SetLevel: func() { q.Config.Level = c.Level }, SetAllow: func() { q.Config.Allow = c.Allow }, setDeny: func() { q.Config.Deny = c.Deny },
			SetProcesses: func() { q.Config.Processes = c.Processes }, SetStrict: func() { q.Config.Flags |= c.Flags & Strict }, SetObserve: func() { q.Config.Flags |= c.Flags & Observe },
			setLimits: func() { q.Config.Limits, q.Config.Soft, q.Config.Hard = c.Limits, c.Soft, c.Hard },
			SetPorts:  func() { ports = t.ports() },
		} {
			if q.Mask&bit != 0 {
				move()
			}
		}
	case CommandEnter:
		q.Flags = uint32(t.upTo(4))
	case CommandKill:
		q.Signal = []int32{16, 15, 16, 0, -1, 64, 9, 1 << 30}[t.upTo(8)]
	}
	if t.upTo(16) == 0 { // a field with anything in it
		switch t.upTo(8) {
		case 0:
			q.Command = t.word()
		case 1:
			q.Flags = t.word()
		case 2:
			q.ID = t.word()
		case 3:
			q.Mask = t.word()
		case 4:
			q.Signal = int32(t.word())
		case 5:
			q.Reserved = t.word()
		case 6:
			q.Config = t.config()
		case 7:
			q.Name[t.upTo(64)] = byte(t.upTo(256))
		}
	}
	return q, ports
}

// ask asks one of all questions.
func (t *tape) ask(p, other Proc) {
	switch t.upTo(12) {
	case 0:
		_ = p.Generic(uint64(t.word()) + 1)
	case 1:
		_ = p.System(uint64(t.upTo(64))+1, uint64(t.upTo(64)), uint64(t.word()), uint64(t.word()))
	case 2:
		_ = p.Machdep(t.long() | 1)
	case 3:
		_ = p.Signal(other, t.upTo(64))
	case 4:
		_ = p.Ptrace(other, t.upTo(64))
	case 5:
		_ = p.CanSee(other, uint64(t.upTo(16)))
	case 6:
		_ = p.Rlimit(other, uint64(t.upTo(4)), t.upTo(16), t.long(), t.long())
	case 7:
		_ = p.Nice(other, t.upTo(41))
	case 8:
		_ = p.SocketOpen(t.upTo(40), t.upTo(6), t.upTo(256))
	case 9:
		so := p.NewSocket([]int{2, 24, 1}[t.upTo(3)], 1+t.upTo(2), []int{6, 17, 132}[t.upTo(3)])
		defer so.Free()
		for range t.upTo(4) {
			if t.upTo(3) == 0 {
				_ = p.Autobind(so)
				_ = p.Candidate(so, uint16(1000+t.upTo(100)), t.upTo(2) == 0)
			} else {
				_ = p.Bind(so, uint16(1000+t.upTo(100)))
			}
		}
	case 10:
		_ = p.Spec(uint64(t.upTo(4)), t.upTo(2) == 0, uint64(t.word()))
	case 11:
		_ = p.Vnode(t.long()|1, t.word(), uint64(t.word()), -1)
	}
}

// FuzzTape plays a tape of requests by all kinds of processes, of what they do
// and what they ask; the lists stay well, and in the end everything is given
// back.
func FuzzTape(f *testing.F) {
	for i := range uint64(24) {
		r, b := rand.New(rand.NewPCG(i, 0)), make([]byte, 500)
		for n := range b {
			b[n] = byte(r.Uint32())
		}
		f.Add(b)
	}
	Tick(1)
	f.Cleanup(func() { Tick(0) })
	f.Fuzz(func(t *testing.T, b []byte) {
		blocks, size, vnodes, references := unloaded(t)
		if err := Load(); err != nil {
			t.Fatal(err)
		}
		tape := tape(b)
		root, user := NewHost(70, IDs{}), NewHost(71, IDs{UID: [3]uint32{5, 5, 5}})
		procs := []Proc{root, user}
		add := func(p Proc) { procs = append(procs, p) }
		pick := func() Proc { return procs[tape.upTo(len(procs))] }
		old := make([]byte, 200)
		for len(tape) > 0 {
			switch tape.upTo(8) {
			case 0, 1:
				q, ports := tape.request(1)
				b := q.Bytes(ports)
				if tape.upTo(16) == 0 {
					b = b[:tape.upTo(256)*len(b)/256]
				}
				by := root
				if tape.upTo(8) == 0 || q.Command == CommandEnter {
					by = pick()
				}
				_, err := by.Sysctl("security.models.jail.command", old[:cap(old)-tape.upTo(4)*50], b)
				if err == nil && by == user {
					t.Fatal("a user commands")
				}
			case 2:
				if len(procs) < 20 {
					p := NewHost(80+len(procs), IDs{})
					enterable(t, p)
					add(p)
				}
			case 3:
				if p := pick(); p != root && len(procs) < 20 && p.MayFork() == nil {
					c := p.Fork(80 + len(procs))
					if c.Jail() != p.Jail() {
						t.Fatal("a child is elsewhere")
					}
					add(c)
				}
			case 4:
				if i := 2 + tape.upTo(20); i < len(procs) {
					end(procs[i])
					procs = append(procs[:i], procs[i+1:]...)
				}
			case 5:
				p := pick()
				if p == root || p == user {
					continue
				}
				id := uint32(tape.upTo(3))
				p.SetIDs(IDs{UID: [3]uint32{id, id, id}, GID: [3]uint32{id, id, id}})
			case 6:
				tape.ask(pick(), pick())
			case 7:
				node := nodes[tape.upTo(len(nodes))]
				if tape.upTo(4) == 0 {
					node = fmt.Sprintf("events.%d.%d.%d", tape.word(), tape.word(), tape.word())
					if tape.upTo(2) == 0 { // to wait: nobody comes, but a signal
						node += fmt.Sprintf(".%d", tape.upTo(3))
					}
				}
				_, _ = pick().Sysctl("security.models.jail."+node, make([]byte, tape.upTo(256)*100), nil)
			}
		}
		consistent(t, root)
		for _, p := range procs[2:] {
			end(p)
		}
		Signals()
		destroyAll(t, root)
		end(user)
		end(root)
		b1, s1, v1, r1 := unloaded(t)
		if b1 != blocks || s1 != size || v1 != vnodes || r1 != references {
			t.Errorf("%d blocks of %d bytes, %d vnodes and %d references are left", b1-blocks, s1-size, v1-vnodes, r1-references)
		}
		if err := Load(); err != nil {
			t.Fatal(err)
		}
	})
}
