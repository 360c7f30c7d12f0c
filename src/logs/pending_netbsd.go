package logs

import "golang.org/x/sys/unix"

// pending is how many bytes are in a pipe.
func pending(fd int) (int, error) {
	const fionread = 0x4004667f // of <sys/filio.h>
	return unix.IoctlGetInt(fd, fionread)
}
