// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// nodes of the interface.
var nodes = []string{"name", "version", "command", "jails", "processes", "ports", "policy", "words", "events", "seen", "log", "events.1", "events.1.0.1", "events.0.0.0.0", "seen.1"}

// Every node is read with every length of the buffer up to beyond what it
// needs, and written with every length, by the host's root, a user and who is
// in a jail: no byte beyond the buffer is touched, the length that is told is
// enough, and only what may be written is.
func TestEveryLength(t *testing.T) {
	root, user := host(t, 0), host(t, 1000)
	id := jail(t, root, "lengths", 1, Port{6, 80, 80, 0})
	inside := member(t, id, 0)
	defile(inside)
	const guard = 0x5a
	for _, node := range nodes {
		name := "security.models.jail." + node
		for who, p := range map[string]Proc{"root": root, "a user": user, "who is jailed": inside} {
			need, err := p.Sysctl(name, nil, nil)
			if node == "command" {
				if err != syscall.EINVAL {
					t.Fatalf("%s is read by %s: %v", node, who, err)
				}
				need = int(unsafe.Sizeof(Reply{}))
			} else if err != nil {
				t.Fatalf("%s is read by %s: %v", node, who, err)
			}
			buffer := make([]byte, need+64)
			for n := range min(need+32, 4096) {
				for i := range buffer {
					buffer[i] = guard
				}
				told, err := p.Sysctl(name, buffer[:n:n], nil)
				for i, b := range buffer[n:] {
					if b != guard {
						t.Fatalf("%s, %d bytes, by %s: byte %d is touched", node, n, who, n+i)
					}
				}
				switch {
				case node == "command":
					if err != syscall.EINVAL {
						t.Fatalf("%s, %d bytes, by %s: %v", node, n, who, err)
					}
				case err == nil:
					if told > n {
						t.Fatalf("%s, %d bytes, by %s: %d told", node, n, who, told)
					}
				case !errors.Is(err, syscall.ENOMEM) || told <= n:
					t.Fatalf("%s, %d bytes, by %s: %v, %d told", node, n, who, err, told)
				}
			}
			if node == "command" {
				continue
			}
			for n := 1; n < 64; n++ {
				_, err := p.Sysctl(name, nil, make([]byte, n))
				if may := node == "log" && n == 4 && who == "root"; may != (err == nil) {
					t.Errorf("%s is written by %s with %d bytes: %v", node, who, n, err)
				}
			}
		}
	}
}

// A command is taken in the lengths that requests have, and in no other.
func TestEveryLengthOfCommand(t *testing.T) {
	root := host(t, 0)
	id := jail(t, root, "lengths", 0)
	q := Request{Command: CommandSet, ID: id, Mask: SetPorts}
	ports := make([]Port, 1030)
	for i := range ports {
		ports[i] = Port{6, uint16(1000 + i), uint16(1000 + i), 0}
	}
	all := q.Bytes(ports)
	size, one := int(unsafe.Sizeof(q)), int(unsafe.Sizeof(ports[0]))
	reply := make([]byte, unsafe.Sizeof(Reply{}))
	for n := range len(all) + 1 {
		if n > size+40 && n < size+1020*one {
			continue
		}
		b := append([]byte(nil), all[:n]...)
		want := error(syscall.EINVAL)
		if n >= size && (n-size)%one == 0 {
			binary.NativeEndian.PutUint32(b[24:], uint32((n-size)/one))
			want = nil
			if (n-size)/one > 1024 {
				want = syscall.E2BIG
			}
		}
		if _, err := root.Sysctl("security.models.jail.command", reply, b); err != want {
			t.Fatalf("%d bytes: %v, want %v", n, err, want)
		}
		// A count that is not that of what follows.
		if want == nil && n > size {
			binary.NativeEndian.PutUint32(b[24:], uint32((n-size)/one-1))
			if _, err := root.Sysctl("security.models.jail.command", reply, b); err != syscall.EINVAL {
				t.Fatalf("%d bytes with a lesser count: %v", n, err)
			}
		}
	}
}

// Every bit of every command's request is turned over, one by one: what
// succeeds then is only what has a meaning, and whatever comes of it, the
// lists are well and a jail's record is the old one unless it succeeded.
func TestEveryBit(t *testing.T) {
	root := host(t, 0)
	size, name := int(unsafe.Sizeof(Request{})), int(unsafe.Offsetof(Request{}.Name))
	succeeded := map[string]int{}
	for _, what := range []string{"create", "set", "enter", "kill", "destroy"} {
		for bit := range (size + 8) * 8 {
			if bit > (name+16)*8 && bit < size*8 && bit%7 != 0 {
				continue // the tails of name and root
			}
			jailAt(t, root, "other", Port{6, 90, 99, 0})
			id := jailAt(t, root, "bits")
			q, ports := Request{ID: id}, []Port(nil)
			switch what {
			case "create":
				q = Request{Command: CommandCreate, Config: Config{Level: 1, Flags: Strict, Processes: 5}}
				q.SetName("made")
				q.SetRoot("/tmp")
				ports = []Port{{6, 100, 200, 0}}
			case "set":
				q.Command, q.Mask, q.Config.Level, q.Config.Allow = CommandSet, SetLevel|SetAllow|SetPorts, 2, 2
				ports = []Port{{17, 100, 200, 0}}
			case "enter":
				q.Command = CommandEnter
			case "kill":
				q.Command, q.Signal = CommandKill, 16
			case "destroy":
				q.Command = CommandDestroy
			}
			b := q.Bytes(ports)
			if bit >= len(b)*8 {
				destroyAll(t, root)
				break
			}
			b[bit/8] ^= 1 << (bit % 8)
			by := NewHost(60000, IDs{})
			enterable(t, by)
			before, config := recordOf(t, root, id)
			reply := make([]byte, unsafe.Sizeof(Reply{}))
			_, err := by.Sysctl("security.models.jail.command", reply, b)
			if err == nil {
				succeeded[fmt.Sprintf("%s %s", what, field(bit/8))]++
			} else if after, c := recordOf(t, root, id); after != before || c != config {
				t.Fatalf("%s with bit %d of byte %d: %v, and the jail has changed", what, bit%8, bit/8, err)
			}
			consistent(t, root)
			end(by)
			Signals()
			destroyAll(t, root)
		}
	}
	for what, n := range succeeded {
		t.Logf("%s: %d", what, n)
		_, f, _ := strings.Cut(what, " ")
		if !map[string]bool{
			"create level": true, "create flags of config": true, "create processes": true, "create name": true, "create root": true, "create words": true, "create ports": true, "create limits": true,
			"set level": true, "set words": true, "set mask": true, "set ports": true,
			"enter flags": true, "kill signal": true, "set id": true, "enter id": true, "kill id": true, "destroy id": true,
			"enter command": true, "destroy command": true,
		}[what] {
			t.Errorf("%s succeeds with another %s", what, f)
		}
	}
}

// field names that of a request which a byte is in.
func field(at int) string {
	var q Request
	c := int(unsafe.Offsetof(q.Config))
	for _, f := range []struct {
		end  uintptr
		name string
	}{
		{unsafe.Offsetof(q.Command), "abi"}, {unsafe.Offsetof(q.Flags), "command"}, {unsafe.Offsetof(q.ID), "flags"}, {unsafe.Offsetof(q.Mask), "id"},
		{unsafe.Offsetof(q.Signal), "mask"}, {unsafe.Offsetof(q.NPorts), "signal"}, {unsafe.Offsetof(q.Reserved), "nports"}, {uintptr(c), "reserved"},
		{uintptr(c) + unsafe.Offsetof(q.Config.Level), "words"}, {uintptr(c) + unsafe.Offsetof(q.Config.Flags), "level"},
		{uintptr(c) + unsafe.Offsetof(q.Config.Processes), "flags of config"}, {uintptr(c) + unsafe.Offsetof(q.Config.Limits), "processes"},
		{unsafe.Offsetof(q.Name), "limits"}, {unsafe.Offsetof(q.Root), "name"}, {unsafe.Sizeof(q), "root"},
	} {
		if uintptr(at) < f.end {
			return f.name
		}
	}
	return "ports"
}

// jailAt makes a jail at /tmp.
func jailAt(t testing.TB, root Proc, name string, ports ...Port) uint32 {
	t.Helper()
	q := Request{Command: CommandCreate}
	q.SetName(name)
	q.SetRoot("/tmp")
	y, err := root.Command(&q, ports)
	if err != nil {
		t.Fatalf("create %s: %v, reason %d", name, err, y.Reason)
	}
	return y.ID
}

// destroyAll destroys all jails.
func destroyAll(t testing.TB, root Proc) {
	t.Helper()
	for _, j := range Jails() {
		if y, err := root.Command(&Request{Command: CommandDestroy, ID: j.ID}, nil); err != nil {
			t.Fatalf("destroy %s: %v, reason %d", j.Name, err, y.Reason)
		}
	}
}
