package watch

import (
	"os"

	"golang.org/x/sys/unix"
)

// Watcher waits for a change in a directory of logs: of its files, or a
// rotation. One goroutine uses it.
type Watcher struct {
	kq, dir int
	waker   [2]int
	file    *os.File // that is watched, until it is closed
}

// New watches a directory.
func New(dir string) (*Watcher, error) {
	w := &Watcher{kq: -1, dir: -1, waker: [2]int{-1, -1}}
	var err error
	if w.kq, err = unix.Kqueue(); err != nil {
		return nil, os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(w.kq)
	if w.dir, err = unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		w.Close()
		return nil, &os.PathError{Op: "watch", Path: dir, Err: err}
	}
	if err := unix.Pipe2(w.waker[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		w.Close()
		return nil, err
	}
	var changes [2]unix.Kevent_t
	unix.SetKevent(&changes[0], w.dir, unix.EVFILT_VNODE, unix.EV_ADD|unix.EV_CLEAR)
	changes[0].Fflags = unix.NOTE_WRITE | unix.NOTE_EXTEND
	unix.SetKevent(&changes[1], w.waker[0], unix.EVFILT_READ, unix.EV_ADD)
	if _, err := unix.Kevent(w.kq, changes[:], nil, nil); err != nil {
		w.Close()
		return nil, os.NewSyscallError("kevent", err)
	}
	return w, nil
}

// Wake makes Wait return. Any goroutine may call it, before Close.
func (w *Watcher) Wake() { _, _ = unix.Write(w.waker[1], []byte{1}) }

// Wait waits for a change, or Wake. For a file that it has not watched before it
// returns at once: NetBSD tells nobody of a write that began before he watched
// (vnode_if.c: vop_write_pre), and to read the file again waits for that one.
func (w *Watcher) Wait(file *os.File) error {
	if file != nil && file != w.file {
		var change [1]unix.Kevent_t
		unix.SetKevent(&change[0], int(file.Fd()), unix.EVFILT_VNODE, unix.EV_ADD|unix.EV_CLEAR)
		change[0].Fflags = unix.NOTE_WRITE | unix.NOTE_EXTEND
		if _, err := unix.Kevent(w.kq, change[:], nil, nil); err != nil {
			return os.NewSyscallError("kevent", err)
		}
		w.file = file
		return nil
	}
	var events [4]unix.Kevent_t
	if _, err := unix.Kevent(w.kq, nil, events[:], nil); err != nil && err != unix.EINTR {
		return os.NewSyscallError("kevent", err)
	}
	return nil
}

// Close gives back the descriptors.
func (w *Watcher) Close() {
	for _, fd := range []int{w.kq, w.dir, w.waker[0], w.waker[1]} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
