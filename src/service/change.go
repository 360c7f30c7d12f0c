package service

import (
	"errors"
	"slices"
	"time"
)

// Change makes the services those of other specs, told apart by their names;
// each keeps its place, and its history. It changes nothing if New would
// refuse the specs, or after StopAll.
//
// A service that renew names by its place in specs gets a new process, unless
// it is down or to be. Of the others a process that runs stays, and goes by
// the new spec from now on. New services start. Those that the specs have no
// more end, each after those that came after it and end too; then they are
// Gone, and their places free.
func (g *Graph) Change(now time.Duration, specs []*Spec, renew func(i int) bool) ([]Action, error) {
	if g.stopping {
		return nil, errors.New("all services are being stopped")
	}
	if _, err := New(specs, nil); err != nil {
		return nil, err
	}
	g.begin(now)
	for _, s := range g.services {
		s.before = nil
	}
	kept := make([]*Service, len(specs))
	events := make([]*Event, len(specs))
	for i, spec := range specs {
		place, is := g.Find(spec.Name), true
		if place < 0 {
			place, is = g.free(), false
		}
		s := g.services[place]
		kept[i] = s
		if s.removed { // it may be running still
			s.want = up
		}
		switch {
		case is && renew(i):
			events[i] = &Event{Kind: Redefined, Service: place}
		case !is || s.removed:
			events[i] = &Event{Kind: Start, Service: place}
		}
		s.spec, s.after, s.removed = spec, nil, false
		if s.past = s.past || events[i] != nil && events[i].Kind == Redefined; !s.past {
			s.run = spec
		}
	}
	if err := link(kept); err != nil {
		return nil, err // New has seen that it can not be
	}
	for _, s := range g.services {
		if s.state == Gone || slices.Contains(kept, s) {
			continue
		}
		s.removed = true
		for _, e := range s.after {
			e.on.before = append(e.on.before, s)
		}
	}
	for i, e := range events {
		if e != nil {
			g.apply(kept[i], e)
		}
	}
	g.settle()
	return g.actions, nil
}

// free is the place for a new service.
func (g *Graph) free() int {
	i := slices.IndexFunc(g.services, func(s *Service) bool { return s.state == Gone })
	if i < 0 {
		i = len(g.services)
		g.services = append(g.services, nil)
	}
	g.services[i] = &Service{spec: &none, run: &none, index: i}
	return i
}

// release is the end of a service that the definition has no more.
func (s *Service) release() {
	for _, e := range s.after {
		e.on.before = slices.DeleteFunc(e.on.before, func(b *Service) bool { return b == s })
	}
	*s = Service{spec: &none, run: &none, index: s.index, since: s.since, last: s.last}
}

// Renews says whether the service at the place i gets a new process if Change is
// told to renew it.
func (g *Graph) Renews(i int) bool {
	s := g.services[i]
	for _, r := range table {
		if r.from == s.state && r.on == Redefined && (r.guard == nil || r.guard.holds(g, s, &Event{Kind: Redefined})) {
			return true
		}
	}
	return false
}

// Removed says whether the service at the place i is one that the definition
// has no more; it may still be ending.
func (g *Graph) Removed(i int) bool { return g.services[i].removed || g.services[i].state == Gone }
