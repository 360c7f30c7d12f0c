package account

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// MayRegroup says whether this process can set its supplementary groups: in
// most user namespaces nobody can. It is to be asked before a jail is
// entered, where /proc is the host's.
func MayRegroup() bool {
	fd, err := unix.Open("/proc/self/setgroups", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	b := make([]byte, 8)
	n, _ := unix.Read(fd, b)
	return n < 4 || !bytes.HasPrefix(b[:n], []byte("deny"))
}
