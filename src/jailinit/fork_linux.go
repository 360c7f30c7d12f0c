package jailinit

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// resources are setrlimit(2)'s by NetBSD's numbers; what Linux has not is -1.
var resources = [...]int{
	unix.RLIMIT_CPU, unix.RLIMIT_FSIZE, unix.RLIMIT_DATA, unix.RLIMIT_STACK, unix.RLIMIT_CORE, unix.RLIMIT_RSS,
	unix.RLIMIT_MEMLOCK, unix.RLIMIT_NPROC, unix.RLIMIT_NOFILE, -1, unix.RLIMIT_AS, -1,
}

// forkSelf waits for the child to execute, so that few pages are copied.
//
//go:nosplit
//go:norace
func forkSelf() (pid uintptr, errno syscall.Errno) {
	pid, _, errno = syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|unix.CLONE_VFORK, 0, 0, 0, 0, 0)
	return pid, errno
}

//go:nosplit
//go:norace
func setLimit(resource int, l *unix.Rlimit) syscall.Errno {
	_, _, errno := syscall.RawSyscall6(unix.SYS_PRLIMIT64, 0, uintptr(resource), uintptr(unsafe.Pointer(l)), 0, 0, 0)
	return errno
}
