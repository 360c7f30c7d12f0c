package jailinit

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"

	"jails/src/control"
	"jails/src/service"
)

func collections() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NumGC
}

// Garbage is collected when there is enough of it, and not before.
func TestTidy(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	p := &process{}
	before := collections()
	for n, turns := range []int{firstLitter, firstLitter, mostLitter, mostLitter} {
		for range turns/turnLitter - 1 {
			p.rest()
		}
		if got := collections() - before; got != uint32(n) {
			t.Fatalf("%d collections before the turn of the %d.", got, n+1)
		}
		p.rest()
	}
	if got := collections() - before; got != 4 {
		t.Errorf("%d collections, want 4", got)
	}
}

// It does not wait for a pause when there is much, and what there is of it is
// reckoned about right.
func TestTidyMeanwhile(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const many = 300
	services := make([]Service, many)
	for i := range services {
		services[i] = daemon(fmt.Sprint("s", i))
	}
	before := collections()
	w := newWorld(t, services...)
	const least = many * (startLitter + 2*statusLitter) / (2 * firstLitter) // starting, and ready
	if got := collections() - before; got < least || least == 0 {
		t.Errorf("%d collections while %d services start, want %d", got, many, least)
	}
	w.litter = 0
	w.ask(&control.Message{Op: control.OpStatus})
	w.pass(0)
	if w.litter < many*statusLitter {
		t.Errorf("the status of %d services counts as %d kB", many, w.litter)
	}
	var then, now runtime.MemStats
	w.litter = 0
	runtime.ReadMemStats(&then)
	for i := range many {
		w.changed(i, service.Action{Kind: service.Changed, From: service.Starting, To: service.Ready})
	}
	runtime.ReadMemStats(&now)
	if made := int(now.TotalAlloc-then.TotalAlloc) >> 10; made > w.litter*3/2 { // more under the race detector
		t.Errorf("%d services that are ready are %d kB of garbage, and count as %d", many, made, w.litter)
	}
}
