// Package eventtest has a loop of package event on a simulated system, for
// tests: its clock moves only when there is nothing else to do, and then
// straight to the next timer, and its children end when the test says so.
package eventtest

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/event"
)

// Simulation stands in for the system. Its descriptors are those that a test
// says are ready, and real ones, which are looked at as they are.
type Simulation struct {
	Sleeps int // how often the loop went to sleep

	loop       *event.Loop
	clock      time.Duration
	until      time.Duration // it does not sleep any longer; below 0: for ever
	watched    map[int]event.Mode
	ready      map[int]event.Mode
	children   []child
	childEnded func()
	woken      bool
}

type child struct {
	pid    int
	status unix.WaitStatus
}

// ErrIdle ends Run of a simulated loop that would sleep for ever.
var ErrIdle = errors.New("nothing is due any more")

// New makes a loop on a Simulation.
func New() (*event.Loop, *Simulation) {
	s := &Simulation{until: -1, watched: map[int]event.Mode{}, ready: map[int]event.Mode{}}
	s.loop, s.childEnded = event.On(s, s.reap)
	return s.loop, s
}

// Pass runs the loop until so much time has passed, and all that is due by then
// has been done.
func (s *Simulation) Pass(d time.Duration) error {
	s.until = s.clock + d
	err := s.loop.Run()
	if s.until = -1; errors.Is(err, ErrIdle) {
		return nil
	}
	return err
}

// Ready makes a descriptor ready until it is called again with 0.
func (s *Simulation) Ready(fd int, mode event.Mode) { s.ready[fd] = mode }

// Watched lists the descriptors that the loop watches.
func (s *Simulation) Watched() (fds []int) {
	for fd, mode := range s.watched {
		if mode != 0 {
			fds = append(fds, fd)
		}
	}
	slices.Sort(fds)
	return fds
}

// Exit lets a child end.
func (s *Simulation) Exit(pid int, status unix.WaitStatus) {
	s.children = append(s.children, child{pid, status})
	s.childEnded()
}

func (s *Simulation) reap() (int, unix.WaitStatus, error) {
	if len(s.children) == 0 {
		return 0, 0, unix.ECHILD
	}
	c := s.children[0]
	s.children = s.children[1:]
	return c.pid, c.status, nil
}

// Now is the simulated time.
func (s *Simulation) Now() time.Duration { return s.clock }

// Set is event.System's.
func (s *Simulation) Set(fd int, _, mode event.Mode) error {
	s.watched[fd] = mode
	return nil
}

// Wait is event.System's.
func (s *Simulation) Wait(timeout time.Duration, found []event.Ready) (int, error) {
	n := 0
	for _, fd := range s.Watched() {
		if mode := s.watched[fd] & (s.ready[fd] | real(fd)); mode != 0 && n < len(found) {
			found[n] = event.Ready{FD: fd, Mode: mode}
			n++
		}
	}
	if n > 0 {
		return n, nil
	}
	if s.woken {
		s.woken = false
		return 0, nil
	}
	if s.until >= 0 && (timeout < 0 || s.clock+timeout > s.until) {
		s.clock = s.until
		return 0, ErrIdle
	}
	s.Sleeps++
	if timeout < 0 {
		return 0, ErrIdle
	}
	s.clock += timeout
	return 0, nil
}

// real is how a descriptor is in this process, if it is one.
func real(fd int) (mode event.Mode) {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLOUT}}
	if _, err := unix.Poll(p, 0); err != nil || p[0].Revents&unix.POLLNVAL != 0 {
		return 0
	}
	if p[0].Revents&(unix.POLLIN|unix.POLLHUP|unix.POLLERR) != 0 {
		mode |= event.Readable
	}
	if p[0].Revents&(unix.POLLOUT|unix.POLLERR) != 0 {
		mode |= event.Writable
	}
	return mode
}

// Wake is event.System's.
func (s *Simulation) Wake() error {
	s.woken = true
	return nil
}

// Close is event.System's.
func (s *Simulation) Close() error { return nil }
