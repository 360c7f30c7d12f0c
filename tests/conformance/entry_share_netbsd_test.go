package conformance

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	sysClone = unix.SYS___CLONE
	sysNap   = unix.SYS_NANOSLEEP
)

var minutes = unix.Timespec{Sec: 180}

// nap is where the time of a nap is.
var nap = uintptr(unsafe.Pointer(&minutes))

// unseen is why the kernel can't see what processes share: it can.
func unseen() error { return nil }
