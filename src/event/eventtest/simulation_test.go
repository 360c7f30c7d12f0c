package eventtest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"jails/src/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTimers(t *testing.T) {
	l, s := New()
	defer l.Close()
	var got []string
	note := func(what string) func() { return func() { got = append(got, l.Now().String()+" "+what) } }
	l.After(3*time.Second, note("c"))
	l.After(time.Second, note("a"))
	l.After(time.Second, note("b"))
	dead := l.After(2*time.Second, note("stopped"))
	l.After(time.Second, func() {
		dead.Stop()
		dead.Stop()
		l.After(-1, note("at once"))
		l.Post(note("posted"))
	})
	if err := l.Run(); !errors.Is(err, ErrIdle) {
		t.Fatal(err)
	}
	if want := []string{"1s a", "1s b", "1s at once", "1s posted", "3s c"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if dead.Armed() || s.Sleeps != 3 {
		t.Errorf("armed %v, slept %d times", dead.Armed(), s.Sleeps)
	}
	(*event.Timer)(nil).Stop()
}

func TestDescriptorsAndChildren(t *testing.T) {
	l, s := New()
	defer l.Close()
	calls := 0
	if err := l.Watch(1005, event.Readable, func(event.Mode) {
		calls++
		if calls == 3 {
			l.Forget(1005)
			l.Forget(1006) // ready in the same batch
		}
	}); err != nil {
		t.Fatal(err)
	}
	if l.Watch(1005, event.Readable, nil) == nil || l.Change(1007, event.Readable) == nil {
		t.Error("watched twice, or changed unwatched")
	}
	s.Ready(1005, event.Readable|event.Writable)
	if err := l.Run(); !errors.Is(err, ErrIdle) || calls != 3 {
		t.Fatalf("%v after %d calls", err, calls)
	}
	var ended []int
	l.Children(func(pid int, _ unix.WaitStatus) { ended = append(ended, pid) })
	s.Exit(10, 0)
	s.Exit(11, 256)
	if err := l.Run(); !errors.Is(err, ErrIdle) || !slices.Equal(ended, []int{10, 11}) {
		t.Errorf("%v, ended %v", err, ended)
	}
}

// A descriptor that is one is looked at as it is.
func TestRealDescriptors(t *testing.T) {
	l, s := New()
	defer l.Close()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	var got []byte
	if err := l.Watch(fds[0], event.Readable, func(event.Mode) {
		var b [1]byte
		if n, _ := unix.Read(fds[0], b[:]); n == 1 {
			got = append(got, b[0])
		}
	}); err != nil {
		t.Fatal(err)
	}
	l.After(time.Hour, func() { unix.Write(fds[1], []byte("b")) })
	unix.Write(fds[1], []byte("a"))
	if err := l.Run(); !errors.Is(err, ErrIdle) || string(got) != "ab" || s.Now() != time.Hour {
		t.Errorf("%v: read %q in %v", err, got, s.Now())
	}
	if w := s.Watched(); !slices.Equal(w, fds[:1]) {
		t.Errorf("watched %v", w)
	}
}
