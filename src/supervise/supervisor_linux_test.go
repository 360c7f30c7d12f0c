package supervise

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/event"
	"jails/src/jailinit"
	"jails/src/logs"
)

func pipe(t *testing.T) (read, write int) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

// Whatever jail-init has become, it forges no line and leaves no descriptor.
func TestStreamsThatAreNone(t *testing.T) {
	loop, err := event.New()
	if err != nil {
		t.Fatal(err)
	}
	defer loop.Close()
	dir := t.TempDir()
	s := &supervisor{loop: loop, log: logs.NewWriter(loop, &logs.File{Dir: dir, Keep: 1, Size: 1 << 20}, nil, false, nil), notice: notice{fd: -1}}
	s.note("the file is open") // else it takes the number of what is closed below
	tell := func(m *control.Message) (open bool) {
		read, write := pipe(t)
		defer unix.Close(write)
		s.told(m, []int{read})
		_, err := unix.FcntlInt(uintptr(read), unix.F_GETFD, 0)
		return err == nil
	}
	for _, stream := range []control.Stream{
		{Service: "", Name: "out"}, {Service: "a b", Name: "out"}, {Service: "../a", Name: "out"},
		{Service: "a\n2026-11-23T08:51:38.123456Z db out F all is well", Name: "out"},
		{Service: "a", Name: ""}, {Service: "a", Name: "out F x\n"},
	} {
		if tell(&control.Message{Op: control.OpStreams, Streams: []control.Stream{stream}}) {
			t.Errorf("%q was taken", stream)
		}
	}
	for _, op := range []string{control.OpState, control.OpEntered, control.OpError, control.OpDone, "nonsense"} {
		if tell(&control.Message{Op: op}) {
			t.Errorf("a descriptor with %s stays open", op)
		}
	}
	// Descriptors of anything else: what tells of events, the writing end of a
	// pipe, a socket that could be at its end, and what is read already.
	give := func(stream control.Stream, fd int) (open bool) {
		s.told(&control.Message{Op: control.OpStreams, Streams: []control.Stream{stream}}, []int{fd})
		_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		return err == nil
	}
	events, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := control.Pair()
	if err != nil {
		t.Fatal(err)
	}
	read, write := pipe(t)
	for what, taken := range map[string]bool{
		"a watcher":           give(control.Stream{Service: "a", Name: "err"}, events),
		"a write end":         give(control.Stream{Service: "a", Name: "err"}, write),
		"a socket":            give(control.Stream{Service: "a", Name: "err"}, pair[0]),
		"a stream for syslog": give(jailinit.SyslogStream, pair[1]),
		"a pipe for syslog":   give(jailinit.SyslogStream, read),
	} {
		if taken {
			t.Errorf("%s was taken", what)
		}
	}
	if !tell(&control.Message{Op: control.OpStreams, Streams: []control.Stream{{Service: "a", Name: "err"}}}) {
		t.Error("a good stream was not taken")
	}
	if tell(&control.Message{Op: control.OpStreams, Streams: []control.Stream{{Service: "a", Name: "err"}}}) {
		t.Error("it was taken twice")
	}
	s.told(&control.Message{Op: control.OpError, Error: strings.Repeat("x", control.MaxMessage/2)}, nil)
	if len(s.last) != saidMost {
		t.Errorf("%d bytes of an error", len(s.last))
	}
	if err := s.log.Close(); err != nil {
		t.Error(err)
	}
	n := 0
	if err := logs.Read(dir, logs.Filter{}, func(l logs.Line) error {
		if n++; l.Service != "supervisor" {
			t.Errorf("a line of %q", l.Service)
		}
		return nil
	}); err != nil || n != 13 {
		t.Errorf("%d lines, %v", n, err)
	}
}

// One who does not read what he waits for stops nobody else, and still gets
// the end of it.
func TestNoticeDoesNotWait(t *testing.T) {
	read, write := pipe(t)
	n := notice{write}
	begin := time.Now()
	for range 10000 {
		n.progress("a service is starting,\nagain")
	}
	n.failed("a\nb")
	n.progress("nobody hears this")
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	r := os.NewFile(uintptr(read), "")
	defer r.Close()
	var all bytes.Buffer
	if _, err := all.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(all.String(), "\n"), "\n")
	for i, l := range lines[:len(lines)-1] {
		if l != "progress a service is starting,; again" {
			t.Fatalf("line %d: %q", i, l)
		}
	}
	if last := lines[len(lines)-1]; last != "failed a; b" {
		t.Errorf("the last line: %q", last)
	}
	// One who has gone is no reason to wait, nor to die.
	read, write = pipe(t)
	unix.Close(read)
	n = notice{write}
	n.progress("x")
	n.fail(71, "y")
	if n.fd != -1 {
		t.Error("it is still open")
	}
}

// What the services of an adopted jail are is the jail's word, too.
func TestAdoptedSetup(t *testing.T) {
	loop, err := event.New()
	if err != nil {
		t.Fatal(err)
	}
	defer loop.Close()
	mine := &jailinit.Setup{Jail: "web", ID: 7}
	s := &supervisor{id: 7, loop: loop, setup: mine, notice: notice{fd: -1},
		log: logs.NewWriter(loop, &logs.File{Dir: t.TempDir(), Keep: 1, Size: 1 << 20}, nil, false, nil)}
	defer s.log.Close()
	for _, setup := range []string{"", "[]", `{"Jail":"","ID":7}`, `{"Jail":"web","ID":7,"Services":[{}]}`,
		`{"Jail":"web","ID":7,"Services":[` + strings.Repeat(`{"Command":["x"]},`, 5000) + `{"Command":["x"]}]}`} {
		s.told(&control.Message{ID: adoptID, Op: control.OpDone, Status: &control.Status{ID: 7}, Setup: []byte(setup)}, nil)
		if s.setup != mine {
			t.Errorf("%.40s was taken", setup)
			s.setup = mine
		}
	}
	s.told(&control.Message{ID: adoptID, Op: control.OpDone, Status: &control.Status{ID: 7}, Setup: []byte(`{"Jail":"web","ID":7}`)}, nil)
	if s.setup == mine {
		t.Error("a good one was not taken")
	}
}
