package jailinit

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls that set ids.
const (
	setgroups = unix.SYS_SETGROUPS
	setgid    = unix.SYS_SETGID
	setuid    = unix.SYS_SETUID
)

// resources are setrlimit(2)'s by NetBSD's numbers.
var resources = [...]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}

//go:nosplit
//go:norace
func forkSelf() (pid uintptr, errno syscall.Errno) {
	pid, _, errno = syscall.RawSyscall(unix.SYS_FORK, 0, 0, 0)
	return pid, errno
}

//go:nosplit
//go:norace
func setLimit(resource int, l *unix.Rlimit) syscall.Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_SETRLIMIT, uintptr(resource), uintptr(unsafe.Pointer(l)), 0)
	return errno
}
