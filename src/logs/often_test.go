package logs

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/event/eventtest"
)

// A stream that brings a line at a time, often, is read now and then and not
// for each; nothing waits for longer than that, and what comes seldom not at
// all.
func TestLittleAndOften(t *testing.T) {
	loop, sim := eventtest.New()
	defer loop.Close()
	w := NewWriter(loop, &File{Dir: t.TempDir(), Keep: 1, Size: 1 << 20}, nil, false, nil)
	defer w.Close()
	w.nap = nap // on NetBSD too
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	if err := w.Add("a", "out", fds[0]); err != nil {
		t.Fatal(err)
	}
	var due []time.Duration // when each line must have been read
	line := func(after time.Duration) {
		t.Helper()
		if _, err := unix.Write(fds[1], []byte("a line\n")); err != nil {
			t.Fatal(err)
		}
		due = append(due, sim.Now()+nap)
		if err := sim.Pass(after); err != nil {
			t.Fatal(err)
		}
		for i, at := range due {
			if n := w.Counters().Lines; at <= sim.Now() && n < uint64(i+1) {
				t.Fatalf("%v: only %d lines, number %d was to be read by %v", sim.Now(), n, i+1, at)
			}
		}
	}
	reads := func() uint64 { return w.spool.done.Load() }
	const lines, gap = 1000, 20 * time.Microsecond
	for range lines {
		line(gap)
	}
	// One for each time, and one at either end.
	if n, most := reads(), uint64(lines*gap/nap)+2; n > most {
		t.Errorf("%d reads of %d lines, at most %d", n, lines, most)
	}
	if err := sim.Pass(time.Second); err != nil {
		t.Fatal(err)
	}
	before := reads()
	for range 10 {
		line(0)
		if n := uint64(len(due)); w.Counters().Lines != n {
			t.Errorf("%d lines of %d at once", w.Counters().Lines, n)
		}
		if err := sim.Pass(time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(reads()-before, w.Counters().Lines); got != fmt.Sprint(10, lines+10) {
		t.Errorf("reads and lines: %s", got)
	}
}

// Nobody finds the pipe full because of it: what writes fast is read at once.
func TestFastStreamsDoNotWait(t *testing.T) {
	w := &Writer{nap: nap}
	for _, c := range []struct {
		piece, n int
		passed   time.Duration
		naps     bool
	}{
		{80, 80, time.Millisecond, false},
		{80, 80, 10 * time.Microsecond, true},
		{80, 800, nap, true}, // it was left alone, and ten pieces came
		{80, 80, nap, false}, // the one that came then was the only one
		{80, blockSize / 2, nap, true},
		{80, blockSize, nap, false},
		{4096, 4096, 10 * time.Microsecond, false},
		{80, 80, 0, false},
	} {
		if naps := w.naps(c.piece, c.n, c.passed); naps != c.naps {
			t.Errorf("%d bytes by %d in %v: naps %v", c.n, c.piece, c.passed, naps)
		}
	}
}
