package faults

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/tests/host"
)

// floodSize is of the longest, in bytes, for an emulator.
const floodSize = 100 << 20

// process is one of the machine's.
type process struct {
	pid     int
	command string // with NUL after each word
}

// Of struct kinfo_proc2, which has fixed-size fields and grows only at its end.
const (
	kernProcAll  = 0   // KERN_PROC_ALL
	kernProcPID  = 1   // KERN_PROC_PID
	kernProcArgv = 1   // KERN_PROC_ARGV
	procSize     = 440 // with
	offPID       = 116 // p_pid, int32
	offResident  = 432 // p_vm_rssize, int32, pages
)

// processes are all that can be seen; one may end meanwhile.
func processes(t *testing.T) (all []process) {
	t.Helper()
	b, err := unix.SysctlRaw("kern.proc2", kernProcAll, 0, procSize, 10000)
	if err != nil {
		t.Fatal(err)
	}
	for ; len(b) >= procSize; b = b[procSize:] {
		pid := int(int32(binary.NativeEndian.Uint32(b[offPID:])))
		if command, err := unix.SysctlRaw("kern.proc_args", pid, kernProcArgv); err == nil && len(command) > 0 {
			all = append(all, process{pid, string(command)})
		}
	}
	return all
}

// of is true: the machine is the test's.
func (p *process) of(*host.Host) bool { return true }

// below is false: a jail that the kernel has no more has no processes.
func (p *process) below(string) bool { return false }

// descriptors is how many a process has.
func descriptors(t *testing.T, pid int) int {
	t.Helper()
	const byPID, size = 2, 8 // KERN_FILE_BYPID
	b, err := unix.SysctlRaw("kern.file2", byPID, pid, size, 10000)
	if err != nil {
		t.Fatal(err)
	}
	return len(b) / size
}

// model is 0: the kernel is no process.
func model(*testing.T, *host.Host) int { return 0 }

// kill kills a process as nothing else can, and waits for its end: again and
// again, because execve(2) forgets a signal that comes meanwhile.
func kill(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for n := 1; unix.Kill(pid, 0) == nil; n++ {
		time.Sleep(time.Millisecond)
		if n%100 == 0 {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended
		}
	}
}

// fewDescriptors lets a process open no descriptor any more, until it is undone.
func fewDescriptors(t *testing.T, pid int) (undo func()) {
	t.Helper()
	// proc.PID.rlimit.descriptors.soft
	mib := []int32{10, int32(pid), 2, 8 + 1, 1}
	set := func(soft uint64) (old uint64) {
		t.Helper()
		size := unsafe.Sizeof(old)
		if _, _, errno := unix.Syscall6(unix.SYS___SYSCTL, uintptr(unsafe.Pointer(&mib[0])), uintptr(len(mib)),
			uintptr(unsafe.Pointer(&old)), uintptr(unsafe.Pointer(&size)), uintptr(unsafe.Pointer(&soft)), unsafe.Sizeof(soft)); errno != 0 {
			t.Fatal("proc.rlimit:", errno)
		}
		return old
	}
	old := set(1)
	return func() { set(old) }
}

// mounted says what is mounted below a directory.
func mounted(t *testing.T, dir string) (lines []string) {
	t.Helper()
	all := make([]unix.Statvfs_t, 256)
	n, err := unix.Getvfsstat(all, unix.ST_NOWAIT)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all[:n] {
		if at := unix.ByteSliceToString(all[i].Mntonname[:]); strings.HasPrefix(at, dir) {
			lines = append(lines, at)
		}
	}
	return lines
}

// mountSmall mounts a disk of so many megabytes on a directory.
func mountSmall(t *testing.T, dir string, size int) {
	t.Helper()
	kind, target := []byte("tmpfs\x00"), append([]byte(dir), 0)
	var args [40]byte // struct tmpfs_args, version 1
	binary.NativeEndian.PutUint32(args[0:], 1)
	binary.NativeEndian.PutUint64(args[16:], uint64(size)<<20)
	binary.NativeEndian.PutUint32(args[32:], 0o755)
	if _, _, errno := unix.Syscall6(unix.SYS_MOUNT, uintptr(unsafe.Pointer(&kind[0])), uintptr(unsafe.Pointer(&target[0])), 0,
		uintptr(unsafe.Pointer(&args[0])), unsafe.Sizeof(args), 0); errno != 0 {
		t.Fatal("mount:", errno)
	}
}

// mostInit is no bound here, where what a process has is its program's pages too.
const mostInit = 1 << 30

// memory is what a process has, in KB.
func memory(t *testing.T, pid int) int {
	t.Helper()
	b, err := unix.SysctlRaw("kern.proc2", kernProcPID, pid, procSize, 1)
	if err != nil || len(b) < procSize {
		t.Fatal(len(b), err)
	}
	return int(binary.NativeEndian.Uint32(b[offResident:])) * os.Getpagesize() / 1024
}

//go:nosplit
func fork() (pid int, err error) {
	r, _, errno := unix.RawSyscall(unix.SYS_FORK, 0, 0, 0)
	if errno != 0 {
		err = errno
	}
	return int(r), err
}
