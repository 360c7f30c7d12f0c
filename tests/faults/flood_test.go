package faults

import (
	"os"
	"testing"
	"time"

	"jails/tests/host"
)

// A service writes as fast as it can: each line comes once, in order, or is in
// the count of those that were dropped, also while the disk is full.
func TestFlood(t *testing.T) {
	const form = "%0119d" // 120 bytes with the newline
	size, policies := 8<<20, []string{"block"}
	if os.Getenv(longVariable) != "" {
		size, policies = floodSize, append(policies, "drop")
	}
	h := host.New(t)
	root := newRoot(t, h)
	for _, full := range policies {
		t.Run(full, func(t *testing.T) {
			f := newFlood(t, h, root, 64, "1 MB", full, map[string]string{"a out": form})
			h.Run(t, "jailmgr", "start", "web")
			s, begun := f.streams["a out"], time.Now()
			for round := 0; s.next*120 < size; round++ {
				f.read(false)
				if round%10 == 9 && f.drops {
					f.fill()
					time.Sleep(100 * time.Millisecond)
					f.room()
				}
				time.Sleep(10 * time.Millisecond)
				if time.Since(begun) > 20*time.Minute {
					t.Fatalf("only %d lines: %s", s.next-1, h.Run(t, "jailmgr", "status", "web"))
				}
			}
			took := time.Since(begun)
			f.stop()
			t.Logf("%d lines, %d of them dropped, %d MB in %v", s.next-1, f.missing, f.bytes>>20, took.Round(time.Millisecond))
			if f.missing != f.told || !f.drops && f.dropped > 0 {
				t.Errorf("%d lines are missing, the log tells of %d, and of %d at the end", f.missing, f.told, f.dropped-f.told)
			}
		})
	}
}
