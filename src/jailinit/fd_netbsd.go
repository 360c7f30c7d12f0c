package jailinit

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// closeFrom closes every descriptor from first on.
func closeFrom(first int) error {
	_, err := unix.FcntlInt(uintptr(first), unix.F_CLOSEM, 0)
	if err == unix.EBADF { // there are none
		return nil
	}
	return err
}

// setFileLimit goes through package syscall, which is told by it that the
// limit is set on purpose.
func setFileLimit(l *unix.Rlimit) error {
	return syscall.Setrlimit(unix.RLIMIT_NOFILE, &syscall.Rlimit{Cur: l.Cur, Max: l.Max})
}
