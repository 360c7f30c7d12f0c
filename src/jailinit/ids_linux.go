//go:build !386 && !arm

package jailinit

import "golang.org/x/sys/unix"

// The system calls that set ids.
const (
	setgroups = unix.SYS_SETGROUPS
	setgid    = unix.SYS_SETGID
	setuid    = unix.SYS_SETUID
)
