package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"jails/src/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var moment = time.Date(2026, 11, 23, 8, 51, 38, 123456000, time.UTC)

func TestLineForm(t *testing.T) {
	for _, c := range []struct {
		text string
		full bool
		want string
	}{
		{"GET /", true, "2026-11-23T08:51:38.123456Z web out F GET /\n"},
		{"", false, "2026-11-23T08:51:38.123456Z web out P \n"},
		{"a\tb é 漢", true, "2026-11-23T08:51:38.123456Z web out F a\tb é 漢\n"},
		{"\x1b[31m\r\x00\x7f", true, `2026-11-23T08:51:38.123456Z web out F \x1b[31m\x0d\x00\x7f` + "\n"},
		{"\xff\xc3", true, `2026-11-23T08:51:38.123456Z web out F \xff\xc3` + "\n"},
		{"\u009b31m \u202e \u2028", true, `2026-11-23T08:51:38.123456Z web out F \xc2\x9b31m \xe2\x80\xae \xe2\x80\xa8` + "\n"},
		{`\x1b \d \`, true, `2026-11-23T08:51:38.123456Z web out F \x5cx1b \d \` + "\n"},
	} {
		l := Line{Time: moment, Service: "web", Stream: "out", Full: c.full, Text: []byte(c.text)}
		got := string(l.Append(nil))
		if got != c.want {
			t.Errorf("%q:\n got %q\nwant %q", c.text, got, c.want)
		}
		back, err := Parse([]byte(got))
		if err != nil || !back.Time.Equal(moment) || back.Service != "web" || back.Stream != "out" || back.Full != c.full || string(back.Text) != c.text {
			t.Errorf("%q comes back as %+v %v", c.text, back, err)
		}
	}
	for _, bad := range []string{"", "x", "2026-11-23T08:51:38.123456Z web out F", "2026-11-23T08:51:38.123456Z web in F x", "2026-11-23T08:51:38.123456Z  out F x", "2026-13-23T08:51:38.123456Z web out F x"} {
		if l, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q is %+v", bad, l)
		}
	}
}

// A byte comes out the same wherever in a text it is.
func TestEveryByteEverywhere(t *testing.T) {
	for c := range 256 {
		alone := string(AppendSafe(nil, []byte{byte(c)}))
		for at := range 17 {
			for _, other := range []string{" ", "a", "~", "\t", "[", "]", "!"} {
				before, after := strings.Repeat(other, at), strings.Repeat(other, 16-at)
				if got := string(AppendSafe(nil, []byte(before+string([]byte{byte(c)})+after))); got != before+alone+after {
					t.Fatalf("%#x after %q: %q", c, before, got)
				}
			}
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(`a \x41 \\x41 \x4`), true)
	f.Add([]byte("\x1b]0;\xe2\x80\xae\n"), false)
	f.Fuzz(func(t *testing.T, text []byte, full bool) {
		l := Line{Time: moment, Service: "s", Stream: "err", Full: full, Text: text}
		b := l.Append(nil)
		for _, c := range b[:len(b)-1] {
			if c < 0x20 && c != '\t' || c == 0x7f {
				t.Fatalf("%q is not safe", b)
			}
		}
		back, err := Parse(b)
		if err != nil || !bytes.Equal(back.Text, text) || back.Full != full {
			t.Fatalf("%q comes back as %q %v", text, back.Text, err)
		}
		_, _ = Parse(text)
	})
}

// Whatever the cuts, no byte is lost, and no piece is too long.
func FuzzFramer(f *testing.F) {
	f.Add([]byte("a\n\nbc"), 1, 3)
	f.Add(bytes.Repeat([]byte("é"), 9000), 4097, 8192)
	f.Add(append(bytes.Repeat([]byte("x"), MaxText), '\n'), MaxText, 5)
	f.Fuzz(func(t *testing.T, data []byte, a, b int) {
		var got []byte
		r := framer{Service: "s", Stream: "out"}
		take := func(l *Line) {
			if len(l.Text) > MaxText || bytes.IndexByte(l.Text, '\n') >= 0 || !l.Full && len(l.Text) == 0 {
				t.Fatalf("a piece of %d bytes, full %v", len(l.Text), l.Full)
			}
			if got = append(got, l.Text...); l.Full {
				got = append(got, '\n')
			}
		}
		rest := data
		for i := 0; len(rest) > 0; i++ {
			n := []int{a, b}[i%2]
			if n <= 0 || n > len(rest) {
				n = len(rest)
			}
			r.Push(rest[:n], moment, take)
			if len(r.carry) >= MaxText {
				t.Fatalf("%d bytes are held", len(r.carry))
			}
			rest = rest[n:]
		}
		r.Flush(moment, take)
		if !bytes.Equal(got, data) {
			t.Fatalf("%d bytes came back as %d", len(data), len(got))
		}
	})
}

func TestFramerSplits(t *testing.T) {
	var got []string
	r := framer{}
	take := func(l *Line) { got = append(got, fmt.Sprint(len(l.Text), l.Full)) }
	r.Push([]byte(strings.Repeat("x", MaxText-1)+"é"+"y\n"), moment, take)
	r.Push([]byte(strings.Repeat("x", MaxText)), moment, take)
	r.Push([]byte("\nhalf"), moment, take)
	r.Flush(moment, take)
	if s := strings.Join(got, " "); s != "8191 false 3 true 8192 false 0 true 4 false" {
		t.Errorf("got %s", s)
	}
}

func files(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(dir + "/*")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, filepath.Base(n)+"="+strings.ReplaceAll(string(b), "\n", "|"))
	}
	return strings.Join(all, " ")
}

func unmarked(place, int) {}

func TestFileRotates(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	f := &File{Dir: dir, Keep: 3, Size: 10}
	write := func(s, want string) {
		t.Helper()
		n, err := f.Write([]byte(s), 0, unmarked)
		if err != nil || n != len(s) {
			t.Fatalf("%q: %d %v", s, n, err)
		}
		if got := files(t, dir); got != want {
			t.Fatalf("after %q:\n got %s\nwant %s", s, got, want)
		}
	}
	write("1234\n", "current=1234|")
	write("5678\n", "current=1234|5678|")
	write("a\nb\n", "current=a|b| log.000001=1234|5678|")
	write("a line that is too long\nc\n", "current=c| log.000002=a|b| log.000003=a line that is too long|")
	f.Close()
	// A power failure tore the last line; a new File goes on after it.
	os.WriteFile(dir+"/current", []byte("to"), 0o600)
	f = &File{Dir: dir, Keep: 3, Size: 10}
	write("d\n", "current=to|d| log.000002=a|b| log.000003=a line that is too long|")
	os.RemoveAll(dir)
	write("e\n", "current=e|")
	f.Close()
	f = &File{Dir: dir, Keep: 1, Size: 4}
	write("f\n", "current=e|f|")
	write("g\n", "current=g|")
	f.Close()
	os.Remove(dir + "/current")
	os.Symlink("/etc/passwd", dir+"/current")
	if _, err := f.Write([]byte("h\n"), 0, unmarked); err == nil {
		t.Error("it wrote through a link")
	}
}

type bench struct {
	*testing.T
	loop *event.Loop
	w    *Writer
	dir  string
}

func newBench(t *testing.T, drop bool) *bench {
	t.Helper()
	l, err := event.New()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "log")
	w := NewWriter(l, &File{Dir: dir, Keep: 10, Size: 1 << 20}, nil, drop, nil)
	t.Cleanup(func() { w.Close(); l.Close() })
	return &bench{t, l, w, dir}
}

func (b *bench) add(service string) (write int) {
	b.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		b.Fatal(err)
	}
	if err := b.w.Add(service, "out", fds[0]); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { unix.Close(fds[1]) })
	return fds[1]
}

func (b *bench) run(d time.Duration) {
	b.Helper()
	l := b.loop
	l.After(d, l.Stop)
	if err := l.Run(); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) text() (all []string) {
	b.Helper()
	if err := Read(b.dir, Filter{}, func(l Line) error {
		all = append(all, fmt.Sprintf("%s %v %s", l.Service, l.Full, l.Text))
		return nil
	}); err != nil && !errors.Is(err, os.ErrNotExist) {
		b.Fatal(err)
	}
	return all
}

// With a log that takes nothing, services wait or lines are counted; once it
// does again, it goes on by itself.
func TestFullLog(t *testing.T) {
	for _, drop := range []bool{false, true} {
		t.Run(fmt.Sprint("drop ", drop), func(t *testing.T) {
			b := newBench(t, drop)
			a := b.add("a")
			if err := os.WriteFile(b.dir, nil, 0o600); err != nil { // no directory
				t.Fatal(err)
			}
			unix.Write(a, []byte("one\ntwo\n"))
			b.run(50 * time.Millisecond)
			unix.Write(a, []byte("three\n"))
			b.run(50 * time.Millisecond)
			c := b.w.Counters()
			if !strings.Contains(c.Blocked, "not a directory") {
				t.Errorf("%+v", c)
			}
			if drop && (c.Lines != 3 || c.Dropped != 3) || !drop && (c.Lines != 0 || c.Dropped != 0) {
				t.Errorf("%+v", c)
			}
			if err := os.Remove(b.dir); err != nil {
				t.Fatal(err)
			}
			b.run(retryEvery + 100*time.Millisecond)
			unix.Write(a, []byte("four\n"))
			b.run(50 * time.Millisecond)
			want := "a true one,a true two,a true three,a true four"
			if drop {
				want = "supervisor true 3 lines were dropped, the log took none,a true four"
			}
			if got := strings.Join(b.text(), ","); got != want || b.w.Counters().Blocked != "" || b.w.Counters().Lines != 4 {
				t.Errorf("got %s; %+v", got, b.w.Counters())
			}
		})
	}
}

func TestEndedAndFinish(t *testing.T) {
	b := newBench(t, false)
	a := b.add("a")
	unix.Write(a, []byte("half"))
	b.run(20 * time.Millisecond)
	if got := b.text(); len(got) != 0 {
		t.Errorf("too early: %q", got)
	}
	unix.Write(a, []byte(" more"))
	b.w.Ended("a")
	unix.Write(a, []byte("next\nlast"))
	b.w.Finish(0, func() {})
	if got := strings.Join(b.text(), ","); got != "a false half more,a true next,a false last" {
		t.Errorf("got %s", got)
	}
	if c := b.w.Counters(); c.Bytes != 18 || c.Dropped != 0 {
		t.Errorf("%+v", c)
	}
}

func TestSyslog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	s := NewSyslog(19<<3|6, 19<<3|3, "jail-web")
	defer s.Close()
	s.host, s.paths = "host", []string{path}
	line := &Line{Time: moment, Service: "a", Stream: "err", Full: true, Text: []byte("x\x1b")}
	s.Send(line)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	s.Send(line) // too soon to try again
	if s.Dropped != 2 {
		t.Errorf("%d dropped", s.Dropped)
	}
	later := *line
	later.Time = moment.Add(2 * time.Second)
	s.Send(&later)
	var buf [256]byte
	n, err := unix.Read(fd, buf[:])
	if want := `<155>1 2026-11-23T08:51:40.123456Z host jail-web - a.err - x\x1b`; err != nil || string(buf[:n]) != want {
		t.Errorf("got %q %v", buf[:n], err)
	}
	for range 5000 { // it does not read: nobody waits
		s.Send(&later)
	}
	if s.Dropped < 1000 {
		t.Errorf("%d dropped", s.Dropped)
	}
}

// Following sees every line once, in order, over any number of rotations, and
// while the old files are compressed under it.
func TestFollow(t *testing.T) {
	for _, zip := range []bool{false, true} {
		t.Run(fmt.Sprint("compress ", zip), func(t *testing.T) { testFollow(t, zip) })
	}
}

func testFollow(t *testing.T, zip bool) {
	dir := t.TempDir()
	f := &File{Dir: dir, Keep: 1000, Size: 200}
	if zip { // of fewer files each is looked at more often
		f.Size = 2000
	}
	defer f.Close()
	const count = 2000
	write := func(i int) {
		l := Line{Time: moment, Service: "a", Stream: "out", Full: true, Text: fmt.Append(nil, i)}
		if _, err := f.Write(l.Append(nil), 0, unmarked); err != nil {
			t.Error(err)
		}
	}
	write(0)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	next := 0
	done := make(chan error, 1)
	go func() {
		done <- Follow(ctx, []string{dir}, Filter{}, -1, func(_ int, l Line) error {
			if string(l.Text) != fmt.Sprint(next) {
				return fmt.Errorf("line %d is %q", next, l.Text)
			}
			if next++; next == count {
				cancel()
			}
			return nil
		})
	}()
	var stop atomic.Bool
	for i := 1; i < count; i++ {
		write(i)
		if i%100 == 0 {
			time.Sleep(time.Millisecond)
		}
		if zip && i%50 == 0 {
			if err := compress(dir, &stop); err != nil {
				t.Fatal(err)
			}
		}
	}
	defer time.AfterFunc(time.Minute, cancel).Stop() // it has had the time that the writing took
	if err := <-done; err != nil || next != count {
		t.Errorf("%v, %d lines", err, next)
	}
}

// The lines that follow are those after the last ones that were given, though
// they have the same time or, after the clock was set back, an earlier one.
// One who moves current away ends nothing.
func TestFollowTail(t *testing.T) {
	dir := t.TempDir()
	f := &File{Dir: dir, Keep: 3, Size: 1 << 20}
	defer f.Close()
	write := func(when time.Time, text string) {
		l := Line{Time: when, Service: "a", Stream: "out", Full: true, Text: []byte(text)}
		if _, err := f.Write(l.Append(nil), 0, unmarked); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{"1", "2", "3"} {
		write(moment, text)
	}
	var tailed []string
	for last := range 5 {
		var all strings.Builder
		if err := Tail([]string{dir}, Filter{}, last, func(_ int, l Line) error { all.Write(l.Text); return nil }); err != nil {
			t.Error(err)
		}
		tailed = append(tailed, all.String())
	}
	if got := strings.Join(tailed, ","); got != ",3,23,123,123" {
		t.Errorf("tail: %q", got)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	given := make(chan string)
	done := make(chan error, 1)
	go func() {
		done <- Follow(ctx, []string{dir}, Filter{}, 2, func(_ int, l Line) error {
			given <- string(l.Text)
			return nil
		})
	}()
	want := func(texts ...string) {
		t.Helper()
		for _, w := range texts {
			select {
			case got := <-given:
				if got != w {
					t.Errorf("got %q, want %q", got, w)
				}
			case <-ctx.Done():
				t.Fatalf("no %q", w)
			}
		}
	}
	want("2", "3")
	write(moment, "4")
	want("4")
	write(moment.Add(-time.Hour), "5")
	want("5")
	if err := errors.Join(os.Rename(filepath.Join(dir, "current"), filepath.Join(dir, "mine")), f.Close()); err != nil {
		t.Fatal(err)
	}
	write(moment, "6")
	want("6")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestFilter(t *testing.T) {
	dir := t.TempDir()
	text := "2026-11-23T08:00:00.000000Z a out F one\n2026-11-23T08:00:01.000000Z b err F two\nnonsense\n2026-11-23T08:00:02.000000Z a err P three"
	if err := os.WriteFile(dir+"/current", []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 8, 0, 1, 0, time.UTC)
	for _, c := range []struct {
		f    Filter
		want string
	}{
		{Filter{}, "one two nonsense three"},
		{Filter{Services: []string{"a"}}, "one three"},
		{Filter{Stream: "err", Services: []string{"a", "b"}}, "two three"},
		{Filter{Since: at}, "two three"},
		{Filter{Since: at, Until: at.Add(time.Second)}, "two"},
		{Filter{Text: []byte("e"), Services: []string{"a"}, Stream: "out"}, "one"},
	} {
		var got []string
		err := Read(dir, c.f, func(l Line) error { got = append(got, string(l.Text)); return nil })
		if s := strings.Join(got, " "); err != nil || s != c.want {
			t.Errorf("%+v: %q %v", c.f, s, err)
		}
	}
	if err := Read(dir+"/none", Filter{}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

// Who has a stream's reading end too can make reads of it wait: nobody reads
// where nothing is.
func TestEmptyStreamThatWaits(t *testing.T) {
	b := newBench(t, false)
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	if err := b.w.Add("a", "out", fds[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(fds[1], []byte("x\n")); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fds[0], false); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { b.w.Ended("a"); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		unix.Write(fds[1], []byte("y\n"))
		t.Fatal("it waits")
	}
	if got := fmt.Sprint(b.text()); got != "[a true x]" {
		t.Error(got)
	}
	b.w.Note("supervisor", strings.Repeat("y", 10*MaxText))
	if got := b.text(); len(got) != 2 || len(got[1]) != len("supervisor true ")+MaxText {
		t.Errorf("a note of %d bytes", len(got[len(got)-1]))
	}
}

// Who sends streams without end takes no memory without end.
func TestManyStreams(t *testing.T) {
	b := newBench(t, false)
	taken := 0
	for i := range streamsMost + 100 {
		var fds [2]int
		if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
			t.Skipf("%v at %d pipes; raise the limit of open files", err, i)
		}
		unix.Close(fds[1])
		if b.w.Add(fmt.Sprintf("s%d", i), "out", fds[0]) == nil {
			taken++
		}
	}
	if taken != streamsMost {
		t.Errorf("%d were taken", taken)
	}
}

// Someone who has a service's pipe, though the service has ended, can not keep
// the reader: here it never comes to an end of what there is to read.
func TestEndlessStream(t *testing.T) {
	l, err := event.New()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	w := NewWriter(l, &File{Dir: dir, Keep: 1, Size: 1 << 30}, nil, false, nil)
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if err := w.Add("a", "out", fds[0]); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	if err := unix.SetNonblock(fds[1], true); err != nil {
		t.Fatal(err)
	}
	flood := make([]byte, 64<<10)
	w.spool.step = func() { unix.Write(fds[1], flood) } // it is never empty
	w.spool.step()
	done := make(chan struct{})
	go func() {
		w.Ended("a")
		w.Finish(0, func() {})
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it reads on and on")
	}
	if n := w.Counters().Bytes; n < 2<<20 || n > 3<<20 {
		t.Errorf("%d bytes were read", n)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	var said []string
	if err := Read(dir, Filter{Services: []string{"supervisor"}}, func(l Line) error {
		said = append(said, string(l.Text))
		return nil
	}); err != nil || len(said) != 1 || said[0] != "the rest of out of a is not kept: someone else still writes to it" {
		t.Errorf("%q %v", said, err)
	}
}
