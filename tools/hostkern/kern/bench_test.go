// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"fmt"
	"testing"
)

// BenchmarkDecision measures one question, all listeners and locks included,
// by how many jails there are and how many ports they have reserved: the
// host's, and a jail's.
func BenchmarkDecision(b *testing.B) {
	root := host(b, 0)
	for _, c := range []struct{ jails, ports int }{{0, 0}, {1, 0}, {1, 10000}, {1000, 0}, {1000, 10000}} {
		b.Run(fmt.Sprintf("jails=%d/ports=%d", c.jails, c.ports), func(b *testing.B) {
			actors := map[string]Proc{"host": root}
			per := 0
			if c.jails > 0 {
				per = c.ports / c.jails
			}
			for i := range c.jails {
				var ports []Port
				if per > 0 {
					first := 1000 + i*per
					// Every second port apart, as ranges of one.
					for n := range min(per, 1000) {
						ports = append(ports, Port{6, uint16(first + n), uint16(first + n), 0})
					}
					if per > 1000 {
						ports = []Port{{6, uint16(first), uint16(first + per - 1), 0}}
					}
				}
				id := jail(b, root, fmt.Sprintf("bench%d", i), 1, ports...)
				if i == c.jails/2 {
					actors["jail"] = member(b, id, 0)
				}
			}
			for _, who := range []string{"host", "jail"} {
				p, ok := actors[who]
				if !ok {
					continue
				}
				other := host(b, 0)
				so := p.NewSocket(2, 1, 6)
				b.Cleanup(so.Free)
				b.Run(who+"/bind", func(b *testing.B) { BenchBind(p, so, 60000, b.N) })
				b.Run(who+"/signal", func(b *testing.B) { BenchSignal(p, other, b.N) })
				b.Run(who+"/reboot", func(b *testing.B) { BenchSystem(p, b.N) })
			}
		})
	}
}
