// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// check compares every list with what the oracle knows.
func (o *oracle) check(*rapid.T) {
	o.Helper()
	type summary struct {
		id, state, nports, processes uint32
		init                         int32
		name                         string
		config                       Config
		entries, forks, exits        uint64
		denials, observed            [9]uint64
	}
	var got, want []summary
	b := list(o.T, o.root, "jails")
	s := headerOf(b)
	if s.Generation < o.generation {
		o.Fatalf("generation %d after %d", s.Generation, o.generation)
	}
	o.generation = s.Generation
	for b = b[unsafe.Sizeof(s):]; len(b) >= int(s.Size); b = b[s.Size:] {
		r := wholeRecord(b)
		got = append(got, summary{r.ID, r.State, r.NPorts, r.Processes, r.Init, strings.TrimRight(string(r.Name[:]), "\x00"), r.Config, r.Entries, r.Forks, r.Exits, r.Denials, r.Observed})
	}
	var ports, processes []string
	for _, j := range o.jails {
		w := summary{j.id, 2, uint32(len(j.ports)), uint32(o.members(j)), 0, j.name, j.config, j.entries, j.forks, j.exits, j.denials, j.observed}
		if j.dying {
			w.state = 3
		}
		if j.init != nil {
			w.init = int32(j.init.pid)
		}
		want = append(want, w)
		for _, r := range j.ports {
			ports = append(ports, fmt.Sprint(j.id, r))
		}
	}
	if !slices.Equal(got, want) {
		o.Fatalf("jails\n%+v, want\n%+v", got, want)
	}
	for _, p := range o.procs {
		id := uint32(0)
		if p.jail != nil {
			id = p.jail.id
			flags := uint32(0)
			if p.zombie {
				flags |= 2
			}
			if p.jail.init == p {
				flags |= 1
			}
			processes = append(processes, fmt.Sprint(id, p.pid, p.uid, flags))
		}
		if p.Jail() != id {
			o.Fatalf("process %d is in %d, want %d", p.pid, p.Jail(), id)
		}
	}
	var listed []string
	records(o.T, o.root, "processes", func(b []byte) {
		n := func(at int) uint32 { return binary.NativeEndian.Uint32(b[at:]) }
		listed = append(listed, fmt.Sprint(n(0), n(4), n(12), n(16)))
	})
	slices.Sort(listed)
	slices.Sort(processes)
	if !slices.Equal(listed, processes) {
		o.Fatalf("processes %q, want %q", listed, processes)
	}
	listed = nil
	records(o.T, o.root, "ports", func(b []byte) {
		p := *(*Port)(unsafe.Pointer(&b[4]))
		listed = append(listed, fmt.Sprint(binary.NativeEndian.Uint32(b), p))
	})
	if !slices.Equal(listed, ports) {
		o.Fatalf("ports %q, want %q", listed, ports)
	}
}

// whole is struct jail_record.
type whole struct {
	ID, State          uint32
	Init               int32
	NPorts             uint32
	Created            int64
	Config             Config
	Processes, Threads uint32
	Resident, Virtual  uint64
	Oldest             int64
	record
}

func wholeRecord(b []byte) (r whole) {
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r)), b)
	return r
}

func headerOf(b []byte) (s snapshot) {
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&s)), unsafe.Sizeof(s)), b)
	return s
}

// end takes all away again.
func (o *oracle) end() {
	o.bound = nil
	_ = SetBound(nil)
	for _, p := range o.procs {
		if !p.zombie {
			p.Exit()
		}
		p.Free()
	}
	for _, j := range Jails() {
		if y, err := o.root.Command(&Request{Command: CommandDestroy, ID: j.ID}, nil); err != nil {
			o.Errorf("jail %d is not destroyed: %v, reason %d, detail %d", j.ID, err, y.Reason, y.Detail)
		}
	}
	end(o.root)
}

// unloaded wants the model to go, with all its memory and all that it held.
func unloaded(t rapid.TB) (blocks, size, vnodes, references int) {
	t.Helper()
	if !Forget() {
		t.Fatal("there is a jail")
	}
	if err := Unload(); err != nil {
		t.Fatalf("unload: %v", err)
	}
	blocks, size = Memory()
	vnodes, references = Vnodes()
	return
}

// Whatever comes in whatever order, the model answers and lists what the
// oracle says, and in the end it has given everything back.
func TestMachine(t *testing.T) {
	Tick(1)
	defer Tick(0)
	rapid.Check(t, func(t *rapid.T) {
		blocks, size, vnodes, references := unloaded(t)
		if err := Load(); err != nil {
			t.Fatal(err)
		}
		o := &oracle{T: t, root: NewHost(7, IDs{}), pid: 100000}
		o.rules = policyOf(t, o.root)
		func() {
			defer o.end()
			t.Repeat(map[string]func(*rapid.T){
				"": o.check, "create": o.create, "set": o.set, "appear": o.appear, "enter": o.enter, "enter more": o.enter, "fork": o.fork,
				"exit": o.exit, "reap": o.reap, "change": o.change, "kill": o.kill, "destroy": o.destroy, "ask": o.ask, "signal": o.signal,
				"bind": o.bind, "unbind": o.unbind,
			})
		}()
		b, s, v, r := unloaded(t)
		if b != blocks || s != size || v != vnodes || r != references {
			t.Errorf("%d blocks of %d bytes, %d vnodes and %d references are left", b-blocks, s-size, v-vnodes, r-references)
		}
		if err := Load(); err != nil {
			t.Fatal(err)
		}
	})
}
