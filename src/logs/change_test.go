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

// What a service that is removed has written is kept, though the log takes
// nothing at that moment; then its streams are closed.
func TestEnd(t *testing.T) {
	for _, full := range []bool{false, true} {
		b := newBench(t, false)
		a, other := b.add("a"), b.add("other")
		b.full(full)
		unix.Write(a, []byte("one\ntwo\n"))
		b.run(20 * time.Millisecond)
		unix.Write(a, []byte("three\nhalf"))
		unix.Write(other, []byte("more\n"))
		done := 0
		b.w.End("a", func() { done++ })
		if done != 1 && !full || done != 0 && full {
			t.Errorf("full %v: done %d times", full, done)
		}
		b.full(false)
		b.run(retryEvery + 100*time.Millisecond)
		got := b.text()
		if want := "a true one,a true two,a true three,a false half"; done != 1 || full && !strings.Contains(strings.Join(got, ","), want) {
			t.Errorf("full %v: done %d times, %q", full, done, got)
		}
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
	b.run(20 * time.Millisecond)
	if b.w.Keep("a", "out") {
		t.Error("kept, and not to end")
	}
	b.w.End("a", func() { t.Error("it has ended") })
	if !b.w.Keep("a", "out") || b.w.Keep("a", "err") {
		t.Error("not kept")
	}
	b.full(false)
	unix.Write(a, []byte("two\n"))
	b.run(retryEvery + 100*time.Millisecond)
	if got := strings.Join(b.text(), ","); got != "a true one,a true two" {
		t.Error(got)
	}
}

// From dropping to waiting and back, while the log takes nothing.
func TestConfigure(t *testing.T) {
	b := newBench(t, true)
	a := b.add("a")
	b.full(true)
	say := func(line string) {
		unix.Write(a, []byte(line+"\n"))
		b.run(20 * time.Millisecond)
	}
	set := func(drop bool) { b.w.Configure(Settings{Keep: 3, Size: 1 << 20, Drop: drop}) }
	say("dropped")
	set(false)
	say("kept")
	if c := b.w.Counters(); c.Dropped != 1 || c.Blocked == "" {
		t.Errorf("%+v", c)
	}
	b.full(false)
	b.run(retryEvery + 100*time.Millisecond)
	if got := strings.Join(b.text(), ","); got != "supervisor true 1 lines were dropped, the log took none,a true kept" {
		t.Error(got)
	}
	b.full(true)
	say("goes")
	set(true)
	say("goes too")
	b.full(false)
	b.run(retryEvery + 100*time.Millisecond)
	say("last")
	if got, c := strings.Join(b.text(), ","), b.w.Counters(); got != "supervisor true 2 lines were dropped, the log took none,a true last" || c.Dropped != 3 {
		t.Errorf("%s, %+v", got, c)
	}
	if b.w.file.Keep != 3 {
		t.Error("the number of files is the old one")
	}
}
