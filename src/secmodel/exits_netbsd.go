package secmodel

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// kqueue watches processes, and the read end of a pipe, for interrupt.
type kqueue struct {
	fd   int
	read int
	wake *os.File // its write end
}

func newExits() (exits, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("a pipe: %w", err)
	}
	k := &kqueue{read: p[0], wake: os.NewFile(uintptr(p[1]), "wake")}
	var err error
	if k.fd, err = unix.Kqueue(); err == nil {
		unix.CloseOnExec(k.fd)
		err = k.register(p[0], unix.EVFILT_READ, 0)
	}
	if err != nil {
		k.close()
		return nil, fmt.Errorf("an event queue: %w", err)
	}
	return k, nil
}

func (k *kqueue) register(ident, filter int, note uint32) error {
	change := make([]unix.Kevent_t, 1)
	unix.SetKevent(&change[0], ident, filter, unix.EV_ADD)
	change[0].Fflags = note
	_, err := unix.Kevent(k.fd, change, nil, nil)
	return err
}

func (k *kqueue) add(pid int) error {
	err := k.register(pid, unix.EVFILT_PROC, unix.NOTE_EXIT)
	if err == unix.ESRCH {
		return os.ErrProcessDone
	}
	if err != nil {
		return fmt.Errorf("watching process %d: %w", pid, err)
	}
	return nil
}

func (k *kqueue) next(limit time.Duration) ([]int, error) {
	var timeout *unix.Timespec
	if limit > 0 {
		t := unix.NsecToTimespec(int64(limit))
		timeout = &t
	}
	var events [64]unix.Kevent_t
	n, err := unix.Kevent(k.fd, nil, events[:], timeout)
	if err != nil && err != unix.EINTR {
		return nil, fmt.Errorf("waiting for processes: %w", os.NewSyscallError("kevent", err))
	}
	var exited []int
	for _, e := range events[:max(n, 0)] {
		if e.Filter == unix.EVFILT_PROC {
			exited = append(exited, int(e.Ident))
		}
	}
	return exited, nil
}

func (k *kqueue) interrupt() { k.wake.Write([]byte{0}) }

func (k *kqueue) close() {
	unix.Close(k.fd)
	unix.Close(k.read)
	k.wake.Close()
}
