package conformance

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	sysClone = unix.SYS_CLONE
	sysNap   = unix.SYS_NANOSLEEP
)

// unseen is why hostkern can't see what processes share, where it can't.
func unseen() error {
	self := uintptr(unix.Getpid())
	if _, _, errno := unix.Syscall6(unix.SYS_KCMP, self, self, 1, 0, 0, 0); errno != 0 {
		return fmt.Errorf("kcmp: %w; run outside of this container", errno)
	}
	return nil
}

var minutes = unix.Timespec{Sec: 180}

// nap is where the time of a nap is.
var nap = uintptr(unsafe.Pointer(&minutes))
