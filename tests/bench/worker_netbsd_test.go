package bench

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
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

// The jail that a worker enters, 0 for none, or else the root that it has, and
// the user that it becomes.
const (
	jailVariable = "BENCH_JAIL"
	rootVariable = "BENCH_ROOT"
	userVariable = "BENCH_USER"
)

// clockVariable says what the machine's clock counts, if it is not time.
const clockVariable = "VM_CLOCK"

func init() { roles["worker"] = work }

// newWorker starts one, in that jail, or on the host with that root.
func newWorker(b *testing.B, root string, jail secmodel.ID, uid int) *worker {
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
		rootVariable+"="+root, fmt.Sprintf("%s=%d", userVariable, uid), "GODEBUG=asyncpreemptoff=1")
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
	if id, _ := strconv.Atoi(os.Getenv(jailVariable)); err == nil {
		err = settle(secmodel.ID(id), os.Getenv(rootVariable))
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
		n, errno := rawRead(0, buffer[:])
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 || n == 0 {
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

// settle enters a jail, or else takes a root.
func settle(jail secmodel.ID, root string) error {
	if jail == 0 {
		if err := unix.Chroot(root); err != nil {
			return err
		}
		return unix.Chdir("/")
	}
	model, err := secmodel.Open()
	if err != nil {
		return err
	}
	return model.Enter(jail, 0)
}

const (
	sigsuspend  = 294 // __sigsuspend14
	rlimitNProc = 7   // RLIMIT_NPROC
	batch       = 32  // descriptors that are open at the same time
	procSize    = 640 // a struct kinfo_proc2, and a little more
	procs       = 6000
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
	if id, ok := strings.CutPrefix(name, "populate-"); ok {
		return 0, c.populate(id, n)
	}
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
	case fork, execute:
		var path *byte
		if name == execute {
			path = &[]byte(ends + "\x00")[0]
		}
		return repeat(n, func() syscall.Errno {
			pid, errno := rawFork(exits, path)
			if errno != 0 {
				return errno
			}
			var status int32
			_, _, errno = unix.RawSyscall6(unix.SYS_WAIT4, pid, uintptr(unsafe.Pointer(&status)), 0, 0, 0, 0)
			if errno == 0 && status != 0 {
				errno = syscall.ENOEXEC
			}
			return errno
		})
	case jails, jailsLength, processes, processesLength:
		node, _, length := strings.Cut(name, "-")
		mib, err := nodeNumbers(model, node)
		if err != nil {
			return 0, err
		}
		list := make([]byte, 16<<20)
		return repeat(n, func() syscall.Errno {
			size := uintptr(len(list))
			old := unsafe.Pointer(&list[0])
			if length {
				old = nil
			}
			_, _, errno := unix.RawSyscall6(unix.SYS___SYSCTL, uintptr(unsafe.Pointer(&mib[0])), uintptr(len(mib)),
				uintptr(old), uintptr(unsafe.Pointer(&size)), 0, 0)
			if errno == 0 && size < 1000*8 {
				errno = syscall.ENOENT
			}
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
	bind    = "bind(2)"
	fork    = "fork(2)+_exit(2)"
	execute = "fork(2)+execve(2)+_exit(2)"
	kill    = "kill(2)-of-0"
	open    = "open(2)-of-/dev/null"
	ps      = "ps-of-1,000-processes"
	getpid  = "getpid(2)"
	// The model's lists, and how long they would be.
	jails           = "jails"
	jailsLength     = "jails-length"
	processes       = "processes"
	processesLength = "processes-length"
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
		pid, errno := rawFork(sleeps, nil)
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

// populate makes a child that enters a jail and makes others there, until they
// are n, who sleep.
func (c *calls) populate(jail string, n int) error {
	id, err := strconv.Atoi(jail)
	if err != nil {
		return err
	}
	command, err := nodeNumbers(model, "command")
	if err != nil {
		return err
	}
	version, err := unix.SysctlUint32(model + ".version")
	if err != nil {
		return err
	}
	request := enterRequest(version, uint32(id))
	var reply [4096]byte
	size := uintptr(len(reply))
	var done [2]int
	if err := unix.Pipe2(done[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	defer unix.Close(done[0])
	pid, _, errno := unix.RawSyscall(unix.SYS_FORK, 0, 0, 0)
	if pid == 0 && errno == 0 { // a child without Go's other threads
		if _, _, errno = unix.RawSyscall(unix.SYS_SETSID, 0, 0, 0); errno == 0 {
			_, _, errno = unix.RawSyscall6(unix.SYS___SYSCTL, uintptr(unsafe.Pointer(&command[0])), uintptr(len(command)),
				uintptr(unsafe.Pointer(&reply)), uintptr(unsafe.Pointer(&size)), uintptr(unsafe.Pointer(&request[0])), uintptr(len(request)))
		}
		for i := 1; i < n && errno == 0; i++ {
			_, errno = rawFork(sleeps, nil)
		}
		if errno == 0 {
			unix.RawSyscall(unix.SYS_WRITE, uintptr(done[1]), uintptr(unsafe.Pointer(&reply)), 1)
			sleep()
		}
		for {
			unix.RawSyscall(unix.SYS_EXIT, 1, 0, 0)
		}
	}
	unix.Close(done[1])
	if errno != 0 {
		return errno
	}
	c.children = append(c.children, pid)
	var said [1]byte
	if n, _ := rawRead(done[0], said[:]); n != 1 {
		return fmt.Errorf("jail %d was not entered", id)
	}
	return nil
}

// rawRead keeps Go's scheduler out of it, as there is nothing else to run.
func rawRead(fd int, buffer []byte) (n int, errno syscall.Errno) {
	got, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)))
	return int(got), errno
}

// enterRequest is a struct jail_request to enter a jail.
func enterRequest(version, jail uint32) []byte {
	const size, enter = 1344, 3 // JAIL_COMMAND_ENTER
	request := make([]byte, size)
	for i, v := range []uint32{version, enter, 0, jail} {
		binary.NativeEndian.PutUint32(request[4*i:], v)
	}
	return request
}

// What a child does that rawFork makes.
const (
	exits = iota
	sleeps
)

// rawFork makes a child of this thread alone, which sleeps until it is killed,
// or exits, or executes what ends well. The child must not come to look at its
// stack's bound, where the runtime may have asked for the processor.
//
//go:nosplit
//go:norace
func rawFork(child int, path *byte) (pid uintptr, errno syscall.Errno) {
	pid, _, errno = unix.RawSyscall(unix.SYS_FORK, 0, 0, 0)
	if pid != 0 || errno != 0 {
		return pid, errno
	}
	if child == sleeps {
		sleep()
	}
	if path != nil {
		args := [2]*byte{path, nil}
		unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&args)), uintptr(unsafe.Pointer(&args[1])))
		unix.RawSyscall(unix.SYS_EXIT, 1, 0, 0)
	}
	for {
		unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
}

//go:nosplit
//go:norace
func sleep() {
	for {
		var none [4]uint32 // no signal is blocked
		unix.RawSyscall(sigsuspend, uintptr(unsafe.Pointer(&none)), 0, 0)
	}
}

// ends is where the root has a program that ends at once.
const ends = "/ends"

// endingProgram is the smallest for NetBSD/amd64 that ends well.
func endingProgram() []byte {
	const (
		headers = 64 + 2*56
		note    = headers
		code    = note + 24
		address = 0x400000
	)
	instructions := []byte{0xb8, 1, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05} // mov $1,%eax; xor %edi,%edi; syscall
	var out []byte
	le := binary.LittleEndian
	segment := func(kind, flags uint32, at, size uint64) {
		out = le.AppendUint32(le.AppendUint32(out, kind), flags)
		for _, v := range []uint64{at, address + at, address + at, size, size, 0x1000} {
			out = le.AppendUint64(out, v)
		}
	}
	out = append(out, 0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 62, 0, 1, 0, 0, 0)
	for _, v := range []uint64{address + code, 64, 0} { // entry, program headers, sections
		out = le.AppendUint64(out, v)
	}
	out = append(out, 0, 0, 0, 0, 64, 0, 56, 0, 2, 0, 0, 0, 0, 0, 0, 0)
	segment(1, 5, 0, code+uint64(len(instructions))) // PT_LOAD, to read and execute
	segment(4, 4, note, code-note)                   // PT_NOTE
	for _, v := range []uint32{7, 4, 1} {
		out = le.AppendUint32(out, v)
	}
	out = append(out, "NetBSD\x00\x00"...)
	out = le.AppendUint32(out, 1000000000) // for NetBSD 10
	return append(out, instructions...)
}

// model is the node of sysctl(7) below which the model's are.
const model = "security.models.jail"

// nodeNumbers finds a node of sysctl(7).
func nodeNumbers(parent, name string) (mib []int32, err error) {
	version := unix.Sysctlnode{Flags: unix.SYSCTL_VERS_1}
	for _, name := range append(strings.Split(parent, "."), name) {
		nodes := make([]unix.Sysctlnode, 256)
		size := uintptr(len(nodes)) * unsafe.Sizeof(nodes[0])
		query := append(mib[:len(mib):len(mib)], unix.CTL_QUERY)
		_, _, errno := unix.Syscall6(unix.SYS___SYSCTL, uintptr(unsafe.Pointer(&query[0])), uintptr(len(query)),
			uintptr(unsafe.Pointer(&nodes[0])), uintptr(unsafe.Pointer(&size)), uintptr(unsafe.Pointer(&version)), unsafe.Sizeof(version))
		if errno != 0 {
			return nil, errno
		}
		i := slices.IndexFunc(nodes[:size/unsafe.Sizeof(nodes[0])], func(n unix.Sysctlnode) bool {
			return unix.ByteSliceToString(unsafe.Slice((*byte)(unsafe.Pointer(&n.Name[0])), len(n.Name))) == name
		})
		if i < 0 {
			return nil, fmt.Errorf("no node %q", name)
		}
		mib = append(mib, nodes[i].Num)
	}
	return mib, nil
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
