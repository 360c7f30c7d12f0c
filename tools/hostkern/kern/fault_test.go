// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// A stage is what an operation is tried on: a jail with a member that is a
// child, a process of the host that may enter, and one that reads.
type stage struct {
	testing.TB
	root, by, member Proc
	id               uint32
	pid              int
	made             []Proc
}

// show sets one up; the same each time, but for ids.
func show(t testing.TB) *stage {
	s := &stage{TB: t, root: NewHost(50, IDs{}), by: NewHost(51, IDs{}), pid: 60}
	enterable(t, s.by)
	var limits [NLimits]uint64
	for i := range limits {
		limits[i] = 1000
	}
	s.by.SetLimits(&limits, &limits)
	q := Request{Command: CommandCreate, Config: Config{Level: 1, Processes: 9, Limits: 1<<5 | 1<<8}}
	q.Config.Soft[5], q.Config.Hard[5], q.Config.Soft[8], q.Config.Hard[8] = 7, 8, 9, 10
	q.SetName("stage")
	q.SetRoot("/tmp")
	y, err := s.root.Command(&q, []Port{{6, 80, 89, 0}})
	if err != nil {
		t.Fatal(err)
	}
	s.id = y.ID
	first := NewHost(52, IDs{})
	enterable(t, first)
	if _, err := first.Command(&Request{Command: CommandEnter, ID: s.id}, nil); err != nil {
		t.Fatal(err)
	}
	s.member = first.Fork(53)
	s.made = []Proc{s.member, first, s.by, s.root}
	return s
}

// strike takes it away; all is gone then.
func (s *stage) strike() {
	Signals()
	for _, p := range s.made[:len(s.made)-1] {
		end(p)
	}
	destroyAll(s, s.root)
	end(s.root)
}

// state is all that can be seen, in words, without what differs from one time
// to the next: ids and times.
func (s *stage) state() string {
	var b strings.Builder
	names := map[uint32]string{}
	records(s, s.root, "jails", func(raw []byte) {
		r := wholeRecord(raw)
		names[r.ID] = strings.TrimRight(string(r.Name[:]), "\x00")
		fmt.Fprintln(&b, names[r.ID], r.State, r.Init, r.NPorts, r.Config, r.Processes, r.Entries, r.Forks, r.Exits, r.Denials, r.Observed, r.Lost)
	})
	records(s, s.root, "processes", func(raw []byte) {
		fmt.Fprintln(&b, "process", raw[4:24])
	})
	records(s, s.root, "ports", func(raw []byte) {
		fmt.Fprintln(&b, "port", raw[4:])
	})
	fmt.Fprintln(&b, events(s, s.root, "seen") == nil, len(list(s, s.root, "events")))
	for _, p := range s.made {
		soft, hard := p.Limits()
		fd := p.RootFD()
		fmt.Fprintln(&b, p.Jail() == s.id, fd != -1, soft, hard)
		if fd != -1 {
			syscall.Close(fd)
		}
	}
	log := make([]byte, 4)
	if _, err := s.root.Sysctl("security.models.jail.log", log, nil); err != nil {
		s.Fatal(err)
	}
	fmt.Fprintln(&b, "log", log)
	return b.String()
}

func (s *stage) command(p Proc, q Request, ports ...Port) error {
	_, err := p.Command(&q, ports)
	return err
}

func (s *stage) fork(make func(Proc, int) Proc) error {
	if err := s.member.MayFork(); err != nil {
		return err
	}
	s.pid++
	s.made = append([]Proc{make(s.member, s.pid)}, s.made...)
	return nil
}

// operations are all that there are.
func operations() map[string]func(s *stage) error {
	all := map[string]func(*stage) error{
		"create": func(s *stage) error {
			q := Request{Command: CommandCreate, Config: Config{Level: 2, Flags: Strict | Observe}}
			q.SetName("made")
			q.SetRoot("/tmp")
			return s.command(s.root, q, Port{17, 53, 53, 0}, Port{0, 100, 300, 0})
		},
		"create, without ports": func(s *stage) error {
			q := Request{Command: CommandCreate}
			q.SetName("bare")
			q.SetRoot("/")
			return s.command(s.root, q)
		},
		"set": func(s *stage) error {
			q := Request{Command: CommandSet, ID: s.id, Mask: 0xff, Config: Config{Level: 2, Allow: 2, Deny: 4, Flags: Observe, Processes: 7, Limits: 1}}
			q.Config.Soft[0], q.Config.Hard[0] = 1, 2
			return s.command(s.root, q, Port{6, 85, 95, 0}, Port{17, 1000, 1300, 0})
		},
		"set no ports": func(s *stage) error { return s.command(s.root, Request{Command: CommandSet, ID: s.id, Mask: SetPorts}) },
		"enter":        func(s *stage) error { return s.command(s.by, Request{Command: CommandEnter, ID: s.id}) },
		"enter as init": func(s *stage) error {
			return s.command(s.by, Request{Command: CommandEnter, ID: s.id, Flags: EnterInit})
		},
		"kill": func(s *stage) error {
			return s.command(s.root, Request{Command: CommandKill, ID: s.id, Signal: 16})
		},
		"destroy": func(s *stage) error {
			if len(s.made) == 4 { // nobody is in it
				for _, p := range s.made[:2] {
					end(p)
				}
				s.made = s.made[2:]
			}
			return s.command(s.root, Request{Command: CommandDestroy, ID: s.id})
		},
		"fork": func(s *stage) error { return s.fork(func(p Proc, pid int) Proc { return p.Fork(pid) }) },
		"embryo": func(s *stage) error {
			return s.fork(func(p Proc, pid int) Proc {
				c := p.Embryo()
				c.Arrive(pid)
				return c
			})
		},
		"change ids": func(s *stage) error {
			s.member.SetIDs(IDs{UID: [3]uint32{5, 5, 5}, GID: [3]uint32{6, 6, 6}})
			return nil
		},
		"exec": func(s *stage) error { s.member.Exec(); return nil },
		"be refused": func(s *stage) error {
			defile(s.member)
			return nil
		},
		"write the log": func(s *stage) error {
			_, err := s.root.Sysctl("security.models.jail.log", nil, []byte{5, 0, 0, 0})
			return err
		},
	}
	for _, node := range nodes {
		if node == "command" {
			continue
		}
		for who, of := range map[string]func(*stage) Proc{"root": func(s *stage) Proc { return s.root }, "a member": func(s *stage) Proc { return s.member }} {
			all["read "+node+" as "+who] = func(s *stage) error {
				n, err := of(s).Sysctl("security.models.jail."+node, nil, nil)
				if err == nil {
					_, err = of(s).Sysctl("security.models.jail."+node, make([]byte, n), nil)
				}
				return err
			}
		}
	}
	return all
}

// Each call in an operation that can fail does so, one by one. What fails has
// done nothing, or, if only its reply was lost on the way, all; nothing of it
// is left; and the same operation succeeds then. In the end, when all is gone,
// so is all memory.
func TestFaults(t *testing.T) {
	blocks, size, vnodes, references := unloaded(t)
	if err := Load(); err != nil {
		t.Fatal(err)
	}
	reset := func(s *stage) {
		_, _ = s.root.Sysctl("security.models.jail.log", nil, make([]byte, 4))
		s.strike()
	}
	total := 0
	for name, do := range operations() {
		t.Run(name, func(t *testing.T) {
			s := show(t)
			if err := do(s); err != nil {
				t.Fatal(err)
			}
			done := s.state()
			reset(s)
			told := 0 // ways to and from the caller that failed
			for n := 1; ; n++ {
				s := show(t)
				if name == "destroy" { // what goes before it is none of it
					for _, p := range s.made[:2] {
						end(p)
					}
					s.made = s.made[2:]
				}
				before := s.state()
				b, z := Memory()
				v, r := Vnodes()
				FaultAt(n)
				err := do(s)
				calls := Faults()
				FaultAt(0)
				if calls < n {
					if err != nil {
						t.Errorf("without a fault: %v", err)
					}
					if after := s.state(); after != done {
						t.Errorf("without a fault it ends with\n%s, want\n%s", after, done)
					}
					reset(s)
					total += n - 1
					return
				}
				after := s.state()
				switch {
				case err == nil:
					t.Errorf("call %d failed, and nothing was said", n)
				case after == before:
					if nb, nz := Memory(); nb != b || nz != z {
						t.Errorf("call %d failed (%v), and %d blocks of %d bytes are left", n, err, nb-b, nz-z)
					}
					if nv, nr := Vnodes(); nv != v || nr != r {
						t.Errorf("call %d failed (%v), and %d vnodes, %d references are left", n, err, nv-v, nr-r)
					}
					if err := do(s); err != nil {
						t.Errorf("call %d failed, and once more: %v", n, err)
					} else if again := s.state(); again != done {
						t.Errorf("call %d failed, and once more ends with\n%s, want\n%s", n, again, done)
					}
				case after == done && errors.Is(err, syscall.EFAULT):
					// The last call of a command tells what is done.
					// Both ways were tried before.
					if calls != n || told < 2 {
						t.Errorf("call %d of %d failed (%v), and all was done; %d were tried before", n, calls, err, told)
					}
				default:
					t.Errorf("call %d failed (%v), and left\n%s, want\n%s or\n%s", n, err, after, before, done)
				}
				if errors.Is(err, syscall.EFAULT) {
					told++
				}
				reset(s)
			}
		})
	}
	t.Logf("%d calls failed", total)
	b, z, v, r := unloaded(t)
	if b != blocks || z != size || v != vnodes || r != references {
		t.Errorf("%d blocks of %d bytes, %d vnodes and %d references are left", b-blocks, z-size, v-vnodes, r-references)
	}
	if err := Load(); err != nil {
		t.Fatal(err)
	}
}

// copies lets the memory for a credential that has no node be short.
func copies() int {
	root := NewHost(2, IDs{})
	var t testing.T
	id := jail(quietly{&t}, root, "copies", 2)
	p := member(quietly{&t}, id, 0)
	Copies(p, 1000) // more than are kept in reserve
	Copies(p, 1000)
	fmt.Println("copied")
	FaultAt(1)
	Copies(p, 3000)
	return 0
}

// A credential that would lose its jail for want of memory is the end: it
// would be the host's. It takes more of them at once than are kept in reserve.
func TestCopies(t *testing.T) {
	out, err := again("copies")
	if err == nil || !strings.Contains(out, "copied\n") || !strings.Contains(out, "panic: secmodel_jail: no memory for a credential") {
		t.Errorf("%v: %s", err, out)
	}
}
