package secmodel

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// pidfds watches processes by their descriptors; the first is the read end
// of a pipe, for interrupt.
type pidfds struct {
	fds  []unix.PollFd
	pids []int
	wake *os.File // its write end
}

func newExits() (exits, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("a pipe: %w", err)
	}
	return &pidfds{fds: []unix.PollFd{{Fd: int32(p[0]), Events: unix.POLLIN}}, pids: []int{0}, wake: os.NewFile(uintptr(p[1]), "wake")}, nil
}

func (w *pidfds) add(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return os.ErrProcessDone
	}
	if err != nil {
		return fmt.Errorf("watching process %d: %w", pid, err)
	}
	w.fds = append(w.fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	w.pids = append(w.pids, pid)
	return nil
}

func (w *pidfds) next(limit time.Duration) ([]int, error) {
	timeout := -1
	if limit > 0 {
		timeout = int(limit.Milliseconds())
	}
	if _, err := unix.Poll(w.fds, timeout); err != nil && err != unix.EINTR {
		return nil, fmt.Errorf("waiting for processes: %w", os.NewSyscallError("poll", err))
	}
	var exited []int
	for i := len(w.fds) - 1; i > 0; i-- {
		if w.fds[i].Revents != 0 {
			exited = append(exited, w.pids[i])
			unix.Close(int(w.fds[i].Fd))
			last := len(w.fds) - 1
			w.fds[i], w.pids[i] = w.fds[last], w.pids[last]
			w.fds, w.pids = w.fds[:last], w.pids[:last]
		}
	}
	return exited, nil
}

func (w *pidfds) interrupt() { w.wake.Write([]byte{0}) }

func (w *pidfds) close() {
	for _, fd := range w.fds {
		unix.Close(int(fd.Fd))
	}
	w.wake.Close()
}
