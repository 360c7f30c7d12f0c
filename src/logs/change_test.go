package logs

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func (b *bench) full(full bool) {
	b.Helper()
	err := os.RemoveAll(b.dir)
	if full && err == nil {
		err = os.WriteFile(b.dir, nil, 0o600) // no directory
	}
	if err != nil {
		b.Fatal(err)
	}
}

// until runs the loop until something is so, however slow the machine is.
func (b *bench) until(what string, ok func() bool) {
	b.Helper()
	for end := time.Now().Add(time.Minute); !ok(); b.run(10 * time.Millisecond) {
		if time.Now().After(end) {
			b.Errorf("not within a minute: %s; %q, %+v", what, b.text(), b.w.Counters())
			return
		}
	}
}

func (b *bench) untilText(want string) {
	b.Helper()
	b.until(want, func() bool { return strings.Join(b.text(), ",") == want })
}

func (b *bench) untilBlocked() {
	b.Helper()
	b.until("the log is full", func() bool { return b.w.Counters().Blocked != "" })
}

// What a service that is removed has written is kept, though the log takes
// nothing at that moment; then its streams are closed.
func TestEnd(t *testing.T) {
	for _, full := range []bool{false, true} {
		b := newBench(t, false)
		a, other := b.add("a"), b.add("other")
		b.full(full)
		unix.Write(a, []byte("one\ntwo\n"))
		if full {
			b.untilBlocked()
		}
		unix.Write(a, []byte("three\nhalf"))
		unix.Write(other, []byte("more\n"))
		done := 0
		b.w.End("a", func() { done++ })
		if done != 1 && !full || done != 0 && full {
			t.Errorf("full %v: done %d times", full, done)
		}
		if full {
			b.full(false)
		}
		const want = "a true one,a true two,a true three,a false half"
		b.until(want, func() bool { return done == 1 && strings.Contains(strings.Join(b.text(), ","), want) })
		if _, err := unix.Write(a, []byte("x")); err != unix.EPIPE {
			t.Errorf("its stream is open still: %v", err)
		}
		b.w.End("nobody", func() { done++ })
		if unix.Write(other, []byte("x\n")); done != 2 {
			t.Error("a service without streams")
		}
	}
}

// A service that comes back before that is read on.
func TestKeep(t *testing.T) {
	b := newBench(t, false)
	a := b.add("a")
	b.full(true)
	unix.Write(a, []byte("one\n"))
	b.untilBlocked()
	if b.w.Keep("a", "out") {
		t.Error("kept, and not to end")
	}
	b.w.End("a", func() { t.Error("it has ended") })
	if !b.w.Keep("a", "out") || b.w.Keep("a", "err") {
		t.Error("not kept")
	}
	b.full(false)
	unix.Write(a, []byte("two\n"))
	b.untilText("a true one,a true two")
}

// From dropping to waiting and back, while the log takes nothing.
func TestConfigure(t *testing.T) {
	b := newBench(t, true)
	a := b.add("a")
	b.full(true)
	say := func(line string) { unix.Write(a, []byte(line+"\n")) }
	dropped := func(n uint64) {
		t.Helper()
		b.until("dropped", func() bool { return b.w.Counters().Dropped == n })
	}
	set := func(drop bool) { b.w.Configure(Settings{Keep: 3, Size: 1 << 20, Drop: drop}) }
	say("dropped")
	dropped(1)
	set(false)
	say("kept")
	b.run(50 * time.Millisecond)
	if c := b.w.Counters(); c.Dropped != 1 || c.Blocked == "" {
		t.Errorf("%+v", c)
	}
	b.full(false)
	b.untilText("supervisor true 1 lines were dropped, the log took none,a true kept")
	b.full(true)
	say("goes")
	b.untilBlocked()
	set(true)
	say("goes too")
	dropped(3)
	b.full(false)
	b.until("room", func() bool { return b.w.Counters().Blocked == "" })
	say("last")
	b.untilText("supervisor true 2 lines were dropped, the log took none,a true last")
	if b.w.file.Keep != 3 {
		t.Error("the number of files is the old one")
	}
}
