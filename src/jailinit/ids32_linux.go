//go:build 386 || arm

package jailinit

import "golang.org/x/sys/unix"

// The system calls that set ids: those of the old names take 16 bits.
const (
	setgroups = unix.SYS_SETGROUPS32
	setgid    = unix.SYS_SETGID32
	setuid    = unix.SYS_SETUID32
)
