package jailinit

import (
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// closeFrom closes every descriptor from first on.
func closeFrom(first int) error {
	return unix.CloseRange(uint(first), math.MaxUint32, 0)
}

// setFileLimit goes through package syscall, which is told by it that the
// limit is set on purpose.
func setFileLimit(l *unix.Rlimit) error {
	return syscall.Setrlimit(unix.RLIMIT_NOFILE, &syscall.Rlimit{Cur: l.Cur, Max: l.Max})
}
