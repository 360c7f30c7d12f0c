package bench

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// worker is this program as a process that makes system calls, on the host or
// in a jail, and says how long they took. It speaks by plain read(2) and
// write(2): who enters a jail may have nothing open that would keep it out.
type worker struct {
	cmd     *exec.Cmd
	to, say *os.File
}

// The jail that a worker enters, 0 for none, and the user that it becomes.
const (
	jailVariable = "BENCH_JAIL"
	userVariable = "BENCH_USER"
)

func init() { roles["worker"] = work }

// newWorker starts one, in that jail or on the host.
func newWorker(b *testing.B, jail secmodel.ID, uid int) *worker {
	b.Helper()
	in, to, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	say, out, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	w := &worker{exec.Command(os.Args[0]), to, say}
	w.cmd.Env = append(os.Environ(), roleVariable+"=worker", fmt.Sprintf("%s=%d", jailVariable, jail),
		fmt.Sprintf("%s=%d", userVariable, uid), "GODEBUG=asyncpreemptoff=1")
	w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = in, out, out
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := w.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	w.do(b, "nothing", 0)
	return w
}

// end waits until it has ended, with all its children.
func (w *worker) end(b *testing.B) {
	b.Helper()
	w.to.Close()
	if err := w.cmd.Wait(); err != nil {
		b.Error(err)
	}
	w.say.Close()
}

// do has it make n calls, and returns what each took, in nanoseconds.
func (w *worker) do(b *testing.B, call string, n int) float64 {
	b.Helper()
	if _, err := fmt.Fprintln(w.to, call, n); err != nil {
		b.Fatal(err)
	}
	var buffer [512]byte
	got, err := w.say.Read(buffer[:])
	if err != nil {
		b.Fatalf("%s: %v", call, err)
	}
	answer := strings.TrimSpace(string(buffer[:got]))
	took, err := strconv.Atoi(answer)
	if err != nil {
		b.Fatalf("%s: %s", call, answer)
	}
	return float64(took) / float64(max(n, 1))
}

// work is a worker's main function.
func work() {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	// A thousand children are more than most may have.
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	err := unix.Setrlimit(rlimitNProc, &unlimited)
	if id, _ := strconv.Atoi(os.Getenv(jailVariable)); id != 0 && err == nil {
		var model *secmodel.Client
		if model, err = secmodel.Open(); err == nil {
			err = model.Enter(secmodel.ID(id), false)
		}
	}
	if uid, _ := strconv.Atoi(os.Getenv(userVariable)); uid != 0 && err == nil {
		err = syscall.Setuid(uid)
	}
	var c calls
	if err == nil {
		err = c.spawn(1)
	}
	for {
		var buffer [128]byte
		n, readErr := unix.Read(0, buffer[:])
		if readErr == unix.EINTR {
			continue
		}
		if readErr != nil || n == 0 {
			c.reap(0)
			return
		}
		name, number, _ := strings.Cut(strings.TrimSpace(string(buffer[:n])), " ")
		times, _ := strconv.Atoi(number)
		var took time.Duration
		if err == nil {
			took, err = c.do(name, times)
		}
		answer := fmt.Sprintln(took.Nanoseconds())
		if err != nil {
			answer = fmt.Sprintln("error:", err)
		}
		if _, err := unix.Write(1, []byte(answer)); err != nil {
			return
		}
	}
}

const (
	sigsuspend  = 294 // __sigsuspend14
	rlimitNProc = 7   // RLIMIT_NPROC
	batch       = 32  // descriptors that are open at the same time
	procSize    = 640 // a struct kinfo_proc2, and a little more
	procs       = 3000
	firstPort   = 20480 // and the next ones, of a batch
)

// calls makes system calls, without Go's way to them as far as it goes.
type calls struct {
	children []uintptr
	list     []byte
}

// do makes n of a call and returns how long they took, without what prepares
// them and cleans up.
func (c *calls) do(name string, n int) (time.Duration, error) {
	switch name {
	case "nothing":
		return 0, nil
	case "spawn":
		return 0, c.spawn(n)
	case "reap":
		return 0, c.reap(1)
	case getpid:
		return repeat(n, func() syscall.Errno {
			_, _, errno := unix.RawSyscall(unix.SYS_GETPID, 0, 0, 0)
			return errno
		})
	case kill:
		return repeat(n, func() syscall.Errno {
			_, _, errno := unix.RawSyscall(unix.SYS_KILL, c.children[0], 0, 0)
			return errno
		})
	case fork:
		return repeat(n, func() syscall.Errno {
			pid, errno := rawFork(0)
			if errno != 0 {
				return errno
			}
			_, _, errno = unix.RawSyscall6(unix.SYS_WAIT4, pid, 0, 0, 0, 0, 0)
			return errno
		})
	case ps:
		if c.list == nil {
			c.list = make([]byte, procs*procSize)
		}
		mib := []int32{unix.CTL_KERN, 47, 0, 0, procSize, procs} // KERN_PROC2, KERN_PROC_ALL
		var size uintptr
		took, err := repeat(n, func() syscall.Errno {
			size = uintptr(len(c.list))
			_, _, errno := unix.RawSyscall6(unix.SYS___SYSCTL, uintptr(unsafe.Pointer(&mib[0])), uintptr(len(mib)),
				uintptr(unsafe.Pointer(&c.list[0])), uintptr(unsafe.Pointer(&size)), 0, 0)
			return errno
		})
		if have := int(size) / procSize; err == nil && have < len(c.children) {
			err = fmt.Errorf("%d processes, of %d", have, len(c.children))
		}
		return took, err
	case open:
		null := []byte("/dev/null\x00")
		return repeatOpen(n, func(int) (uintptr, syscall.Errno) {
			fd, _, errno := unix.RawSyscall(unix.SYS_OPEN, uintptr(unsafe.Pointer(&null[0])), unix.O_RDWR, 0)
			return fd, errno
		}, nil)
	case bind:
		address := [16]byte{0: 16, 1: unix.AF_INET} // struct sockaddr_in
		return repeatOpen(n, nil, func(fd uintptr, i int) syscall.Errno {
			address[2], address[3] = byte((firstPort+i)>>8), byte((firstPort+i)&0xff)
			_, _, errno := unix.RawSyscall(unix.SYS_BIND, fd, uintptr(unsafe.Pointer(&address)), uintptr(len(address)))
			return errno
		})
	}
	return 0, fmt.Errorf("no call %q", name)
}

// The calls that are measured.
const (
	bind   = "bind(2)"
	fork   = "fork(2)+_exit(2)"
	kill   = "kill(2)-of-0"
	open   = "open(2)-of-/dev/null"
	ps     = "ps-of-1,000-processes"
	getpid = "getpid(2)"
)

func repeat(n int, call func() syscall.Errno) (time.Duration, error) {
	began := time.Now()
	for range n {
		if errno := call(); errno != 0 {
			return 0, errno
		}
	}
	return time.Since(began), nil
}

// repeatOpen measures what gives descriptors, or what is done with sockets,
// in batches.
func repeatOpen(n int, open func(i int) (uintptr, syscall.Errno), use func(fd uintptr, i int) syscall.Errno) (took time.Duration, err error) {
	for range n / batch {
		var fds [batch]uintptr
		var errno syscall.Errno
		for i := 0; i < batch && use != nil && errno == 0; i++ {
			fds[i], _, errno = unix.RawSyscall(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0)
		}
		began := time.Now()
		for i := 0; i < batch && errno == 0; i++ {
			if use == nil {
				fds[i], errno = open(i)
			} else {
				errno = use(fds[i], i)
			}
		}
		took += time.Since(began)
		if errno != 0 {
			return 0, errno
		}
		for _, fd := range fds {
			if err := unix.Close(int(fd)); err != nil {
				return 0, err
			}
		}
	}
	return took, nil
}

// spawn makes children, until there are so many, that sleep.
func (c *calls) spawn(n int) error {
	for len(c.children) < n {
		pid, errno := rawFork(1)
		if errno != 0 {
			return fmt.Errorf("child %d: %w", len(c.children), errno)
		}
		c.children = append(c.children, pid)
	}
	return nil
}

// reap ends children, until there are so many.
func (c *calls) reap(n int) error {
	for i := len(c.children); i > n; i-- {
		pid := int(c.children[i-1])
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			return err
		}
		if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
			return err
		}
		c.children = c.children[:i-1]
	}
	return nil
}

// rawFork makes a child of this thread alone, which exits, or sleeps until it
// is killed.
//
//go:norace
func rawFork(sleep uintptr) (pid uintptr, errno syscall.Errno) {
	pid, _, errno = unix.RawSyscall(unix.SYS_FORK, 0, 0, 0)
	if pid != 0 || errno != 0 {
		return pid, errno
	}
	for sleep != 0 {
		var none [4]uint32 // no signal is blocked
		unix.RawSyscall(sigsuspend, uintptr(unsafe.Pointer(&none)), 0, 0)
	}
	for {
		unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
}

// setSysctl writes a node that is a number.
func setSysctl(mib []int32, value int32) error {
	_, _, errno := unix.Syscall6(unix.SYS___SYSCTL, uintptr(unsafe.Pointer(&mib[0])), uintptr(len(mib)), 0, 0,
		uintptr(unsafe.Pointer(&value)), unsafe.Sizeof(value))
	if errno != 0 {
		return errno
	}
	return nil
}
