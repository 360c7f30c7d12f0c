package faults

import (
	"os"
	"testing"
	"time"

	"jails/tests/host"
)

// A service that always crashes costs no more memory, nor descriptors, the
// longer it does.
func TestCrashCycles(t *testing.T) {
	// Before the first thousand the collectors of garbage have not found their
	// measure.
	const first, last = 1000, 5000
	if os.Getenv(longVariable) == "" {
		t.Skipf("%d crashes take a minute; set %s=1. src/jailinit has 3000 of them in simulated time", last, longVariable)
	}
	h := host.New(t)
	c := jailOf(t, h, newRoot(t, h), "crash", service("crash", "max-delay = \"5ms\"\nlimit = 1000\ninterval = \"1s\"", "crash"))
	begun := c.begin("start", "-w", "5s", c.name)
	c.wait(begun) // it may never come to rest
	restarts := func(n int) {
		t.Helper()
		for last, since := 0, time.Now(); ; time.Sleep(50 * time.Millisecond) {
			now := c.status().Restarts
			if now >= n {
				return
			}
			if now > last {
				last, since = now, time.Now()
			} else if time.Since(since) > time.Minute {
				t.Fatalf("no more than %d restarts: %+v\n%s", now, c.status(), begun.said.String())
			}
		}
	}
	names := []string{"jailctl: supervise crash", "jail-init\x00crash"}
	measure := func() (kb [2]int) {
		t.Helper()
		for i, name := range names {
			kb[i] = memory(t, c.process(name))
		}
		return kb
	}
	restarts(first)
	before := measure()
	restarts(last)
	after := measure()
	t.Logf("%d KB after %d, %d KB after %d", before, first, after, last)
	const noise = 512 // KB, of a collector of garbage
	for i, name := range names {
		if after[i] > before[i]+noise {
			t.Errorf("%q has %d KB after %d crashes, %d KB after %d", name, after[i], last, before[i], first)
		}
	}
	if after[1] > mostInit {
		t.Errorf("jail-init has %d KB, want at most %d", after[1], mostInit)
	}
	c.must("stop")
	c.end()
}
