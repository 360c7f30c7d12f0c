package jailinit

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"jails/src/control"
	"jails/src/service"
)

// reload makes the services those of another setup. Whatever it needs for that
// it has first; what then follows can not fail.
func (p *process) reload(peer *control.Peer, m *control.Message) {
	var next Setup
	if err := json.Unmarshal(m.Setup, &next); err != nil {
		refuse(peer, m.ID, "read the setup: %v", err)
		return
	}
	p.litter += setupLitter * len(next.Services)
	changes, err := p.compare(peer, &next)
	if err != nil {
		refuse(peer, m.ID, "%v", err)
		return
	}
	if m.Dry {
		peer.Send(&control.Message{ID: m.ID, Op: control.OpDone, Changes: changes})
		return
	}
	made, err := p.pipesFor(next.Services)
	if err != nil {
		refuse(peer, m.ID, "%v", err)
		return
	}
	renew := make([]bool, len(next.Services))
	for i := range next.Services {
		if place := p.graph.Find(next.Services[i].Name); place >= 0 {
			anew, _ := compare(p.services[place], &next.Services[i])
			renew[i] = len(anew) > 0
		}
	}
	actions, err := p.graph.Change(p.loop.Now(), next.Specs(), func(i int) bool { return renew[i] })
	if err != nil {
		closeAll(made)
		refuse(peer, m.ID, "%v", err)
		return
	}
	var checked []int // in another way, while they are ready
	for i := range next.Services {
		if place := p.define(&next.Services[i], renew[i], made); place >= 0 {
			checked = append(checked, place)
		}
	}
	p.say("", "reloaded: "+describeChanges(changes))
	peer.Send(&control.Message{ID: m.ID, Op: control.OpAccepted, Changes: changes})
	touched := []string{} // by the reload: these are waited for
	for _, c := range changes {
		if c.What == control.Restarted || c.What == control.Added || c.What == control.Removed {
			touched = append(touched, c.Service)
		}
	}
	p.askers = append(p.askers, asker{peer: peer, id: m.ID, op: m.Op, service: -1, await: touched})
	p.settled = false
	for _, i := range checked {
		p.restartHealth(i)
	}
	p.perform(actions)
}

// compare is what a reload would do, or why it can not be.
func (p *process) compare(peer *control.Peer, next *Setup) ([]control.Change, error) {
	switch {
	case peer != p.supervisor:
		return nil, errors.New("only the supervisor reloads")
	case p.graph.Stopping():
		return nil, errors.New("jail " + p.setup.Jail + " is stopping")
	}
	if err := next.Check(); err != nil {
		return nil, err
	}
	if _, err := service.New(next.Specs(), nil); err != nil {
		return nil, err
	}
	if err := p.limits.allow(next.Services); err != nil {
		return nil, err
	}
	var changes []control.Change
	for i := range next.Services {
		s := &next.Services[i]
		place := p.graph.Find(s.Name)
		if place < 0 || p.graph.Removed(place) {
			changes = append(changes, control.Change{Service: s.Name, What: control.Added})
			continue
		}
		anew, inPlace := compare(p.services[place], s)
		c := control.Change{Service: s.Name, What: control.Unchanged, Keys: slices.Concat(anew, inPlace)}
		switch {
		case len(anew) > 0 && p.graph.Renews(place):
			c.What = control.Restarted
		case len(c.Keys) > 0:
			c.What = control.Changed
		}
		changes = append(changes, c)
	}
	for i := range p.graph.Len() {
		name := p.services[i].Name
		if !p.graph.Removed(i) && !slices.ContainsFunc(next.Services, func(s Service) bool { return s.Name == name }) {
			changes = append(changes, control.Change{Service: name, What: control.Removed})
		}
	}
	return changes, nil
}

// pipesFor gives the services that have none their pipes: those that another
// one of that name has left, or new ones.
func (p *process) pipesFor(services []Service) (map[string]pipes, error) {
	made := map[string]pipes{}
	for i := range services {
		name := services[i].Name
		left := slices.ContainsFunc(p.left, func(l remains) bool { return l.service == name })
		if left || p.graph.Find(name) >= 0 {
			continue
		}
		all, err := openPipes(name)
		if err != nil {
			closeAll(made)
			return nil, err
		}
		made[name] = all
	}
	return made, nil
}

func closeAll(made map[string]pipes) {
	for _, all := range made {
		closePipes(all[:])
	}
}

// define gives a service that the graph knows what else it needs. It gives the
// service's place if it is ready and checked in another way from now on, or -1.
func (p *process) define(s *Service, renew bool, made map[string]pipes) int {
	i := p.graph.Find(s.Name)
	for len(p.services) < p.graph.Len() {
		p.services = append(p.services, new(Service))
		p.jobs = append(p.jobs, job{})
	}
	old := p.services[i]
	p.services[i] = s
	if old.Name != s.Name {
		all, fresh := made[s.Name]
		if !fresh {
			k := slices.IndexFunc(p.left, func(l remains) bool { return l.service == s.Name })
			all = p.left[k].pipes
			p.left = slices.Delete(p.left, k, k+1)
		}
		p.jobs[i] = job{pipes: all}
		p.send(all.streams(nil, s.Name))
		return -1
	}
	j := &p.jobs[i]
	if renew || j.runs != old {
		return -1
	}
	j.runs = s
	if p.graph.State(i) == service.Ready && old.Health != s.Health {
		return i
	}
	return -1
}

// gone follows when a service that a reload has removed has ended.
func (p *process) gone(i int) {
	name := p.services[i].Name
	p.say(name, "gone: "+exitText(p.graph.Status(p.loop.Now(), i).Last))
	p.departed++
	l := remains{p.departed, name, p.jobs[i].pipes}
	p.left = append(p.left, l)
	p.services[i], p.jobs[i] = new(Service), job{}
	p.tellGone(l)
}

func (p *process) tellGone(l remains) {
	if p.supervisor != nil {
		p.supervisor.Send(&control.Message{ID: l.id, Op: control.OpState, Name: l.service,
			Service: &control.Service{Name: l.service, State: service.Gone.String(), Since: p.wallTime(p.loop.Now())}})
	}
}

// drained follows when the supervisor has read what such a service left.
func (p *process) drained(id uint32) {
	if k := slices.IndexFunc(p.left, func(l remains) bool { return l.id == id }); k >= 0 {
		closePipes(p.left[k].pipes[:])
		p.left = slices.Delete(p.left, k, k+1)
	}
}

// reloaded answers the one who asked for a reload once all that it touched has
// come to rest.
func (p *process) reloaded(a *asker) bool {
	failed := ""
	for _, name := range a.await {
		i := p.graph.Find(name)
		if i < 0 {
			continue
		}
		st := p.statusOf(i)
		if p.graph.Removed(i) || !p.graph.Settled(p.loop.Now(), i) {
			if text := describe(st); text != a.told {
				a.told = text
				a.peer.Send(&control.Message{ID: a.id, Op: control.OpProgress, Error: text})
			}
			return false
		}
		if failed == "" && (st.State == service.Failed || st.State == service.Waiting) {
			failed = st.Name + " " + st.State.String() + ": " + st.Reason
		}
	}
	a.peer.Send(&control.Message{ID: a.id, Op: control.OpDone, Error: failed})
	return true
}

// current is the setup that is in force.
func (p *process) current() json.RawMessage {
	now := Setup{Jail: p.setup.Jail, ID: p.setup.ID, Syslog: p.setup.Syslog}
	for i, s := range p.services {
		if !p.graph.Removed(i) {
			now.Services = append(now.Services, *s)
		}
	}
	data, err := json.Marshal(&now)
	if err != nil {
		p.say("", "its setup: "+err.Error())
	}
	return data
}

// describeChanges is what a reload does, in one line.
func describeChanges(changes []control.Change) string {
	var all []string
	size, more := 0, 0
	for _, c := range changes {
		if c.What == control.Unchanged {
			continue
		}
		if size > 2000 { // a pipe takes so much whole
			more++
			continue
		}
		text := c.Service + " " + string(c.What)
		if len(c.Keys) > 0 {
			text += " (" + strings.Join(c.Keys, ", ") + ")"
		}
		all = append(all, text)
		size += len(text)
	}
	if more > 0 {
		all = append(all, "and "+strconv.Itoa(more)+" more")
	}
	if len(all) == 0 {
		return "nothing is another"
	}
	return strings.Join(all, "; ")
}
