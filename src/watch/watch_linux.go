// Package watch waits for changes in a directory of logs: lines that are added
// to its files, and rotation. Nothing is looked at while nothing changes.
package watch

import (
	"os"

	"golang.org/x/sys/unix"
)

// Watcher waits for a change in a directory of logs: of its files, or a
// rotation. One goroutine uses it.
type Watcher struct {
	inotify int
	waker   int
}

// New watches a directory.
func New(dir string) (*Watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MODIFY|unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_ONLYDIR); err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "watch", Path: dir, Err: err}
	}
	waker, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &Watcher{fd, waker}, nil
}

// Wake makes Wait return. Any goroutine may call it, before Close.
func (w *Watcher) Wake() {
	_, _ = unix.Write(w.waker, []byte{1, 1, 1, 1, 1, 1, 1, 1})
}

// Wait waits for a change, or Wake. The file is the one that is being read; its
// directory tells of it here.
func (w *Watcher) Wait(_ *os.File) error {
	fds := []unix.PollFd{{Fd: int32(w.inotify), Events: unix.POLLIN}, {Fd: int32(w.waker), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
		return err
	}
	var buf [4096]byte
	for {
		if n, err := unix.Read(w.inotify, buf[:]); n <= 0 || err != nil {
			return nil
		}
	}
}

// Close gives back the descriptors.
func (w *Watcher) Close() {
	unix.Close(w.inotify)
	unix.Close(w.waker)
}
