package conformance

import "golang.org/x/sys/unix"

// socket opens a socket, and uses it.
func socket(domain, kind, protocol int, use func(int) error) error {
	s, err := unix.Socket(domain, kind, protocol)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	if use == nil {
		return nil
	}
	return use(s)
}

// openFile opens a file, and closes it.
func openFile(path string, mode int) error {
	fd, err := unix.Open(path, mode, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}
