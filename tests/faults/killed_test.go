package faults

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/logs"
	"jails/tests/host"
)

// A service floods four streams with numbered lines while its supervisor is
// killed again and again, at any moment of its life, and the disk is full for
// a while: each number comes once, in order.
func TestSupervisorKilled(t *testing.T) {
	kills := 30
	if os.Getenv(longVariable) != "" {
		kills = 1000
	}
	h := host.New(t)
	root := newRoot(t, h)
	f := newFlood(t, h, root, 16, "64 KB", "block", map[string]string{"a out": "%d", "a err": "half %d", "b out": "%010000d", "b err": "%077d."})
	h.Run(t, "jailmgr", "start", "web")
	stopped := false
	defer func() {
		if !stopped {
			if out, err := h.Try("jailmgr", "stop", "web"); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		}
	}()
	lock, err := os.ReadFile(filepath.Join(h.Dir, "var/run/jails/web/supervisor.lock"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.Fields(string(lock))[0])
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	host.Eventually(t, "the supervisor's end", func() bool { return unix.Kill(pid, 0) != nil })
	const least = 20              // lines
	life := 80 * time.Millisecond // the longest; an emulator is slow
	for i, come := 1, 0; i < kills || f.slowest() < least; i++ {
		// In the long run the disk is full several times.
		switch i % 100 {
		case min(kills, 100) / 3:
			f.fill()
		case min(kills, 100) * 2 / 3:
			f.room()
		}
		f.killOne(rand.N(life))
		f.read(false)
		if i%10 == 0 && !f.full {
			if now := f.slowest(); now < least && now == come {
				life += life / 2
			} else {
				come = now
			}
		}
	}
	f.room()
	stopped = true
	f.stop()
	for name, s := range f.streams {
		if s.next < least {
			t.Errorf("%s came to number %d only", name, s.next-1)
		}
		t.Logf("%s: %d lines", name, s.next-1)
	}
	if left, err := os.ReadDir(filepath.Join(h.Dir, "var/run/jails/web")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left: %v %v", left, err)
	}
}

// stop stops the jail, with room for its log until the end, and checks all.
func (f *flood) stop() {
	f.t.Helper()
	stop := make(chan error, 1)
	go func() {
		out, err := f.h.Try("jailmgr", "stop", "web")
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		stop <- err
	}()
	for over := false; !over; {
		select {
		case err := <-stop:
			if over = true; err != nil {
				f.t.Fatal(err)
			}
		case <-time.After(10 * time.Millisecond):
			f.read(false)
		}
	}
	f.read(true)
}

// flood is a jail with a log on a small disk of its own.
type flood struct {
	t       *testing.T
	h       *host.Host
	logs    string
	size    int // of the disk, MB
	full    bool
	drops   bool // lines may be missing, but for those that are counted
	bytes   int  // of lines, so far
	missing int
	dropped int // as the log tells
	told    int // of those before the last line: what was dropped after it nobody sees
	streams map[string]*numbered
}

// numbered is how far a stream has been read.
type numbered struct {
	form string // of a line
	next int
	part []byte // of a line
}

// newFlood defines it; forms are of the lines of services' streams.
func newFlood(t *testing.T, h *host.Host, root string, size int, keep, full string, forms map[string]string) *flood {
	t.Helper()
	f := &flood{t: t, h: h, logs: filepath.Join(h.Dir, "var/log/jails/web"), size: size, drops: full == "drop", streams: map[string]*numbered{}}
	smallDisk(t, f.logs, size)
	text := fmt.Sprintf("root = %q\n[log]\nkeep = \"1000 x %s\"\nfull = %q\ncompress = false\n", root, keep, full)
	for _, name := range []string{"a", "b"} {
		var args []string
		for _, stream := range []string{" out", " err"} {
			form := forms[name+stream]
			if form == "" {
				form = "-"
			} else {
				f.streams[name+stream] = &numbered{form: form, next: 1}
			}
			args = append(args, form)
		}
		if args[0] != "-" || args[1] != "-" {
			text += service(name, "", "count", args...)
		}
	}
	dir := filepath.Join(h.Dir, "etc/jails")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "web.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// slowest is the number to which all streams have been read.
func (f *flood) slowest() int {
	least := math.MaxInt
	for _, s := range f.streams {
		least = min(least, s.next)
	}
	return least
}

// smallDisk mounts a disk of so many megabytes for the time of the test.
func smallDisk(t *testing.T, dir string, size int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	mountSmall(t, dir, size)
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
}

// killOne starts a supervisor, and kills it after a while.
func (f *flood) killOne(after time.Duration) {
	f.t.Helper()
	var said bytes.Buffer
	cmd := f.h.Command(f.t.Context(), "jailctl", "supervise", "web")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	time.Sleep(after)
	if err := cmd.Process.Kill(); err != nil {
		f.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	var err error
	for over := false; !over; {
		select {
		case err = <-ended:
			over = true
		case <-again.C: // execve(2) of NetBSD forgets a signal that comes meanwhile
			_ = cmd.Process.Kill() // it may have ended
		}
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(interface{ Signaled() bool }).Signaled() == false {
		f.t.Fatalf("the supervisor ended by itself: %v: %s", err, said.Bytes())
	}
}

func (f *flood) fill() {
	f.t.Helper()
	f.full = true
	if err := os.WriteFile(filepath.Join(f.logs, "fill"), make([]byte, (f.size+1)<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		f.t.Fatalf("the disk is not full: %v", err)
	}
}

func (f *flood) room() {
	f.full = false
	if err := os.Remove(filepath.Join(f.logs, "fill")); err != nil && !errors.Is(err, os.ErrNotExist) {
		f.t.Fatal(err)
	}
}

// read checks the files that are finished, and at the end all, and removes
// them unless the disk is to be full.
func (f *flood) read(end bool) {
	f.t.Helper()
	if f.full {
		return
	}
	files, err := filepath.Glob(filepath.Join(f.logs, "log.*"))
	if err != nil {
		f.t.Fatal(err)
	}
	slices.Sort(files)
	if end {
		files = append(files, filepath.Join(f.logs, "current"))
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			f.line(name, line)
		}
		if err := os.Remove(name); err != nil {
			f.t.Fatal(err)
		}
	}
	if !end {
		return
	}
	// What was begun when the services were stopped is the beginning of what
	// would have come next.
	for name, s := range f.streams {
		if want := fmt.Sprintf(s.form, s.next); !strings.HasPrefix(want, string(s.part)) {
			f.t.Errorf("the end of %s is %.60q, want the beginning of %.60q", name, s.part, want)
		}
	}
}

func (f *flood) line(file string, b []byte) {
	f.t.Helper()
	l, err := logs.Parse(b)
	if err != nil {
		f.t.Fatalf("%s: %.100q: %v", filepath.Base(file), b, err)
	}
	f.bytes += len(b)
	if n, is := droppedLines(&l); is && f.drops {
		f.dropped += n
		return
	}
	if f.drops && l.Service == "supervisor" && bytes.HasSuffix(l.Text, []byte(" messages of the supervisor's own were dropped")) {
		return
	}
	if l.Service == "supervisor" && (bytes.Contains(l.Text, []byte("lost")) || bytes.Contains(l.Text, []byte("dropped"))) {
		f.t.Fatalf("the supervisor says: %s", l.Text)
	}
	s := f.streams[l.Service+" "+l.Stream]
	if s == nil {
		return
	}
	s.part = append(s.part, l.Text...)
	if !l.Full {
		return
	}
	if f.drops {
		n := 0
		if _, err := fmt.Sscanf(string(s.part), s.form, &n); err == nil && n > s.next {
			f.missing += n - s.next
			s.next = n
		}
	}
	if want := fmt.Sprintf(s.form, s.next); string(s.part) != want {
		f.t.Fatalf("%s: %s %s: got %.60q (%d bytes), want %.60q (%d bytes)", filepath.Base(file), l.Service, l.Stream, s.part, len(s.part), want, len(want))
	}
	s.next++
	s.part = s.part[:0]
	f.told = f.dropped
}
