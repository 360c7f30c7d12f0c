package event

import (
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// endVariable makes this program a child that ends in that way at once.
const endVariable = "EVENT_END"

func TestMain(m *testing.M) {
	switch os.Getenv(endVariable) {
	case "exit 3":
		os.Exit(3)
	case "exit 7":
		os.Exit(7)
	case "terminated":
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			os.Exit(1)
		}
		time.Sleep(time.Hour) // no deadlock, to Go
	}
	goleak.VerifyTestMain(m)
}

func newReal(t *testing.T) *Loop {
	t.Helper()
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func pipe(t *testing.T) (r, w int) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func TestForgottenInTheSameBatch(t *testing.T) {
	l := newReal(t)
	r1, w1 := pipe(t)
	r2, w2 := pipe(t)
	unix.Write(w1, []byte("x"))
	unix.Write(w2, []byte("x"))
	calls := 0
	for _, fd := range []int{r1, r2} {
		if err := l.Watch(fd, Readable, func(Mode) {
			calls++
			l.Forget(r1)
			l.Forget(r2)
		}); err != nil {
			t.Fatal(err)
		}
	}
	l.After(20*time.Millisecond, l.Stop)
	if err := l.Run(); err != nil || calls != 1 {
		t.Errorf("%v, %d calls", err, calls)
	}
}

func TestDescriptors(t *testing.T) {
	l := newReal(t)
	r, w := pipe(t)
	var got []Mode
	if err := l.Watch(w, Writable, func(m Mode) {
		got = append(got, m)
		l.Change(w, 0)
		unix.Write(w, []byte("x"))
	}); err != nil {
		t.Fatal(err)
	}
	if err := l.Watch(r, Readable, func(m Mode) {
		got = append(got, m)
		var b [8]byte
		if n, _ := unix.Read(r, b[:]); n == 0 {
			l.Forget(r)
			l.Stop()
			return
		}
		l.Forget(w)
		unix.Close(w)
	}); err != nil {
		t.Fatal(err)
	}
	if err := l.Run(); err != nil || !slices.Equal(got, []Mode{Writable, Readable, Readable}) {
		t.Errorf("%v, %v", err, got)
	}
}

func TestTimersAreNeverEarly(t *testing.T) {
	l := newReal(t)
	begin := l.Now()
	for _, d := range []time.Duration{0, time.Microsecond, 1500 * time.Microsecond, 3 * time.Millisecond} {
		l.After(d, func() {
			if passed := l.Now() - begin; passed < d || passed > d+time.Second {
				t.Errorf("timer of %v after %v", d, passed)
			}
		})
	}
	l.After(5*time.Millisecond, l.Stop)
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
}

func TestRest(t *testing.T) {
	l := newReal(t)
	rests, due := 0, 3
	l.Rest(func() {
		rests++
		if due > 0 {
			t.Errorf("rests with %d due", due)
		}
		l.After(0, l.Stop)
	})
	for range due {
		l.Post(func() { due-- })
	}
	if err := l.Run(); err != nil || rests != 1 {
		t.Errorf("%v, %d rests", err, rests)
	}
}

func TestPost(t *testing.T) {
	l := newReal(t)
	const each = 1000
	sum := 0
	for range 4 {
		go func() {
			for range each {
				l.Post(func() {
					if sum++; sum == 4*each {
						l.Stop()
					}
				})
			}
		}()
	}
	if err := l.Run(); err != nil || sum != 4*each {
		t.Errorf("%v, %d", err, sum)
	}
	l.Close()
	l.Post(func() { t.Error("called after Close") })
}

func TestChildren(t *testing.T) {
	l := newReal(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := func(end string) int {
		pid, err := syscall.ForkExec(self, []string{self}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}, Env: []string{endVariable + "=" + end}})
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	want := map[int]unix.WaitStatus{}
	early := start("exit 7")
	time.Sleep(50 * time.Millisecond) // it ends before the loop knows of children
	want[early] = 7 << 8
	l.Children(func(pid int, status unix.WaitStatus) {
		if status != want[pid] {
			t.Errorf("%d: status %#x, want %#x", pid, status, want[pid])
		}
		if delete(want, pid); len(want) == 0 {
			l.Stop()
		}
	})
	for range 50 {
		want[start("exit 3")] = 3 << 8
		want[start("terminated")] = unix.WaitStatus(unix.SIGTERM)
	}
	l.After(10*time.Second, l.Stop)
	if err := l.Run(); err != nil || len(want) > 0 {
		t.Errorf("%v, not told of %v", err, want)
	}
}

func TestSignals(t *testing.T) {
	l := newReal(t)
	var got []unix.Signal
	l.Signals(func(s unix.Signal) {
		if got = append(got, s); len(got) == 2 {
			l.Stop()
		}
	}, unix.SIGUSR1, unix.SIGUSR2)
	l.After(0, func() {
		unix.Kill(os.Getpid(), unix.SIGUSR1)
		unix.Kill(os.Getpid(), unix.SIGUSR2)
	})
	l.After(5*time.Second, l.Stop)
	if err := l.Run(); err != nil || len(got) != 2 || got[0] == got[1] {
		t.Errorf("%v, %v", err, got)
	}
}
