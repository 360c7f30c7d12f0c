// Package terminal is terminals and pseudo-terminals.
package terminal

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Is says whether a descriptor is a terminal.
func Is(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, getAttributes)
	return err == nil
}

// Raw makes a terminal pass every byte on as it is, and returns what sets it
// back.
func Raw(fd int) (restore func() error, err error) {
	old, err := unix.IoctlGetTermios(fd, getAttributes)
	if err != nil {
		return nil, os.NewSyscallError("reading the terminal's modes", err)
	}
	t := *old
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag &^= unix.CSIZE | unix.PARENB
	t.Cflag |= unix.CS8
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, setAttributes, &t); err != nil {
		return nil, os.NewSyscallError("setting the terminal's modes", err)
	}
	return func() error { return unix.IoctlSetTermios(fd, setAttributes, old) }, nil
}

// NoEcho makes a terminal not show what it is typed.
func NoEcho(fd int) error {
	t, err := unix.IoctlGetTermios(fd, getAttributes)
	if err != nil {
		return os.NewSyscallError("reading the terminal's modes", err)
	}
	t.Lflag &^= unix.ECHO
	return os.NewSyscallError("setting the terminal's modes", unix.IoctlSetTermios(fd, setAttributes, t))
}

// CopySize gives one end of a terminal the size of the terminal from.
func CopySize(to *os.File, from int) error {
	size, err := unix.IoctlGetWinsize(from, unix.TIOCGWINSZ)
	if err != nil {
		return err
	}
	conn, err := to.SyscallConn() // not Fd, after which to would block
	if err != nil {
		return err
	}
	var set error
	err = conn.Control(func(fd uintptr) { set = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
	return errors.Join(err, set)
}

// Control makes a terminal that no session has this session's controlling
// terminal. The caller is the leader of a session without one.
func Control(fd int) error {
	return os.NewSyscallError("acquiring the terminal", unix.IoctlSetInt(fd, unix.TIOCSCTTY, 0))
}

// Open makes a new pseudo-terminal. Both ends are closed on exec; the master
// does not block, so that its reads can end at a deadline.
func Open() (master, slave *os.File, err error) {
	m, s, err := open()
	if err != nil {
		return nil, nil, fmt.Errorf("making a terminal: %w", err)
	}
	if err := unix.SetNonblock(m, true); err != nil {
		unix.Close(m)
		unix.Close(s)
		return nil, nil, fmt.Errorf("making a terminal: %w", err)
	}
	return os.NewFile(uintptr(m), "pty"), os.NewFile(uintptr(s), "tty"), nil
}
