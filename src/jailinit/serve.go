package jailinit

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/service"
)

// asker waits for a service, or for all, to come to rest.
type asker struct {
	peer    *control.Peer
	id      uint32
	op      string
	service int      // -1: all of them
	await   []string // of a reload: the services that it touches
	told    string   // what it waits for, as it was told last
}

// listen serves those who connect to the control socket.
func (p *process) listen() error {
	if err := unix.SetNonblock(listenFD, true); err != nil {
		return err
	}
	var err error
	p.server, err = control.Serve(p.loop, listenFD, control.ServerOptions{
		Message: p.request, Closed: p.forget,
		Failed: func(err error) { p.say("", "control socket: "+err.Error()) },
	})
	return err
}

func (p *process) forget(peer *control.Peer) {
	if p.supervisor == peer {
		p.supervisor = nil // the services run on, the next one will connect
	}
	p.askers = slices.DeleteFunc(p.askers, func(a asker) bool { return a.peer == peer })
	if p.over && p.supervisor == nil {
		p.loop.Stop()
	}
}

func refuse(peer *control.Peer, id uint32, format string, args ...any) {
	peer.Send(&control.Message{ID: id, Op: control.OpError, Error: fmt.Sprintf(format, args...)})
}

func (p *process) request(peer *control.Peer, m *control.Message) {
	i := -1
	if m.Name != "" {
		if i = p.graph.Find(m.Name); i < 0 || p.graph.Removed(i) {
			refuse(peer, m.ID, "jail %s has no service %q", p.setup.Jail, m.Name)
			return
		}
	}
	switch m.Op {
	case control.OpStatus:
		answer := &control.Message{ID: m.ID, Op: control.OpDone}
		if i < 0 {
			p.litter += statusLitter * p.graph.Len()
			answer.Status = p.status()
		} else {
			answer.Service = p.serviceStatus(p.statusOf(i))
			answer.Service.Deaths = p.deaths(i)
		}
		peer.Send(answer)
		return
	case control.OpAdopt:
		p.adopt(peer, m.ID)
		return
	case control.OpStop:
		if i < 0 {
			p.askers = append(p.askers, asker{peer: peer, id: m.ID, op: m.Op, service: -1})
			if m.Timeout > 0 {
				p.hurry(m.Timeout)
			}
			p.progressed = "" // the asker has not heard it
			p.stopAll("asked to by " + peer.Who())
			p.progress()
			return
		}
	case control.OpReload:
		p.reload(peer, m)
		return
	case control.OpDrained:
		p.drained(m.ID)
		return
	case control.OpStart, control.OpRestart, control.OpKill, control.OpClear:
	default:
		refuse(peer, m.ID, "unknown request %q", m.Op)
		return
	}
	if i < 0 {
		refuse(peer, m.ID, "the request %q names no service", m.Op)
		return
	}
	p.requestService(peer, m, i)
}

func (p *process) requestService(peer *control.Peer, m *control.Message, i int) {
	p.say(m.Name, "asked to "+m.Op+" by "+peer.Who())
	kind := service.Stop
	switch m.Op {
	case control.OpStart:
		kind = service.Start
	case control.OpRestart:
		kind = service.Restart
	case control.OpClear:
		kind = service.Clear
	case control.OpKill:
		pid := p.graph.PID(i)
		if pid == 0 {
			refuse(peer, m.ID, "service %s has no process; it is %s", m.Name, p.graph.State(i))
			return
		}
		if err := p.system.kill(pid, unix.Signal(m.Signal)); err != nil {
			refuse(peer, m.ID, "signal %d to service %s: %v", m.Signal, m.Name, err)
			return
		}
		peer.Send(&control.Message{ID: m.ID, Op: control.OpDone, Service: p.serviceStatus(p.statusOf(i))})
		return
	}
	if p.graph.Stopping() && kind != service.Stop {
		refuse(peer, m.ID, "jail %s is stopping", p.setup.Jail)
		return
	}
	p.askers = append(p.askers, asker{peer: peer, id: m.ID, op: m.Op, service: i})
	p.happen(service.Event{Kind: kind, Service: i})
}

// hurry shortens the wait of those that are told to stop already.
func (p *process) hurry(timeout time.Duration) {
	p.stopTimeout = timeout
	for i := range p.jobs {
		if st := p.graph.State(i); st == service.Stopping || st == service.Finishing {
			p.arm(i, service.TimedOut, timeout)
		}
	}
}

// answer answers those whose services have come to rest, and tells the others
// what they wait for.
func (p *process) answer() {
	kept := p.askers[:0]
	for _, a := range p.askers {
		switch {
		case a.op == control.OpReload:
			if !p.reloaded(&a) {
				kept = append(kept, a)
			}
		case a.service < 0 && p.graph.Stopped():
			a.peer.Send(&control.Message{ID: a.id, Op: control.OpDone})
		case a.service >= 0 && p.graph.Settled(p.loop.Now(), a.service):
			p.answerService(a)
		case a.service >= 0:
			if text := describe(p.statusOf(a.service)); text != a.told {
				a.told = text
				a.peer.Send(&control.Message{ID: a.id, Op: control.OpProgress, Error: text})
			}
			fallthrough
		default:
			kept = append(kept, a)
		}
	}
	p.askers = kept
}

func (p *process) answerService(a asker) {
	st := p.statusOf(a.service)
	good := st.State == service.Ready || st.State == service.Completed
	if a.op == control.OpStop || a.op == control.OpClear {
		good = st.State == service.Down || a.op == control.OpClear && st.State != service.Failed
	}
	if !good {
		refuse(a.peer, a.id, "service %s", describe(st))
		return
	}
	a.peer.Send(&control.Message{ID: a.id, Op: control.OpDone, Service: p.serviceStatus(st)})
}

// statusOf is what the machine knows of service i, and what the last try to
// find out about it said.
func (p *process) statusOf(i int) service.Status {
	st := p.graph.Status(p.loop.Now(), i)
	switch j := &p.jobs[i]; {
	case st.State == service.Starting && j.probe != nil && j.probe.wrong != "":
		st.Reason += ": " + j.probe.wrong
	case st.State == service.Ready && j.care != nil && j.care.failures > 0:
		st.Reason = fmt.Sprintf("%d of %d health checks failed: %s", j.care.failures, j.runs.Health.Failures, j.care.wrong)
	}
	return st
}

// describe is a service's state in one clause.
func describe(st service.Status) string {
	text := st.Name + " is " + st.State.String()
	if st.Reason != "" {
		text += ": " + st.Reason
	}
	return text
}

// progress tells those who wait for the stop of all what it waits for.
func (p *process) progress() {
	if !p.graph.Stopping() {
		return
	}
	text, more := "", 0
	for i := range p.graph.Len() {
		if st := p.graph.State(i); st != service.Stopping && st != service.Finishing {
			continue
		}
		if text == "" {
			text = "waits for service " + p.services[i].Name + " to stop"
		} else {
			more++
		}
	}
	if more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	if text == p.progressed {
		return
	}
	p.progressed = text
	for _, a := range p.askers {
		if a.op == control.OpStop {
			a.peer.Send(&control.Message{ID: a.id, Op: control.OpProgress, Error: text})
		}
	}
}

// adopt makes the asker the supervisor: it gets all pipes, and hears of all
// changes from now on.
func (p *process) adopt(peer *control.Peer, id uint32) {
	if old := p.supervisor; old != nil && old != peer {
		old.Finish()
	}
	p.supervisor = peer
	peer.Trust()
	peer.Send(&control.Message{ID: id, Op: control.OpDone, Status: p.status(), Setup: p.current()})
	p.sendStreams()
	if p.settled {
		peer.Send(&control.Message{Op: control.OpSettled, Error: p.failures()})
	}
	if p.over {
		p.finish()
	}
}

func (p *process) status() *control.Status {
	st := &control.Status{
		Jail: p.setup.Jail, ID: p.setup.ID, PID: unix.Getpid(),
		State: "starting", Since: p.wallTime(p.began),
	}
	switch {
	case p.graph.Stopping():
		st.State = "stopping"
	case p.graph.Pending(p.loop.Now()) < 0:
		st.State = "running"
		if st.Reason = p.failures(); st.Reason != "" {
			st.State = "failed"
		}
	default:
		st.Reason = describe(p.statusOf(p.graph.Pending(p.loop.Now())))
	}
	for i := range p.graph.Len() {
		if p.graph.State(i) != service.Gone {
			st.Services = append(st.Services, *p.serviceStatus(p.statusOf(i)))
		}
	}
	return st
}

func (p *process) serviceStatus(s service.Status) *control.Service {
	st := &control.Service{
		Name: s.Name, State: s.State.String(), PID: s.PID, Restarts: s.Restarts,
		WaitsFor: s.WaitsFor, Reason: s.Reason,
		Since: p.wallTime(s.Since),
	}
	if s.Last != nil {
		last := control.Exit(*s.Last)
		st.Last = &last
	}
	return st
}

// deaths are how service i's processes ended, the newest last.
func (p *process) deaths(i int) []control.Death {
	var all []control.Death
	for _, d := range p.graph.Deaths(i) {
		all = append(all, control.Death{Time: p.wallTime(d.At), Ran: d.Ran, PID: d.PID, Exit: control.Exit(d.Exit), Why: d.Why})
	}
	return all
}

// wallTime is a moment of the loop's clock on that of today. In UTC: the local
// time zone would be read from the jail's files.
func (p *process) wallTime(at time.Duration) time.Time {
	return time.Now().Add(at - p.loop.Now()).UTC()
}
