package logs

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"jails/src/event"
)

// plays are what a Writer must survive, wherever it is killed.
var plays = []struct {
	name string
	drop bool
	size int64
	do   func(th *theatre)
}{
	{"lines", false, 1 << 20, func(th *theatre) {
		for range 3 {
			th.say(0, th.numbered(0, 3, 0))
			th.say(1, th.numbered(1, 2, 5))
			th.turn()
		}
	}},
	{"half lines", false, 1 << 20, func(th *theatre) {
		for _, text := range []string{"a", "bc\nd", "e", "\n", "f\ng"} {
			th.say(0, text)
			th.say(1, text+text)
			th.turn()
		}
	}},
	{"long lines", false, 1 << 20, func(th *theatre) {
		for range 3 {
			th.say(0, strings.Repeat("0123456789", MaxText/10+10))
			th.turn()
		}
		th.say(0, "\n")
		th.turn()
	}},
	{"a whole pipe of short lines", false, 1 << 20, func(th *theatre) {
		th.say(0, strings.Repeat("1\n2\n3\n", 1300))
		th.turn()
	}},
	{"rotation", false, 200, func(th *theatre) {
		for range 3 {
			th.say(0, th.numbered(0, 10, 1))
			th.turn()
		}
	}},
	{"a process ends", false, 1 << 20, func(th *theatre) {
		th.say(0, "one\ntwo")
		th.turn()
		th.say(0, " is not done")
		th.survive(func() { th.w.Ended("a") })
		th.say(0, "three\n")
		th.turn()
	}},
	{"notes", false, 1 << 20, func(th *theatre) {
		for range 3 {
			th.note()
			th.say(0, "half")
			th.turn()
		}
	}},
	{"messages", false, 1 << 20, func(th *theatre) {
		for i := range 4 {
			th.send(fmt.Sprint("message ", i))
			th.say(0, "half")
			th.turn()
		}
		th.send("")
		th.turn()
		th.send("one")
		th.send("two")
		for range 3 {
			th.turn()
		}
	}},
	{"full disk", false, 1 << 20, func(th *theatre) {
		th.say(0, "begun")
		th.turn()
		th.room = 150
		for range 4 {
			th.say(0, th.numbered(0, 2, 5))
			th.say(1, th.numbered(1, 2, 6))
			th.note()
			th.turn()
		}
		th.room = 70
		th.turn()
		th.turn()
		th.room = -1
		th.turn()
	}},
	{"full disk, lines are dropped", true, 1 << 20, func(th *theatre) {
		th.room = 150
		for range 4 {
			th.say(0, th.numbered(0, 2, 5))
			th.say(1, th.numbered(1, 2, 6))
			th.note()
			th.turn()
		}
		th.room = 70
		th.turn()
		th.say(0, th.numbered(0, 3, 1))
		th.turn()
		th.room = -1
		th.turn()
	}},
	{"full disk and rotation", false, 150, func(th *theatre) {
		th.room = 400
		th.say(0, th.numbered(0, 10, 10))
		th.turn()
		th.turn()
		th.room = 60
		th.turn()
	}},
}

func (th *theatre) note() {
	th.notes++
	th.survive(func() { th.w.Note(ownService, fmt.Sprint("note ", th.notes)) })
}

// Killed at whatever step, a Writer loses nothing and doubles nothing; and so
// when the one after it is killed too.
func TestKilledAtEachStep(t *testing.T) {
	for _, p := range plays {
		t.Run(p.name, func(t *testing.T) {
			runs := 0
			play := func(kills ...int) (killed int) {
				runs++
				dir, err := os.MkdirTemp(inMemory, "spool")
				if err != nil {
					t.Fatal(err)
				}
				defer os.RemoveAll(dir)
				th := newTheatre(failure{t, fmt.Sprint("killed at ", kills)}, dir, p.drop, p.size, kills...)
				p.do(th)
				th.end()
				th.check()
				return th.killed
			}
			for n := 1; play(n) > 0; n++ {
				if n%5 == 0 || os.Getenv("JAILS_LONG") != "" {
					play(n, 1+rand.IntN(20), 1+rand.IntN(20))
				}
			}
			if runs < 10 {
				t.Errorf("only %d runs", runs)
			}
			t.Logf("%d runs", runs)
		})
	}
}

// inMemory is where thousands of small files are best made, if there is such a
// place.
var inMemory = func() string {
	const dir = "/dev/shm"
	if unix.Access(dir, unix.W_OK) != nil {
		return ""
	}
	return dir
}()

type failure struct {
	t    *testing.T
	what string
}

func (f failure) Fatalf(format string, args ...any) {
	f.t.Helper()
	f.t.Fatalf(f.what+": "+format, args...)
}

// The same with whatever services do, and however often it is killed.
func TestKilledAtRandom(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(inMemory, "spool")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(dir)
		drop := rapid.Bool().Draw(r, "drop")
		size := rapid.SampledFrom([]int64{100, 1000, 1 << 20}).Draw(r, "size")
		kills := rapid.SliceOfN(rapid.IntRange(1, 60), 0, 10).Draw(r, "kills")
		th := newTheatre(r, dir, drop, size, kills...)
		steps := rapid.IntRange(1, 25).Draw(r, "steps")
		for range steps {
			which := rapid.IntRange(0, 1).Draw(r, "stream")
			switch rapid.IntRange(0, 6).Draw(r, "what") {
			case 0, 1:
				th.say(which, th.numbered(which, rapid.IntRange(1, 6).Draw(r, "lines"), rapid.IntRange(0, 30).Draw(r, "width")))
			case 2:
				if !drop {
					th.say(which, strings.Repeat("y", rapid.IntRange(1, 10000).Draw(r, "half")))
				}
			case 3:
				th.room = rapid.IntRange(-1, 300).Draw(r, "room")
			case 4:
				th.note()
			case 5:
				if !drop {
					th.survive(func() { th.w.Ended(th.streams[which].name) })
				}
			}
			th.turn()
		}
		th.end()
		th.check()
	})
}

// A spool that is none, or of another version, or damaged in whatever way stops
// nobody, and is told of.
func TestBadSpools(t *testing.T) {
	good := func(t *testing.T, path string) []byte {
		s := OpenSpool(path)
		if _, err := s.lane("a", "out"); err != nil || len(s.told) > 0 {
			t.Fatal(err, s.told)
		}
		s.begin(fromStream, 0, 10, time.Now())
		copy(s.data, "a line\nabc")
		s.activate()
		s.took(10)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		name   string
		change func(b []byte) []byte
		want   string // of the log
	}{
		{"good", func(b []byte) []byte { return b }, "a line abc"},
		{"empty", func(b []byte) []byte { return nil }, ""},
		{"unfinished", func(b []byte) []byte { return make([]byte, 100) }, ""},
		{"a torn lane", func(b []byte) []byte { return append(b, 1, 2, 3) }, "a line abc"},
		{"no text", func(b []byte) []byte { return []byte("hello, world\n") }, "is something else: what it held is lost"},
		{"cut short", func(b []byte) []byte { return b[:5000] }, "is cut short: what it held is lost"},
		{"without its lane", func(b []byte) []byte { return b[:spoolSize] }, "is damaged: what it held is lost"},
		{"another version", func(b []byte) []byte { b[8]++; return b }, "has version 2, not 1: what it held is lost"},
		{"a forged name", func(b []byte) []byte { copy(b[spoolSize:], "a\nb out"); return b }, "is damaged: what it held is lost"},
		{"a bad name", func(b []byte) []byte { copy(b[spoolSize:], "a none"); return b }, "is damaged: what it held is lost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "spool")
			if err := os.WriteFile(path, c.change(good(t, path)), 0o600); err != nil {
				t.Fatal(err)
			}
			text, counters := finish(t, path)
			if c.want == "" && text != "" || !strings.Contains(text, c.want) {
				t.Errorf("the log is %q, want %q", text, c.want)
			}
			if lost := strings.Contains(text, "lost"); lost != (counters.Dropped == 1) {
				t.Errorf("%+v", counters)
			}
		})
	}
	t.Run("a directory", func(t *testing.T) {
		text, _ := finish(t, t.TempDir())
		if !strings.Contains(text, "no spool: open") {
			t.Errorf("the log is %q", text)
		}
	})
}

// finish opens a spool, reads a stream, and gives what the log says then.
func finish(t interface {
	Fatal(...any)
	TempDir() string
}, path string) (string, Counters) {
	loop, err := event.New()
	if err != nil {
		t.Fatal(err)
	}
	defer loop.Close()
	dir := filepath.Join(t.TempDir(), "log")
	w := NewWriter(loop, &File{Dir: dir, Keep: 10, Size: 1 << 20}, nil, false, OpenSpool(path))
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if err := w.Add("b", "out", fds[0]); err != nil {
		t.Fatal(err)
	}
	unix.Close(fds[1])
	w.Finish(0, func() {})
	c := w.Counters()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var all []string
	if err := Read(dir, Filter{}, func(l Line) error { all = append(all, string(l.Text)); return nil }); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Join(all, " "), c
}

// Whatever stands in a spool, it stops nobody.
func FuzzSpool(f *testing.F) {
	f.Add(16, []byte{1, 0, 0, 0}, 4096, []byte("x"))
	f.Add(32, []byte{7}, 40, bytes.Repeat([]byte{0xff}, 16))
	f.Add(spoolSize+96, bytes.Repeat([]byte{9}, 64), 3, []byte{0})
	f.Fuzz(func(t *testing.T, at1 int, b1 []byte, at2 int, b2 []byte) {
		path := filepath.Join(t.TempDir(), "spool")
		s := OpenSpool(path)
		for _, name := range []string{"a", "c"} {
			if _, err := s.lane(name, "out"); err != nil {
				t.Fatal(err)
			}
		}
		s.begin(fromStream, 1, 7, moment)
		copy(s.data, "a\nb\nabc")
		s.took(7)
		s.activate()
		s.mark(place{1, 2, 3}, 4)
		put := func(at int, b []byte) {
			if at >= 0 && at < len(s.mapped) {
				copy(s.mapped[at:], b)
			}
		}
		put(at1, b1)
		put(at2, b2)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		finish(t, path)
	})
}

// A line that one jail's service has begun is not joined to what one of the
// next jail says, nor is one whose stream is gone.
func TestSpoolOfAnotherJail(t *testing.T) {
	dir := t.TempDir()
	th := newTheatre(t, dir, false, 1<<20)
	defer th.close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	th.say(0, "begun")
	th.say(1, "begun too")
	th.turn()
	th.w.spool.Remember(3, moment)
	reopen := func() {
		th.close()
		for _, a := range th.streams {
			a.wrote = nil
		}
		loop, err := event.New()
		if err != nil {
			t.Fatal(err)
		}
		th.loop, th.file = loop, &File{Dir: filepath.Join(dir, "log"), Keep: 10, Size: 1 << 20}
		th.w = NewWriter(loop, th.file, nil, false, OpenSpool(filepath.Join(dir, "spool")))
	}
	reopen()
	if n, since := th.w.spool.Remembered(); th.w.spool.Jail() != 1 || n != 3 || !since.Equal(moment) {
		t.Errorf("jail %d, %d restarts, since %v", th.w.spool.Jail(), n, since)
	}
	add := func(a *actor) {
		fd, err := unix.FcntlInt(uintptr(a.read), unix.F_DUPFD_CLOEXEC, 0)
		if err == nil {
			err = th.w.Add(a.name, "out", fd)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add(th.streams[0])
	th.w.Settle(1) // b's stream is gone
	th.say(0, " here\nand")
	th.turn()
	reopen()
	th.w.Settle(2)
	add(th.streams[0])
	th.say(0, "new\n")
	th.turn()
	var got []string
	if err := Read(th.file.Dir, Filter{}, func(l Line) error {
		got = append(got, fmt.Sprint(l.Service, l.Full, string(l.Text)))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if s := strings.Join(got, ","); s != "bfalsebegun too,atruebegun here,afalseand,atruenew" {
		t.Errorf("got %s", s)
	}
	for _, a := range th.streams {
		unix.Close(a.read)
		unix.Close(a.write)
	}
	unix.Close(th.socket[0])
	unix.Close(th.socket[1])
}
