package jailinit

import (
	"os"
	"runtime"
	"testing"
)

// However often a service crashes, what is remembered of it stays the same.
func TestCrashCycles(t *testing.T) {
	cycles := 3000
	if os.Getenv("JAILS_LONG") != "" {
		cycles = 100_000
	}
	const first = 1000
	db := daemon("db")
	db.FinishCommand = []string{"/bin/finish"}
	w := newWorld(t, db)
	var after uint64
	for n := 1; n <= cycles; n++ {
		w.ends(w.pid("db"), n%2<<8) // in turns exit 0 and 1
		w.pass(0)
		w.ends(w.last, 0) // the finish command
		w.pass(40 * second)
		w.is("db", "db is ready")
		if t.Failed() {
			t.Fatalf("after %d cycles", n)
		}
		w.told, w.started, w.lines, w.signals = nil, nil, nil, nil
		if n == first || n == cycles {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			if n == first {
				after = m.HeapAlloc
			} else if m.HeapAlloc > after+64<<10 {
				t.Errorf("%d bytes are in use after %d cycles, %d after %d", m.HeapAlloc, n, after, first)
			} else {
				t.Logf("%d bytes are in use after %d cycles, %d after %d", m.HeapAlloc, n, after, first)
			}
		}
	}
}
