// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// seeds are requests that are well, of each command.
func seeds() [][]byte {
	create := Request{Command: CommandCreate, Config: Config{Level: 1, Flags: Strict, Processes: 5, Limits: 1 << 8}}
	create.SetName("fuzz")
	create.SetRoot("/tmp")
	create.Config.Soft[8], create.Config.Hard[8] = 10, 20
	all := [][]byte{create.Bytes([]Port{{6, 80, 90, 0}, {0, 53, 53, 0}})}
	for _, q := range []Request{
		{Command: CommandSet, ID: 1, Mask: SetLevel | SetPorts, Config: Config{Level: 2}},
		{Command: CommandSet, ID: 1, Mask: SetAllow, Config: Config{Allow: 3}},
		{Command: CommandSet, ID: 1, Mask: SetObserve | SetStrict, Config: Config{Flags: Observe}},
		{Command: CommandEnter, ID: 1},
		{Command: CommandEnter, ID: 1, Flags: EnterInit},
		{Command: CommandKill, ID: 1, Signal: 9},
		{Command: CommandDestroy, ID: 1},
	} {
		all = append(all, q.Bytes(nil), q.Bytes([]Port{{17, 65535, 65535, 0}}))
	}
	return all
}

// snapshot is the header of each list.
type snapshot struct {
	ABI, Size, Count, Stathz uint32
	Generation, Uptime       uint64
	Pagesize, Reserved       uint32
}

func header(t *testing.T, name string, b []byte) snapshot {
	var s snapshot
	if len(b) < int(unsafe.Sizeof(s)) {
		t.Fatalf("%s: %d bytes", name, len(b))
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&s)), unsafe.Sizeof(s)), b)
	if s.ABI != ABIVersion || s.Reserved != 0 || s.Stathz == 0 || s.Pagesize == 0 ||
		len(b) != int(unsafe.Sizeof(s))+int(s.Size)*int(s.Count) {
		t.Fatalf("%s: %+v in %d bytes", name, s, len(b))
	}
	return s
}

// consistent checks what holds whatever was asked.
func consistent(t *testing.T, root Proc) {
	jails := list(t, root, "jails")
	s := header(t, "jails", jails)
	if int(s.Count) != len(Jails()) {
		t.Fatalf("%d jails listed of %d", s.Count, len(Jails()))
	}
	names := map[string]bool{}
	var members, ranges uint32
	last := uint32(0)
	for i := range int(s.Count) {
		b := jails[int(unsafe.Sizeof(s))+i*int(s.Size):][:s.Size]
		id, nports := binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[12:])
		if id <= last {
			t.Fatalf("id %d after %d", id, last)
		}
		last = id
		tail := b[len(b)-64-1024:]
		name, _, ok := bytes.Cut(tail[:64], []byte{0})
		if !ok || len(name) == 0 || names[string(name)] || bytes.ContainsAny(name, "/ \n") {
			t.Fatalf("jail %d is named %q", id, tail[:64])
		}
		names[string(name)] = true
		if !bytes.HasPrefix(tail[64:], []byte("/")) || tail[len(tail)-1] != 0 {
			t.Fatalf("jail %d has the root %q", id, tail[64:])
		}
		ranges += nports
		members += binary.NativeEndian.Uint32(b[24+int(unsafe.Sizeof(Config{})):])
	}
	owners := header(t, "ports", list(t, root, "ports"))
	if owners.Count != ranges {
		t.Fatalf("%d ranges of ports, jails have %d", owners.Count, ranges)
	}
	if p := header(t, "processes", list(t, root, "processes")); p.Count < members {
		t.Fatalf("%d processes, jails have %d", p.Count, members)
	}
}

// FuzzCommand sends any bytes as a command, by root, a user, and who is
// jailed; whatever comes, the lists stay well, and only root has success.
func FuzzCommand(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s, uint16(200))
		f.Add(s, uint16(3))
	}
	root, user := host(f, 0), host(f, 1000)
	f.Fuzz(func(t *testing.T, b []byte, room uint16) {
		// A jail to do it to, and one that does it.
		have := Request{Command: CommandCreate}
		have.SetName("have")
		have.SetRoot("/")
		y, err := root.Command(&have, []Port{{6, 80, 80, 0}})
		if err != nil {
			t.Fatalf("have: %v, reason %d", err, y.Reason)
		}
		inside := NewHost(50000, IDs{})
		enterable(t, inside)
		if _, err := inside.Command(&Request{Command: CommandEnter, ID: y.ID}, nil); err != nil {
			t.Fatal(err)
		}
		if len(b) >= 16 && b[12] == 1 && b[13]|b[14]|b[15] == 0 {
			// Id 1 of the seeds is the one that is there.
			b = append([]byte(nil), b...)
			binary.NativeEndian.PutUint32(b[12:], y.ID)
		}
		old := make([]byte, room)
		for _, p := range []Proc{user, inside} {
			if _, err := p.Sysctl("security.models.jail.command", old, b); err == nil {
				t.Fatalf("success without being root of the host")
			}
		}
		by := NewHost(50001, IDs{})
		enterable(t, by)
		n, err := by.Sysctl("security.models.jail.command", old, b)
		if err == nil && (n > len(old) || n < int(unsafe.Sizeof(Reply{}))) {
			t.Fatalf("%d bytes of reply in %d", n, len(old))
		}
		consistent(t, root)

		by.Exit()
		inside.Exit()
		for _, p := range []Proc{by, inside} {
			p.Free()
		}
		Signals()
		for _, j := range Jails() {
			if y, err := root.Command(&Request{Command: CommandDestroy, ID: j.ID}, nil); err != nil {
				t.Fatalf("jail %d is not destroyed: %v, reason %d", j.ID, err, y.Reason)
			}
		}
		consistent(t, root)
	})
}

// FuzzLists reads any node with any room, and writes to it, by all.
func FuzzLists(f *testing.F) {
	for _, n := range []string{"jails", "processes", "ports", "policy", "words", "events", "seen", "log", "version", "name", "command", "", "x",
		"events.1", "events.1.0.2", "events.0.0.0", "events.4294967295.4294967295.4294967295", "seen.1", "seen.1.2.3", "jails.1", "events.1.2", "events..", "events.x", "events.0.0.0.1", "events.1.0.5.1", "events.0.0.0.2", "seen.0.0.0.1"} {
		for _, room := range []int{-1, 0, 1, 48, 5000, 100000} {
			f.Add(n, room, []byte(nil))
		}
		f.Add(n, 100, []byte("abcd"))
	}
	root, user := host(f, 0), host(f, 1000)
	id := jail(f, root, "lists", 1, Port{6, 1, 1000, 0}, Port{17, 1, 65535, 0})
	inside := member(f, id, 0)
	defile(inside)
	f.Fuzz(func(t *testing.T, name string, room int, write []byte) {
		var old []byte
		if room >= 0 {
			old = make([]byte, room%(1<<20))
		}
		if len(write) == 0 {
			write = nil
		}
		if name == "command" && len(write) > 0 {
			return // FuzzCommand
		}
		for _, p := range []Proc{root, user, inside} {
			n, err := p.Sysctl("security.models.jail."+name, old, write)
			if write != nil && err == nil && (name != "log" || p != root) {
				t.Fatalf("%s was written", name)
			}
			if write != nil && err == nil {
				_, _ = root.Sysctl("security.models.jail.log", nil, make([]byte, 4))
			}
			if err == nil && old != nil && n > len(old) {
				t.Fatalf("%s: %d bytes in %d", name, n, len(old))
			}
			if errors.Is(err, syscall.ENOMEM) && old != nil && n <= len(old) {
				t.Fatalf("%s: %d bytes do not fit in %d", name, n, len(old))
			}
			switch node, _, _ := strings.Cut(name, "."); node {
			case "jails", "processes", "ports", "policy", "words", "events", "seen":
				if err == nil && old != nil {
					header(t, name, old[:n])
				}
			}
		}
		consistent(t, root)
	})
}
