package event

import (
	"time"

	"golang.org/x/sys/unix"
)

// Resolution is the shortest time that a loop's timers tell apart, about: that by
// which Linux may prolong a sleep, see prctl(2), PR_SET_TIMERSLACK.
const Resolution = 50 * time.Microsecond

type epoll struct {
	fd, waker int
	start     time.Time
	events    [64]unix.EpollEvent
	self      [1]unix.PollFd
}

func newSystem() (System, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	waker, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	p := &epoll{fd: fd, waker: waker, start: time.Now()}
	if err := p.Set(waker, 0, Readable); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *epoll) Now() time.Duration { return time.Since(p.start) }

func (p *epoll) Set(fd int, old, mode Mode) error {
	e := unix.EpollEvent{Fd: int32(fd)}
	if mode&Readable != 0 {
		e.Events |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if mode&Writable != 0 {
		e.Events |= unix.EPOLLOUT
	}
	op := unix.EPOLL_CTL_MOD
	switch {
	case old == 0 && mode == 0:
		return nil
	case old == 0:
		op = unix.EPOLL_CTL_ADD
	case mode == 0:
		// Removed, because epoll would go on telling of errors.
		op = unix.EPOLL_CTL_DEL
	}
	return unix.EpollCtl(p.fd, op, fd, &e)
}

func (p *epoll) Wait(timeout time.Duration, found []Ready) (int, error) {
	ms := -1
	if timeout >= 0 { // rounded up: a timer is never early
		ms = int(min((timeout+time.Millisecond-1)/time.Millisecond, 1<<30))
	}
	if 0 < timeout && timeout < time.Millisecond {
		// epoll_wait(2) knows no less, and Linux has epoll_pwait2(2) since 5.11 only.
		p.self[0] = unix.PollFd{Fd: int32(p.fd), Events: unix.POLLIN}
		t := unix.NsecToTimespec(int64(timeout))
		if _, err := unix.Ppoll(p.self[:], &t, nil); err != nil && err != unix.EINTR {
			return 0, err
		}
		ms = 0
	}
	n, err := unix.EpollWait(p.fd, p.events[:min(len(found), len(p.events))], ms)
	if err == unix.EINTR {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	count := 0
	for _, e := range p.events[:n] {
		if int(e.Fd) == p.waker {
			var b [8]byte
			_, _ = unix.Read(p.waker, b[:]) // EAGAIN: emptied already
			continue
		}
		var mode Mode
		if e.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			mode |= Readable
		}
		if e.Events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			mode |= Writable
		}
		found[count] = Ready{int(e.Fd), mode}
		count++
	}
	return count, nil
}

func (p *epoll) Wake() error {
	one := [8]byte{1, 1, 1, 1, 1, 1, 1, 1} // not zero in either byte order
	_, err := unix.Write(p.waker, one[:])
	return err
}

func (p *epoll) Close() error {
	unix.Close(p.waker)
	return unix.Close(p.fd)
}
