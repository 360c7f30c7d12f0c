package control

import "golang.org/x/sys/unix"

func accept(listener int) (int, error) {
	fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
	return fd, err
}
