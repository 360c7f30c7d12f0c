package jailinit

import (
	"runtime"
	"runtime/debug"
	"testing"
)

var sink []byte

// Garbage is collected when there is enough of it, and not before.
func TestTidy(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	collections := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumGC
	}
	p := &process{}
	p.tidy() // what was there before the first time
	before := collections()
	for range 10 {
		p.tidy()
		sink = make([]byte, garbage/16)
	}
	if n := collections() - before; n != 0 {
		t.Errorf("%d collections of little garbage", n)
	}
	for n := uint32(1); n <= 3; n++ {
		for range 17 {
			sink = make([]byte, garbage/16)
		}
		p.tidy()
		p.tidy()
		if got := collections() - before; got != n {
			t.Fatalf("%d collections, want %d", got, n)
		}
	}
	sink = nil
}
