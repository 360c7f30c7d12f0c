package logs

import (
	"os"

	"golang.org/x/sys/unix"
)

// watcher waits for a change in a log directory: of current, or a rotation.
type watcher struct {
	inotify int
	waker   int
}

func newWatcher(dir string) (*watcher, error) {
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
	return &watcher{fd, waker}, nil
}

// wake makes wait return. Any goroutine may call it, before close.
func (w *watcher) wake() {
	_, _ = unix.Write(w.waker, []byte{1, 1, 1, 1, 1, 1, 1, 1})
}

func (w *watcher) wait(_ *os.File) error {
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

func (w *watcher) close() {
	unix.Close(w.inotify)
	unix.Close(w.waker)
}
