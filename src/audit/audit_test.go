package audit

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newTrail(t *testing.T) Trail {
	return Trail{Path: filepath.Join(t.TempDir(), "log", "audit.log"), noSyslog: true}
}

// all reads the trail: "begin stop", "end stop 75", "damaged".
func all(t *testing.T, trail Trail) (lines []string) {
	t.Helper()
	var last time.Time
	if err := Read(trail.Path, func(r *Record) error {
		if r.Time.Before(last) {
			t.Errorf("%v follows %v", r.Time, last)
		}
		last = r.Time
		lines = append(lines, short(r))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return lines
}

func short(r *Record) string {
	text := r.Event
	if r.Act != nil {
		text += " " + r.Verb
		if r.Code != nil {
			text += fmt.Sprintf(" %d", *r.Code)
		}
		if r.Became {
			text += " became"
		}
	}
	return text
}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAct(t *testing.T) {
	t.Setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22\x1b[2J")
	t.Setenv("SECRET", "hunter2")
	trail := newTrail(t)
	var warnings bytes.Buffer
	args := []string{"start", "web", "a b\x1b\xff", strings.Repeat("x", maxArgs)}
	d := Start(trail, "jailmgr", "start", args, []string{"web"}, &warnings)
	d.Concerns("web", "db")
	d.Failed("db", errors.New("no \x1b room"))
	d.End(75, errors.New("1 of 2"))
	b, err := os.ReadFile(trail.Path)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(trail.Path); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st.Mode(), err)
	}
	if bytes.Contains(b, []byte("hunter2")) || bytes.ContainsAny(b, "\x1b\xff") {
		t.Errorf("%s", b)
	}
	lines := strings.SplitAfter(string(b), "\n")
	if len(lines) != 3 || lines[2] != "" {
		t.Fatalf("%q", lines)
	}
	var first, second Record
	for i, to := range []*Record{&first, &second} {
		if err := json.Unmarshal([]byte(lines[i]), to); err != nil {
			t.Fatal(err)
		}
	}
	a := second.Act
	if first.Event != Begin || second.Event != End || first.ID == "" || first.ID != a.ID || first.Code != nil {
		t.Errorf("%s", b)
	}
	if !slices.Equal(first.Jails, []string{"web"}) || !slices.Equal(second.Jails, []string{"web", "db"}) {
		t.Error(first.Jails, second.Jails)
	}
	if a.UID != uint32(os.Getuid()) || a.PID != os.Getpid() || a.Command != "jailmgr" || a.Verb != "start" || *a.Code != 75 ||
		a.Error != "1 of 2" || a.Failed["db"] != `no \x1b room` || *a.Seconds < 0 || a.Directory == "" {
		t.Errorf("%+v", a)
	}
	if a.Hearsay["SSH_CONNECTION"] != `192.0.2.1 1 192.0.2.2 22\x1b[2J` || len(a.Hearsay) != 1 {
		t.Error(a.Hearsay)
	}
	if a.Args[2] != `a b\x1b\xff` || a.ArgsCut != len("startweba b")+2 || len(a.Args) != 4 {
		t.Errorf("%d cut: %.60q", a.ArgsCut, a.Args)
	}
	if warnings.Len() > 0 {
		t.Error(warnings.String())
	}

	d = Start(trail, "jailctl", "exec", nil, nil, &warnings)
	d.Leaving(true)
	d.End(127, errors.New("in the jail"))
	d = Start(trail, "jailctl", "exec", nil, nil, &warnings)
	d.Leaving(true)
	d.Leaving(false)
	d.End(75, errors.New("the jail is dying"))
	d.End(0, nil) // the first counts
	want(t, all(t, trail)[2:], "begin exec", "end exec became", "begin exec", "end exec became", "end exec 75")

	var none *Doing
	none.Concerns("x")
	none.Failed("x", errors.New("y"))
	none.Leaving(true)
	none.End(1, nil)
	if From(t.Context()) != nil || From(With(t.Context(), d)) != d {
		t.Error("the context does not have it")
	}
}

// A process that is killed within an act leaves its beginning.
func TestKilled(t *testing.T) {
	if path := os.Getenv("TEST_AUDIT_KILLED"); path != "" {
		Start(Trail{Path: path, noSyslog: true}, "jailmgr", "stop", nil, []string{"web"}, os.Stderr)
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	}
	trail := newTrail(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "TEST_AUDIT_KILLED="+trail.Path)
	if err := cmd.Run(); err == nil {
		t.Error("it was not killed")
	}
	Start(trail, "jailmgr", "start", nil, nil, os.Stderr).End(0, nil)
	want(t, all(t, trail), "begin stop", "begin start", "end start 0")
}

// Those who write at the same time, and one who rotates, lose nothing.
func TestTogether(t *testing.T) {
	trail := newTrail(t)
	const writers, each = 8, 200
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			mine := trail
			for range each {
				if err := mine.Write(&Record{Event: Begin, Act: &Act{Verb: strings.Repeat("v", 1000)}}, &Record{Event: End, Act: &Act{}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	// newsyslog's way: each older file one further, oldest first.
	for n := 0; ; n++ {
		for i := n; i > 0; i-- {
			if err := os.Rename(fmt.Sprintf("%s.%d", trail.Path, i-1), fmt.Sprintf("%s.%d", trail.Path, i)); err != nil {
				t.Fatal(err)
			}
		}
		for os.Rename(trail.Path, trail.Path+".0") != nil {
			time.Sleep(time.Millisecond)
		}
		select {
		case <-done:
		case <-time.After(20 * time.Millisecond):
			continue
		}
		break
	}
	begins, ends := 0, 0
	var before string
	if err := Read(trail.Path, func(r *Record) error {
		switch {
		case r.Event == Begin && before != Begin:
			begins++
		case r.Event == End && before == Begin:
			ends++
		default:
			t.Errorf("%s follows %s", r.Event, before)
		}
		before = r.Event
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if begins != writers*each || ends != begins {
		t.Errorf("%d and %d records, want %d", begins, ends, writers*each)
	}
}

// The times of those who write at the same time are in order.
func TestOrder(t *testing.T) {
	trail := newTrail(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			mine := trail
			for range 200 {
				if err := mine.Write(&Record{Event: Begin, Act: &Act{}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(all(t, trail)); n != 1600 {
		t.Errorf("%d records", n)
	}
}

// What was to be written to a file that is rotated meanwhile is in the new one.
func TestRotatedWhileWaiting(t *testing.T) {
	trail := newTrail(t)
	Start(trail, "jailmgr", "one", nil, nil, os.Stderr)
	f, err := os.Open(trail.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { Start(trail, "jailmgr", "two", nil, nil, os.Stderr) })
	time.Sleep(20 * time.Millisecond)
	err = errors.Join(os.Rename(trail.Path, trail.Path+".0"), os.WriteFile(trail.Path, nil, 0o600), f.Close())
	if err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if b, err := os.ReadFile(trail.Path); err != nil || !bytes.Contains(b, []byte(`"two"`)) {
		t.Errorf("%s, %v", b, err)
	}
}

// A line that a crash has torn takes none with it.
func TestTorn(t *testing.T) {
	trail := newTrail(t)
	act := func(verb string) { Start(trail, "jailmgr", verb, nil, nil, os.Stderr).End(0, nil) }
	act("one")
	whole, err := os.ReadFile(trail.Path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) {
		if err := os.WriteFile(trail.Path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		act("two")
		b, err := os.ReadFile(trail.Path)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(b), "\n")
		for _, line := range lines[len(lines)-3 : len(lines)-1] {
			if !json.Valid([]byte(line)) {
				t.Fatalf("cut at %d: %s", cut, line)
			}
		}
		got := all(t, trail)
		if n := len(got); n < 2 || got[n-2] != "begin two" || got[n-1] != "end two 0" {
			t.Fatalf("cut at %d: %q", cut, got)
		}
	}
	// Not even where nobody could end the torn line before.
	if err := os.WriteFile(trail.Path, slices.Concat(whole[:40], whole), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, all(t, trail), "damaged", "begin one", "end one 0")
}

// What is written in part is taken back; the act goes on, with a warning.
func TestFull(t *testing.T) {
	trail := newTrail(t)
	var warnings bytes.Buffer
	Start(trail, "jailmgr", "one", nil, nil, &warnings).End(0, nil)
	st, err := os.Stat(trail.Path)
	if err != nil {
		t.Fatal(err)
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	small := before
	small.Cur = uint64(st.Size() + 100)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	d := Start(trail, "jailmgr", "two", nil, nil, &warnings)
	now, err := os.Stat(trail.Path)
	if e := unix.Setrlimit(unix.RLIMIT_FSIZE, &before); e != nil || err != nil {
		t.Fatal(e, err)
	}
	if now.Size() != st.Size() {
		t.Errorf("%d bytes, %d before", now.Size(), st.Size())
	}
	if !strings.Contains(warnings.String(), "jailmgr: WARNING: the begin of this act is not in the audit trail: "+trail.Path+": ") {
		t.Errorf("%q", warnings.String())
	}
	d.End(0, nil)
	want(t, all(t, trail), "begin one", "end one 0", "end two 0")
}

// A writer that was stopped holds others up for a moment only.
func TestStoppedWriter(t *testing.T) {
	trail := newTrail(t)
	Start(trail, "jailmgr", "one", nil, nil, os.Stderr)
	f, err := os.Open(trail.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	Start(trail, "jailmgr", "two", nil, nil, os.Stderr)
	if took := time.Since(begun); took < lockPatience*time.Millisecond/2 {
		t.Errorf("it did not wait: %v", took)
	}
	want(t, all(t, trail), "begin one", "begin two")
}

// What is not a file is not written to, and says so.
func TestNoFile(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"fifo":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"link":      func(path string) error { return os.Symlink("/etc/passwd", path) },
	} {
		t.Run(name, func(t *testing.T) {
			trail := Trail{Path: filepath.Join(t.TempDir(), "audit.log"), noSyslog: true}
			if err := make(trail.Path); err != nil {
				t.Fatal(err)
			}
			var warnings bytes.Buffer
			Start(trail, "jailmgr", "one", nil, nil, &warnings).End(0, nil)
			if n := strings.Count(warnings.String(), "WARNING: "); n != 2 {
				t.Errorf("%d warnings: %s", n, warnings.String())
			}
		})
	}
}

func pack(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(b)
	if err = errors.Join(err, w.Close(), os.WriteFile(path+".gz", packed.Bytes(), 0o600), os.Remove(path)); err != nil {
		t.Fatal(err)
	}
}

func TestReadRotated(t *testing.T) {
	trail := newTrail(t)
	for _, verb := range []string{"one", "two", "three"} {
		Start(trail, "jailmgr", verb, nil, nil, os.Stderr)
		if verb == "three" {
			break
		}
		if _, err := os.Stat(trail.Path + ".0"); err == nil {
			if err := os.Rename(trail.Path+".0", trail.Path+".1"); err != nil {
				t.Fatal(err)
			}
			pack(t, trail.Path+".1")
		}
		if err := os.Rename(trail.Path, trail.Path+".0"); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{".bak", ".1x", ".x.gz", ".-1"} {
		if err := os.WriteFile(trail.Path+name, []byte("junk\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want(t, all(t, trail), "begin one", "begin two", "begin three")
	// One that is damaged is said to be.
	if err := os.WriteFile(trail.Path+".1.gz", []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, all(t, trail), "damaged", "begin two", "begin three")
	if err := Read(filepath.Join(t.TempDir(), "none", "audit.log"), nil); err != nil {
		t.Error(err)
	}
}

func TestFollow(t *testing.T) {
	trail := newTrail(t)
	write := func(verb string) { Start(trail, "jailmgr", verb, nil, nil, os.Stderr) }
	write("0")
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan string, 100)
	ended := make(chan error)
	go func() {
		ended <- Follow(ctx, trail.Path, func(r *Record) error { got <- short(r); return nil },
			func() error { got <- "caught"; return nil })
	}()
	next := func(want string) {
		t.Helper()
		select {
		case s := <-got:
			if s != want {
				t.Fatalf("%q, want %q", s, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no %q", want)
		}
	}
	next("begin 0")
	next("caught")
	for i := 1; i < 20; i++ {
		write(fmt.Sprint(i))
		if i%2 == 0 { // it was read, or not
			next(fmt.Sprintf("begin %d", i-1))
			next(fmt.Sprintf("begin %d", i))
		}
		if i%3 == 0 {
			if _, err := os.Stat(trail.Path + ".0"); err == nil {
				if err := os.Rename(trail.Path+".0", trail.Path+".1"); err != nil {
					t.Fatal(err)
				}
				pack(t, trail.Path+".1")
			}
			if err := os.Rename(trail.Path, trail.Path+".0"); err != nil {
				t.Fatal(err)
			}
		}
	}
	next("begin 19")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Who follows the trail may be late by several rotations.
func TestFollowLate(t *testing.T) {
	for _, c := range []struct {
		name   string
		empty  bool // the file that is read is rotated with nothing in it
		packed bool
		keep   int // older files
		want   []string
	}{
		{"plain", false, false, 9, []string{"begin 0", "begin 1", "begin 2", "begin 3"}},
		{"packed", false, true, 9, []string{"begin 0", "begin 1", "begin 2", "begin 3"}},
		{"empty", true, true, 9, []string{"begin 0", "begin 1", "begin 2", "begin 3"}},
		{"removed", false, true, 2, []string{"begin 0", "begin 1", "begin 2", "begin 3"}},
		{"removed before it was read", false, true, 1, []string{"begin 0", "begin 2", "begin 3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			trail := newTrail(t)
			write := func(verb string) { Start(trail, "jailmgr", verb, nil, nil, os.Stderr) }
			old := func(n int) string { return fmt.Sprintf("%s.%d", trail.Path, n) }
			rotate := func() {
				t.Helper()
				for n := 8; n >= 0; n-- {
					for _, suffix := range []string{"", ".gz"} {
						from := old(n) + suffix
						if _, err := os.Stat(from); err != nil {
							continue
						}
						if n+1 >= c.keep {
							if err := os.Remove(from); err != nil {
								t.Fatal(err)
							}
						} else if err := os.Rename(from, old(n+1)+suffix); err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := os.Rename(trail.Path, old(0)); err != nil {
					t.Fatal(err)
				}
				if c.packed {
					pack(t, old(0))
				}
			}
			write("0")
			if c.empty {
				rotate()
				if err := os.WriteFile(trail.Path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var got []string
			err := Follow(ctx, trail.Path, func(r *Record) error {
				if got = append(got, short(r)); short(r) == "begin 3" {
					cancel()
				}
				return nil
			}, func() error { // it has read all, and comes back late
				for n := 1; n <= 3; n++ {
					rotate()
					write(fmt.Sprint(n))
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			want(t, got, c.want...)
		})
	}
}

// Whatever the file holds, a record behind it is read, and what is shown is
// safe.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\n"))
	f.Add([]byte(`{"time":"2026-11-23T18:19:35Z","event":"begin","jails":["web"],"id":"x"}` + "\n{"))
	f.Add([]byte(`{"time":"2026-11-23T18:19:35Z","event":"denied","jails":null,"jail_id":7}`))
	f.Add([]byte("\x1b[2J\x00{\"time\":\"{\"time\":\"\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		trail := Trail{Path: filepath.Join(dir, "audit.log"), noSyslog: true}
		if err := os.WriteFile(trail.Path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := trail.Write(&Record{Event: Begin, Act: &Act{ID: "mine"}}); err != nil {
			t.Fatal(err)
		}
		var last *Record
		if err := Read(trail.Path, func(r *Record) error {
			if (r.Event == Begin || r.Event == End) != (r.Act != nil) || (r.Event == Denied) != (r.Denial != nil) || r.Jails == nil {
				t.Errorf("%+v", r)
			}
			if strings.ContainsAny(r.Text, "\x1b\x00\n\r") {
				t.Errorf("%q", r.Text)
			}
			last = r
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if last == nil || last.Act == nil || last.ID != "mine" {
			t.Errorf("%q: %+v", b, last)
		}
	})
}
