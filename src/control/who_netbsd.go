package control

import (
	"syscall"
	"unsafe"
)

// Of sys/un.h.
const (
	solLocal    = 0
	localPeerID = 3
)

// credentials are those of who connected, at that time.
func credentials(fd int) (pid int, uid uint32, err error) {
	var id struct { // unpcbid
		pid      int32
		uid, gid uint32
	}
	size := uint32(unsafe.Sizeof(id))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), solLocal, localPeerID,
		uintptr(unsafe.Pointer(&id)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, 0, errno
	}
	return int(id.pid), id.uid, nil
}
