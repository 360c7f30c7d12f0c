package logs

import (
	"os"

	"golang.org/x/sys/unix"
)

// watcher waits for a change in a log directory: of current, or a rotation.
type watcher struct {
	kq, dir int
	waker   [2]int
}

func newWatcher(dir string) (*watcher, error) {
	w := &watcher{kq: -1, dir: -1, waker: [2]int{-1, -1}}
	var err error
	if w.kq, err = unix.Kqueue(); err != nil {
		return nil, os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(w.kq)
	if w.dir, err = unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		w.close()
		return nil, &os.PathError{Op: "watch", Path: dir, Err: err}
	}
	if err := unix.Pipe2(w.waker[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		w.close()
		return nil, err
	}
	var changes [2]unix.Kevent_t
	unix.SetKevent(&changes[0], w.dir, unix.EVFILT_VNODE, unix.EV_ADD|unix.EV_CLEAR)
	changes[0].Fflags = unix.NOTE_WRITE | unix.NOTE_EXTEND
	unix.SetKevent(&changes[1], w.waker[0], unix.EVFILT_READ, unix.EV_ADD)
	if _, err := unix.Kevent(w.kq, changes[:], nil, nil); err != nil {
		w.close()
		return nil, os.NewSyscallError("kevent", err)
	}
	return w, nil
}

// wake makes wait return. Any goroutine may call it, before close.
func (w *watcher) wake() { _, _ = unix.Write(w.waker[1], []byte{1}) }

// wait also watches the file, from its end as the reader has reached it: an
// EVFILT_READ on a file is due when there is more.
func (w *watcher) wait(file *os.File) error {
	var changes []unix.Kevent_t
	if file != nil {
		changes = make([]unix.Kevent_t, 1)
		unix.SetKevent(&changes[0], int(file.Fd()), unix.EVFILT_READ, unix.EV_ADD|unix.EV_ONESHOT)
	}
	var events [4]unix.Kevent_t
	if _, err := unix.Kevent(w.kq, changes, events[:], nil); err != nil && err != unix.EINTR {
		return os.NewSyscallError("kevent", err)
	}
	return nil
}

func (w *watcher) close() {
	for _, fd := range []int{w.kq, w.dir, w.waker[0], w.waker[1]} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
