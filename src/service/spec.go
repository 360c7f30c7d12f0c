// Package service is the state machine of a jail's services: which process
// is to be started, signalled or waited for, and when. It does nothing
// itself: events go in, actions come out, and the same events give the same
// actions. Time is a duration on the caller's monotonic clock.
//
// The states and what leads from one to the next stand in one table
// (table.go), which Table prints.
package service

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Policy says after which exits a service is started again.
type Policy uint8

const (
	Always    Policy = iota // after every one
	OnFailure               // unless it exited 0
	Never
)

// Condition is what a service waits for in another.
type Condition uint8

const (
	UntilReady     Condition = iota // ready; a oneshot: completed
	UntilStarted                    // its process runs, or it has completed
	UntilCompleted                  // it exited 0 and is not started again
)

func (c Condition) String() string {
	return [...]string{"ready", "started", "completed"}[c]
}

// Dependency is another service that must come first. It orders starts and,
// backwards, the stop of all; it does not tie the services together while
// they run.
type Dependency struct {
	Service string
	Until   Condition
}

// Spec is what the machine knows of a service.
type Spec struct {
	Name    string
	Oneshot bool // it completes; a daemon that exits has ended
	Restart Policy
	After   []Dependency

	// Probed says that being started is not being ready: a Ready event
	// tells of that.
	Probed bool

	Delay    time.Duration // before the first restart; doubles each time
	MaxDelay time.Duration
	Healthy  time.Duration // after a run of this length it is started again at once
	Limit    int           // starts within Interval, after which it has failed; 0: none
	Interval time.Duration

	StopTimeout time.Duration // between the stop signal and KILL; the same for Finish
	Finish      bool          // a command runs after each of its processes
}

// CycleError names services that wait for each other, the first one twice.
type CycleError struct{ Services []string }

func (e *CycleError) Error() string {
	return "services wait for each other: " + strings.Join(e.Services, " → ")
}

// link resolves the dependencies by name.
func link(services []*Service) error {
	index := make(map[string]*Service, len(services))
	for _, s := range services {
		if s.spec.Name == "" {
			return fmt.Errorf("a service has no name")
		}
		if index[s.spec.Name] != nil {
			return fmt.Errorf("two services are called %q", s.spec.Name)
		}
		index[s.spec.Name] = s
	}
	for _, s := range services {
		for _, d := range s.spec.After {
			on := index[d.Service]
			if on == nil {
				return fmt.Errorf("service %s waits for %q, which is no service of this jail", s.spec.Name, d.Service)
			}
			if d.Until == UntilCompleted && !on.completes() {
				return fmt.Errorf("service %s waits for %s to complete, which is always restarted", s.spec.Name, d.Service)
			}
			s.after = append(s.after, edge{on, d.Until})
			on.before = append(on.before, s)
		}
	}
	return nil
}

// findCycle is for services that are linked, each at its place.
func findCycle(services []*Service) error {
	cycle := Cycle(len(services), func(i int) (on []int) {
		for _, e := range services[i].after {
			on = append(on, e.on.index)
		}
		return on
	})
	if cycle == nil {
		return nil
	}
	err := &CycleError{}
	for _, i := range cycle {
		err.Services = append(err.Services, services[i].spec.Name)
	}
	return err
}

func (s *Service) completes() bool { return s.spec.Oneshot || s.spec.Restart != Always }

// Cycle finds some of n things, by their numbers, that wait for each other in a
// ring, and gives the first one again at its end; nil if none do. on is what a
// thing waits for.
func Cycle(n int, on func(i int) []int) []int {
	const (
		onPath = 1
		done   = 2
	)
	mark := make([]uint8, n)
	var path []int
	var visit func(i int) []int
	visit = func(i int) []int {
		path = append(path, i)
		switch mark[i] {
		case onPath:
			return slices.Clone(path[slices.Index(path, i):])
		case 0:
			mark[i] = onPath
			for _, j := range on(i) {
				if ring := visit(j); ring != nil {
					return ring
				}
			}
			mark[i] = done
		}
		path = path[:len(path)-1]
		return nil
	}
	for i := range n {
		if ring := visit(i); ring != nil {
			return ring
		}
	}
	return nil
}
