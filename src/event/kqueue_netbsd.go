package event

import (
	"time"

	"golang.org/x/sys/unix"
)

// Resolution is the shortest time that a loop's timers tell apart, about: the tick
// of clockrate in sysctl(7), where it is the usual one.
const Resolution = 10 * time.Millisecond

type kqueue struct {
	fd     int
	waker  [2]int // a pipe: EVFILT_USER came after NetBSD 10
	start  time.Time
	events [64]unix.Kevent_t
}

func newSystem() (System, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	p := &kqueue{fd: fd, start: time.Now()}
	if err := unix.Pipe2(p.waker[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if err := p.Set(p.waker[0], 0, Readable); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *kqueue) Now() time.Duration { return time.Since(p.start) }

func (p *kqueue) Set(fd int, old, mode Mode) error {
	var changes [2]unix.Kevent_t
	n := 0
	change := func(bit Mode, filter int) {
		flags := unix.EV_ADD
		switch {
		case old&bit == mode&bit:
			return
		case mode&bit == 0:
			flags = unix.EV_DELETE
		}
		unix.SetKevent(&changes[n], fd, filter, flags)
		n++
	}
	change(Readable, unix.EVFILT_READ)
	change(Writable, unix.EVFILT_WRITE)
	if n == 0 {
		return nil
	}
	_, err := unix.Kevent(p.fd, changes[:n], nil, nil)
	return err
}

func (p *kqueue) Wait(timeout time.Duration, found []Ready) (int, error) {
	var until *unix.Timespec
	if timeout >= 0 {
		t := unix.NsecToTimespec(int64(min(timeout, 1e6*time.Second)))
		until = &t
	}
	n, err := unix.Kevent(p.fd, nil, p.events[:min(len(found), len(p.events))], until)
	if err == unix.EINTR {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	count := 0
	for _, e := range p.events[:n] {
		if int(e.Ident) == p.waker[0] {
			var b [64]byte
			for {
				if n, _ := unix.Read(p.waker[0], b[:]); n < len(b) {
					break
				}
			}
			continue
		}
		mode := Readable
		if int32(e.Filter) == unix.EVFILT_WRITE {
			mode = Writable
		}
		found[count] = Ready{int(e.Ident), mode}
		count++
	}
	return count, nil
}

func (p *kqueue) Wake() error {
	_, err := unix.Write(p.waker[1], []byte{1})
	return err
}

func (p *kqueue) Close() error {
	unix.Close(p.waker[0])
	unix.Close(p.waker[1])
	return unix.Close(p.fd)
}
