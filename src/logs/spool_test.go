package logs

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"jails/src/event"
)

// theatre is a Writer that can be killed at each step of what it does to its
// spool, to pipes and to files, with services that write on.
type theatre struct {
	t       interface{ Fatalf(string, ...any) }
	dir     string
	drop    bool
	size    int64 // of a log file
	streams []*actor
	notes   int
	socket  [2]int // for syslog, and its other end
	sent    []string
	room    int   // bytes that the disk takes; below 0: no end
	kills   []int // how many steps to go until each kill, 0: none any more
	killed  int

	loop *event.Loop
	file *File
	w    *Writer
}

// actor is a service's stream: what it has written, and its pipe.
type actor struct {
	name        string
	read, write int
	wrote       []byte
	lines       int
}

type killed struct{}

func newTheatre(t interface{ Fatalf(string, ...any) }, dir string, drop bool, size int64, kills ...int) *theatre {
	th := &theatre{t: t, dir: dir, drop: drop, size: size, room: -1, kills: kills}
	for _, name := range []string{"a", "b"} {
		var fds [2]int
		if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			t.Fatalf("%v", err)
		}
		th.streams = append(th.streams, &actor{name: name, read: fds[0], write: fds[1]})
	}
	var err error
	if th.socket, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		t.Fatalf("%v", err)
	}
	th.survive(th.open)
	return th
}

// step is one at which the process may be killed.
func (th *theatre) step() {
	if len(th.kills) > 0 && th.kills[0] > 0 {
		if th.kills[0]--; th.kills[0] == 0 {
			th.kills = th.kills[1:]
			panic(killed{})
		}
	}
}

// put is a disk of so much room. A process that is killed may have written a
// part.
func (th *theatre) put(fd int, b []byte) (int, error) {
	if th.room >= 0 && len(b) > th.room {
		b = b[:th.room]
		if len(b) == 0 {
			return -1, unix.ENOSPC
		}
	}
	half := len(b) / 2
	if _, err := unix.Write(fd, b[:half]); err != nil {
		th.t.Fatalf("%v", err)
	}
	th.step()
	if _, err := unix.Write(fd, b[half:]); err != nil {
		th.t.Fatalf("%v", err)
	}
	if th.room >= 0 {
		th.room -= len(b)
	}
	th.step()
	return len(b), nil
}

// open starts a process that goes on.
func (th *theatre) open() {
	var err error
	if th.loop, err = event.New(); err != nil {
		th.t.Fatalf("%v", err)
	}
	th.file = &File{Dir: filepath.Join(th.dir, "log"), Keep: 1000, Size: th.size, write: th.put}
	spool := OpenSpool(filepath.Join(th.dir, "spool"))
	spool.step = th.step
	// What there is must be closed when it is killed here.
	th.w = &Writer{spool: spool, file: th.file, loop: th.loop, streams: map[int]*source{}}
	th.w = NewWriter(th.loop, th.file, nil, th.drop, spool)
	for _, a := range th.streams {
		fd, err := unix.FcntlInt(uintptr(a.read), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			th.t.Fatalf("%v", err)
		}
		if err := th.w.Add(a.name, "out", fd); err != nil {
			th.t.Fatalf("%v", err)
		}
	}
	fd, err := unix.FcntlInt(uintptr(th.socket[0]), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		th.t.Fatalf("%v", err)
	}
	if err := th.w.AddSocket(fd); err != nil {
		th.t.Fatalf("%v", err)
	}
	th.w.Settle(1)
}

// send makes a program send to syslogd.
func (th *theatre) send(text string) {
	if _, err := unix.Write(th.socket[1], []byte(text)); err != nil {
		th.t.Fatalf("%v", err)
	}
	if text != "" {
		th.sent = append(th.sent, "user.notice "+text)
	}
}

// close does what the kernel does for a process that has ended.
func (th *theatre) close() {
	for fd := range th.w.streams {
		unix.Close(fd)
	}
	th.file.Close()
	th.w.spool.Close()
	th.loop.Close()
}

// survive does something, and if it was killed meanwhile starts another
// process.
func (th *theatre) survive(f func()) {
	for again := true; again; f = th.open {
		again = func() (again bool) {
			defer func() {
				if r := recover(); r == (killed{}) {
					th.killed++
					th.close()
					again = true
				} else if r != nil {
					panic(r)
				}
			}()
			f()
			return false
		}()
	}
}

// say makes a service write, as much as its pipe takes.
func (th *theatre) say(which int, text string) {
	a := th.streams[which]
	n, err := unix.Write(a.write, []byte(text))
	if err == unix.EAGAIN {
		return
	}
	if err != nil {
		th.t.Fatalf("%v", err)
	}
	a.wrote = append(a.wrote, text[:n]...)
}

// turn lets the Writer do what its loop would.
func (th *theatre) turn() {
	th.survive(func() {
		if th.w.retry.Armed() {
			th.w.retry.Stop()
			th.w.again()
		}
		for _, s := range th.w.streams {
			if !th.w.paused() {
				th.w.ready(s)
			}
		}
	})
}

// end stops all in order.
func (th *theatre) end() {
	th.room = -1
	for range 3 {
		th.turn()
	}
	for over := false; !over; {
		over = true
		th.survive(func() {
			over = false
			th.w.Finish(0, func() {})
			over = true
		})
	}
	for _, a := range th.streams {
		if n, err := pending(a.read); n != 0 || err != nil {
			th.t.Fatalf("%d bytes are in the pipe of %s, %v", n, a.name, err)
		}
		unix.Close(a.read)
		unix.Close(a.write)
	}
	unix.Close(th.socket[0])
	unix.Close(th.socket[1])
}

// check wants each byte that a service wrote once, in order; and each note at
// most once.
func (th *theatre) check() {
	c := th.w.Counters()
	if err := th.w.Close(); err != nil {
		th.t.Fatalf("%v", err)
	}
	th.loop.Close()
	if _, err := os.Stat(filepath.Join(th.dir, "spool")); !errors.Is(err, os.ErrNotExist) {
		th.t.Fatalf("the spool is left: %v", err)
	}
	got := make(map[string][]byte)
	said := make(map[string]bool)
	var messages []string
	var told uint64
	var noted uint64
	err := Read(filepath.Join(th.dir, "log"), Filter{}, func(l Line) error {
		if l.Service == ownService {
			var n uint64
			if _, err := fmt.Sscanf(string(l.Text), "%d lines were dropped", &n); err == nil {
				told += n
				return nil
			}
			noted++
			if said[string(l.Text)] {
				return fmt.Errorf("%q stands there twice", l.Text)
			}
			said[string(l.Text)] = true
			return nil
		}
		if l.Service == "syslog" {
			messages = append(messages, string(l.Text))
			return nil
		}
		got[l.Service] = append(got[l.Service], l.Text...)
		if l.Full {
			got[l.Service] = append(got[l.Service], '\n')
		}
		return nil
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		th.t.Fatalf("%v", err)
	}
	if fmt.Sprint(messages) != fmt.Sprint(th.sent) {
		th.t.Fatalf("messages %.100q were sent, %.100q came", th.sent, messages)
	}
	total := 0
	for _, m := range th.sent {
		total += len(m) - len("user.notice ")
	}
	for _, a := range th.streams {
		total += len(a.wrote)
		if !th.drop && !bytes.Equal(got[a.name], a.wrote) {
			th.t.Fatalf("%s wrote %d bytes, of which came %d:\n%s", a.name, len(a.wrote), len(got[a.name]), difference(got[a.name], a.wrote))
		}
	}
	if c.Bytes != uint64(total) {
		th.t.Fatalf("%d bytes were written, %d counted", total, c.Bytes)
	}
	if !th.drop {
		if c.Dropped != 0 || told != 0 {
			th.t.Fatalf("%d dropped, %d told of", c.Dropped, told)
		}
		return
	}
	th.checkDropped(got, c, told, noted)
}

// checkDropped wants each numbered line to have come once, or to be counted.
func (th *theatre) checkDropped(got map[string][]byte, c Counters, told, noted uint64) {
	came, wrote := 0, 0
	for _, a := range th.streams {
		wrote += bytes.Count(a.wrote, []byte{'\n'})
		last := -1
		for _, line := range strings.Split(strings.TrimSuffix(string(got[a.name]), "\n"), "\n") {
			if line == "" {
				continue
			}
			n, err := strconv.Atoi(strings.TrimRight(line, "x"))
			if err != nil || n <= last {
				th.t.Fatalf("%s: after %d came %.50q", a.name, last, line)
			}
			last = n
			came++
		}
	}
	// Notes are lines too, and may be dropped.
	if sum := uint64(came) + noted + c.Dropped; sum < uint64(wrote)+noted || sum > uint64(wrote+th.notes) {
		th.t.Fatalf("%d lines and %d notes: %d lines and %d notes came, %d are counted", wrote, th.notes, came, noted, c.Dropped)
	}
	if told != c.Dropped {
		th.t.Fatalf("%d were dropped, the log tells of %d", c.Dropped, told)
	}
}

func difference(got, want []byte) string {
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	return fmt.Sprintf("at %d: got %.60q, want %.60q", i, got[i:], want[i:])
}

// numbered is a stream's next lines.
func (th *theatre) numbered(which, lines, width int) string {
	var b strings.Builder
	for range lines {
		a := th.streams[which]
		fmt.Fprintf(&b, "%d%s\n", a.lines, strings.Repeat("x", width))
		a.lines++
	}
	return b.String()
}

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
