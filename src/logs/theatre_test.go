package logs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

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
			if _, err := fmt.Sscanf(string(l.Text), "%d messages of the supervisor's own were dropped", &n); err == nil {
				return nil // as often as that comes about
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
	// Notes are nobody's lines.
	if uint64(came)+c.Dropped != uint64(wrote) {
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
