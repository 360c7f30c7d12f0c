package jailinit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/account"
	"jails/src/secmodel"
)

const roleVariable = "JAILINIT_TEST_ROLE"

// roles are what this test's binary does when it is executed as a child.
var roles = map[string]func() int{
	// told says what it was started with.
	"told": func() int {
		var l unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_CORE, &l); err != nil {
			return 1
		}
		sid, err := unix.Getsid(0)
		if err != nil {
			return 1
		}
		dir, err := os.Getwd()
		if err != nil {
			return 1
		}
		fmt.Println(os.Args[1:], dir, sid == os.Getpid(), l.Cur, l.Max, os.Getuid(), os.Getenv("X"))
		for fd := 3; fd < 8; fd++ {
			// Go's own are closed at an exec.
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags == 0 {
				f := os.NewFile(uintptr(fd), "")
				b, err := io.ReadAll(f)
				fmt.Printf("%d %s %v\n", fd, b, err)
			}
		}
		return 3
	},
	// ends does, at once.
	"ends": func() int { return 7 },
	// given says what limits it takes itself for started with.
	"given": func() int {
		l, err := takeLimits()
		var now unix.Rlimit
		err2 := unix.Getrlimit(unix.RLIMIT_NOFILE, &now)
		fmt.Println(l.given[fileLimit], l.own[fileLimit], now, err, err2)
		return 0
	},
}

func self(t *testing.T, role string, out *os.File, more ...uintptr) *program {
	t.Helper()
	file, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &program{
		file: file, args: []string{"test", "a", "b c"}, env: []string{roleVariable + "=" + role, "X=y"}, directory: "/",
		id:    account.Identity{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())},
		files: append([]uintptr{closedFD, out.Fd(), 2}, more...),
	}
}

func ended(t *testing.T, pid int, err error) int {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err == nil {
			return status.ExitStatus()
		}
		if err != unix.EINTR {
			t.Fatal(err)
		}
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	return r, w
}

// Descriptors come to the numbers that are asked for, whatever numbers they
// had, and nothing else comes along.
func TestExecute(t *testing.T) {
	var letters []*os.File
	for _, text := range []string{"A", "B", "C"} {
		r, w := pipe(t)
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
		w.Close()
		letters = append(letters, r)
	}
	a, b, c := letters[0].Fd(), letters[1].Fd(), letters[2].Fd()
	// One at each of the numbers that are asked for, in the others' order.
	var low []uintptr
	for i, fd := range []uintptr{c, a, b} {
		n, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3+i)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(n)
		low = append(low, uintptr(n))
	}
	r, w := pipe(t)
	p := self(t, "told", w, low[1], closedFD, low[2], low[0])
	p.limits = []limit{{4, unix.Rlimit{Cur: 0, Max: 0}}}
	pid, err := execute(p)
	code := ended(t, pid, err)
	w.Close()
	got, err := io.ReadAll(r)
	want := fmt.Sprintf("[a b c] / true 0 0 %d y\n3 A <nil>\n5 B <nil>\n6 C <nil>\n", os.Getuid())
	if string(got) != want || err != nil || code != 3 {
		t.Errorf("%d, %v, got\n%swant\n%s", code, err, got, want)
	}
}

// What can not be is told with its reason, and leaves no process.
func TestExecuteRefused(t *testing.T) {
	_, w := pipe(t)
	for want, wrong := range map[string]func(*program){
		"no such file or directory": func(p *program) { p.file = "/nonexistent" },
		"permission denied":         func(p *program) { p.file = "/" },
		"invalid argument":          func(p *program) { p.args = append(p.args, "a\x00b") },
		"limit files: ":             func(p *program) { p.limits = []limit{{fileLimit, unix.Rlimit{Cur: 2, Max: 1}}} },
		"bad file descriptor":       func(p *program) { p.files[1] = 1000 },
	} {
		p := self(t, "told", w)
		wrong(p)
		pid, err := execute(p)
		if err == nil {
			ended(t, pid, err)
		}
		if err == nil || !strings.Contains(err.Error(), want) || pid != 0 {
			t.Errorf("%d %v, want %s", pid, err, want)
		}
	}
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("children are left: %v", err)
	}
}

// Go raises the soft limit of open files when it begins; what jail-init hands
// on is the one from before.
func TestTakeLimits(t *testing.T) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		t.Fatal(err)
	}
	r, w := pipe(t)
	p := self(t, "given", w)
	p.limits = []limit{{fileLimit, unix.Rlimit{Cur: 61, Max: 71}}}
	pid, err := execute(p)
	code := ended(t, pid, err)
	w.Close()
	got, err := io.ReadAll(r)
	if string(got) != "{61 71} {71 71} {71 71} <nil> <nil>\n" || err != nil || code != 0 {
		t.Errorf("%d %v %s", code, err, got)
	}
}

// A process is given what it does not have of itself: its own limits as far as
// jail-init has them, else what that was given.
func TestLimitsOf(t *testing.T) {
	var l limits
	for i := range l.given {
		l.given[i] = unix.Rlimit{Cur: 50, Max: 100}
		l.own[i], l.most[i] = l.given[i], 100
	}
	l.own[fileLimit].Cur = 100
	l.own[4] = unix.Rlimit{Cur: 50, Max: 200}
	for name, c := range map[string]struct {
		limits []secmodel.Limit
		want   []limit
	}{
		"none":  {nil, []limit{{4, unix.Rlimit{Cur: 50, Max: 100}}, {fileLimit, unix.Rlimit{Cur: 50, Max: 100}}}},
		"files": {[]secmodel.Limit{{Resource: 8, Soft: 7, Hard: 9}}, []limit{{4, unix.Rlimit{Cur: 50, Max: 100}}, {fileLimit, unix.Rlimit{Cur: 7, Max: 9}}}},
		"too much": {[]secmodel.Limit{{Resource: 4, Soft: 300, Hard: 300}, {Resource: 0, Soft: 1, Hard: 1}},
			[]limit{{0, unix.Rlimit{Cur: 1, Max: 1}}, {4, unix.Rlimit{Cur: 200, Max: 200}}, {fileLimit, unix.Rlimit{Cur: 50, Max: 100}}}},
		"what it has": {[]secmodel.Limit{{Resource: 8, Soft: 100, Hard: 100}, {Resource: 4, Soft: 50, Hard: 200}}, nil},
	} {
		if got := l.of(&Service{Limits: c.limits}); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Above what it has, jail-init raises its own as root, and nobody else can.
func TestRaiseLimits(t *testing.T) {
	var l limits
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &l.own[4]); err != nil {
		t.Fatal(err)
	}
	l.most[4] = l.own[4].Max
	service := daemon("a")
	service.Limits = []secmodel.Limit{{Resource: 4, Soft: 1, Hard: secmodelUnlimited}}
	err := l.raise([]Service{service})
	switch {
	case l.own[4].Max == unix.RLIM_INFINITY:
		if err != nil {
			t.Error(err)
		}
	case !errors.Is(err, syscall.EPERM):
		t.Errorf("%v, %+v", err, l.own[4])
	}
}

const secmodelUnlimited = ^uint64(0)

// Children come and fail to while Go's other threads allocate and collect, and
// leave the parent's memory as it was.
func TestExecuteOften(t *testing.T) {
	_, w := pipe(t)
	over, collected := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-over:
				collected <- n
				return
			default:
				runtime.GC()
			}
		}
	}()
	for i := range 100 {
		p := self(t, "ends", w)
		p.limits = []limit{{4, unix.Rlimit{}}}
		p.id.Groups = []uint32{uint32(i)}
		pid, err := execute(p)
		if code := ended(t, pid, err); code != 7 {
			t.Errorf("%d. ended with %d", i, code)
		}
		p.file = "/nonexistent"
		if _, err := execute(p); err != unix.ENOENT {
			t.Errorf("%d. is not refused: %v", i, err)
		}
		if want := []uintptr{closedFD, w.Fd(), 2}; !slices.Equal(p.files, want) || p.id.Groups[0] != uint32(i) {
			t.Errorf("%d. has made of its program %+v", i, p)
		}
	}
	close(over)
	if n := <-collected; n == 0 {
		t.Error("nothing was collected meanwhile")
	}
}
