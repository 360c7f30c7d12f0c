//go:build !amd64

package jailinit

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// vfork waits for the child to execute, so that few pages are copied.
//
//go:nosplit
//go:norace
func vfork() (pid uintptr, errno syscall.Errno) {
	pid, _, errno = syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|unix.CLONE_VFORK, 0, 0, 0, 0, 0)
	return pid, errno
}
