package control

import "golang.org/x/sys/unix"

// credentials are those of who connected, at that time.
func credentials(fd int) (pid int, uid uint32, err error) {
	c, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, 0, err
	}
	return int(c.Pid), c.Uid, nil
}
