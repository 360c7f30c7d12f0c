package control

import "golang.org/x/sys/unix"

// roomy says whether there is room for descriptors and a byte. For what has
// no room next to descriptors the kernel drops, and says it is sent: it finds
// room for them as the sender has them, and then wants more
// (kern/uipc_usrreq.c, unp_send). The socket is writable from 2048 bytes on.
func roomy(fd int) bool {
	const (
		sendSpace = 0x40046678 // FIONSPACE
		most      = 1024       // for maxDescriptors
	)
	n, err := unix.IoctlGetInt(fd, sendSpace)
	return err != nil || n >= most
}
