package event

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Simulation stands in for the system: its clock moves only when
// the loop has nothing else to do, and then straight to the next timer.
type Simulation struct {
	clock    time.Duration
	watched  map[int]Mode
	ready    map[int]Mode
	children []child
	woken    bool
	Sleeps   int // how often the loop went to sleep
}

type child struct {
	pid    int
	status unix.WaitStatus
}

// ErrIdle ends Run of a simulated loop that would sleep for ever.
var ErrIdle = errors.New("nothing is due any more")

// Simulate makes a loop on a Simulation.
func Simulate() (*Loop, *Simulation) {
	s := &Simulation{watched: map[int]Mode{}, ready: map[int]Mode{}}
	l := newLoop(s)
	l.reap = s.reap
	return l, s
}

// Ready makes a descriptor ready until it is called again with 0.
func (s *Simulation) Ready(fd int, mode Mode) { s.ready[fd] = mode }

// Exit lets a child end; the loop learns of it at ReapNow.
func (s *Simulation) Exit(pid int, status unix.WaitStatus) {
	s.children = append(s.children, child{pid, status})
}

// ReapNow is the moment of a SIGCHLD.
func (s *Simulation) ReapNow(l *Loop) { l.Post(l.reapAll) }

func (s *Simulation) reap() (int, unix.WaitStatus, error) {
	if len(s.children) == 0 {
		return 0, 0, unix.ECHILD
	}
	c := s.children[0]
	s.children = s.children[1:]
	return c.pid, c.status, nil
}

func (s *Simulation) now() time.Duration { return s.clock }

func (s *Simulation) set(fd int, _, mode Mode) error {
	s.watched[fd] = mode
	return nil
}

func (s *Simulation) wait(timeout time.Duration, found []ready) (int, error) {
	n := 0
	for fd, mode := range s.ready {
		if mode &= s.watched[fd]; mode != 0 && n < len(found) {
			found[n] = ready{fd, mode}
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
	s.Sleeps++
	if timeout < 0 {
		return 0, ErrIdle
	}
	s.clock += timeout
	return 0, nil
}

func (s *Simulation) wake() error {
	s.woken = true
	return nil
}

func (s *Simulation) close() error { return nil }
