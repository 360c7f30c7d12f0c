package service

import (
	"fmt"
	"time"
)

// Status is how a service is, at one moment.
type Status struct {
	Name     string
	State    State
	Since    time.Duration // when it came into the state
	PID      int           // 0 without a process
	Restarts int
	Last     *Exit  // of the process before; nil if there was none
	WaitsFor string // another service's name, or ""
	Reason   string // why it is not simply ready, one clause, or ""
}

// Len is the number of services.
func (g *Graph) Len() int { return len(g.services) }

// State of the service at the place i.
func (g *Graph) State(i int) State { return g.services[i].state }

// PID of the service at the place i; 0 if it has no process.
func (g *Graph) PID(i int) int { return g.services[i].pid }

// Find is the place of the service of that name, or -1.
func (g *Graph) Find(name string) int {
	for i, s := range g.services {
		if s.spec.Name == name {
			return i
		}
	}
	return -1
}

// Status of the service at the place i.
func (g *Graph) Status(now time.Duration, i int) Status {
	s := g.services[i]
	st := Status{Name: s.spec.Name, State: s.state, Since: s.since, PID: s.pid, Restarts: s.restarts}
	if s.last != nil {
		exit := *s.last
		st.Last = &exit
	}
	if b := s.blockedBy(); s.state == Waiting && b != nil {
		st.WaitsFor = b.on.spec.Name
	}
	st.Reason = s.reason(now)
	return st
}

// Deaths are how the processes of the service at the place i ended, the last
// ones, the newest last. The list is valid until the next event.
func (g *Graph) Deaths(i int) []Death { return g.services[i].deaths }

func (s *Service) reason(now time.Duration) string {
	switch s.state {
	case Waiting:
		if b := s.blockedBy(); b != nil {
			r := fmt.Sprintf("waits for %s to be %s", b.on.spec.Name, b.until)
			if !b.on.state.Runs() && b.on.state != Waiting {
				r += fmt.Sprintf(", which is %s", b.on.state)
			}
			return r
		}
	case Starting:
		if s.spec.Oneshot {
			return "runs"
		}
		if s.spec.Probed {
			return "is not ready yet"
		}
	case Stopping:
		if s.ill != "" {
			return s.ill + "; was told to stop"
		}
		return "was told to stop"
	case Finishing:
		return s.cause() + "; its finish command runs"
	case Backoff:
		return fmt.Sprintf("%s; next try in %s", s.cause(), duration(max(s.retry-now, 0)))
	case Failed:
		return s.failure
	}
	return ""
}

// hopeless says whether a waiting service waits for what will not come by
// itself.
func (s *Service) hopeless() bool {
	b := s.blockedBy()
	if b == nil {
		return false
	}
	switch b.on.state {
	case Down, Failed:
		return true
	case Waiting:
		return b.on.hopeless()
	}
	return false
}

// Settling is how long a daemon that has no way to say that it is ready must
// have run until its start is taken for a success. Those that come after it
// do not wait for that.
const Settling = 100 * time.Millisecond

// Settled says whether service i has come to where it rests: ready,
// completed, failed, down, or waiting for what will not come by itself.
func (g *Graph) Settled(now time.Duration, i int) bool {
	s := g.services[i]
	switch s.state {
	case Ready:
		return s.spec.Probed || now-s.spawned >= Settling
	case Completed, Failed, Down, Gone:
		return true
	case Waiting:
		return s.hopeless()
	}
	return false
}

// Pending is the place of a service that is still on its way, by preference
// one that others wait for; -1 if all are settled. One that ends for good is
// none.
func (g *Graph) Pending(now time.Duration) int {
	waiting := -1
	for i, s := range g.services {
		switch {
		case s.removed || g.Settled(now, i):
		case s.state != Waiting:
			return i
		default:
			waiting = i
		}
	}
	return waiting
}

// Failures lists the services that can not go on by themselves: the failed
// ones first, then those that wait for what will not come.
func (g *Graph) Failures() []int {
	var failed, others []int
	for i, s := range g.services {
		switch {
		case s.state == Failed:
			failed = append(failed, i)
		case s.state == Waiting && s.hopeless():
			others = append(others, i)
		}
	}
	return append(failed, others...)
}

// duration is d for people: "5 ms", "0.3 s", "10 s", "1m30s".
func duration(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d%time.Second == 0 || d >= 10*time.Second:
		return fmt.Sprintf("%d s", d.Round(time.Second)/time.Second)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
