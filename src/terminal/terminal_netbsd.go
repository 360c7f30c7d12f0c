package terminal

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	getAttributes = unix.TIOCGETA
	setAttributes = unix.TIOCSETA

	// TIOCPTMGET of x/sys/unix is, on some machines, that of NetBSD 6,
	// which came with shorter names; this fits unix.Ptmget.
	makePair = 0x48087446
)

func open() (master, slave int, err error) {
	fd, err := unix.Open("/dev/ptm", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("/dev/ptm: %w", err)
	}
	defer unix.Close(fd)
	pair, err := unix.IoctlGetPtmget(fd, makePair)
	if err != nil {
		return -1, -1, fmt.Errorf("/dev/ptm: %w", err)
	}
	unix.CloseOnExec(int(pair.Cfd))
	unix.CloseOnExec(int(pair.Sfd))
	return int(pair.Cfd), int(pair.Sfd), nil
}
