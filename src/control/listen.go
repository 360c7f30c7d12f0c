package control

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// maxPath is what sockaddr_un takes on the smaller system, without the NUL.
const maxPath = 103

func address(path string) (*unix.SockaddrUnix, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("%s: a socket's path has at most %d bytes, this has %d; choose a shorter JAILS_PREFIX", path, maxPath, len(path))
	}
	return &unix.SockaddrUnix{Name: path}, nil
}

// Listen makes a listening socket at path, for root only, in place of any
// that is there. Whoever finds it there can connect.
func Listen(path string) (int, error) {
	if _, err := address(path); err != nil {
		return -1, err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return -1, err
	}
	made := filepath.Join(dir, ".new") // not longer than path
	if err := os.Remove(made); err != nil && !os.IsNotExist(err) {
		return -1, err
	}
	fd, err := socket()
	if err != nil {
		return -1, err
	}
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: made})
	if err == nil {
		err = os.Chmod(made, 0o600)
	}
	if err == nil {
		err = unix.Listen(fd, 64)
	}
	if err == nil {
		err = os.Rename(made, path)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("listen on %s: %w", path, err)
	}
	return fd, nil
}

// Connect gives a connected socket, for a Peer. It does not wait.
func Connect(path string) (int, error) {
	a, err := address(path)
	if err != nil {
		return -1, err
	}
	fd, err := socket()
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, a); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("connect to %s: %w", path, err)
	}
	return fd, nil
}

func socket() (int, error) {
	return unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
}

// Pair gives two sockets connected to each other.
func Pair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
}

// acceptOne takes one connection; EAGAIN if there is none.
func acceptOne(listener int) (int, error) {
	for {
		fd, err := accept(listener)
		if err != unix.EINTR && err != unix.ECONNABORTED {
			return fd, err
		}
	}
}
