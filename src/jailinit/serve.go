package jailinit

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/event"
	"jails/src/service"
)

// maxPeers bounds how many may ask at the same time.
const maxPeers = 64

// asker waits for a service, or for all, to come to rest.
type asker struct {
	peer    *control.Peer
	id      uint32
	op      string
	service int // -1: all of them
}

func (p *process) accept() {
	fd, err := control.Accept(listenFD)
	if err != nil {
		if err != unix.EAGAIN {
			p.pauseAccept(err)
		}
		return
	}
	if len(p.peers) >= maxPeers {
		unix.Close(fd)
		return
	}
	if _, err := p.newPeer(fd, 0); err != nil {
		p.say("", "control socket: "+err.Error())
	}
}

// pauseAccept is for want of descriptors or memory: the one who asks stays in
// the socket's queue, and the loop must not spin meanwhile.
func (p *process) pauseAccept(err error) {
	p.say("", "control socket: "+err.Error())
	if p.loop.Change(listenFD, 0) != nil {
		return
	}
	p.loop.After(time.Second, func() {
		if err := p.loop.Change(listenFD, event.Readable); err != nil {
			p.say("", "control socket: "+err.Error())
		}
	})
}

func (p *process) newPeer(fd, limit int) (*control.Peer, error) {
	var peer *control.Peer
	peer, err := control.NewPeer(p.loop, fd, control.PeerOptions{
		Limit:   limit,
		Message: func(m *control.Message, _ []int) { p.request(peer, m) },
		Closed:  func(error) { p.forget(peer) },
	})
	if err == nil {
		p.peers[peer] = struct{}{}
	}
	return peer, err
}

func (p *process) forget(peer *control.Peer) {
	delete(p.peers, peer)
	if p.supervisor == peer {
		p.supervisor = nil // the services run on, the next one will connect
	}
	kept := p.askers[:0]
	for _, a := range p.askers {
		if a.peer != peer {
			kept = append(kept, a)
		}
	}
	p.askers = kept
}

func refuse(peer *control.Peer, id uint32, format string, args ...any) {
	peer.Send(&control.Message{ID: id, Op: control.OpError, Error: fmt.Sprintf(format, args...)})
}

func (p *process) request(peer *control.Peer, m *control.Message) {
	i := -1
	if m.Name != "" {
		if i = p.graph.Find(m.Name); i < 0 {
			refuse(peer, m.ID, "jail %s has no service %q", p.setup.Jail, m.Name)
			return
		}
	}
	switch m.Op {
	case control.OpStatus:
		peer.Send(&control.Message{ID: m.ID, Op: control.OpDone, Status: p.status()})
		return
	case control.OpAdopt:
		p.adopt(peer, m.ID)
		return
	case control.OpStop:
		if i < 0 {
			p.askers = append(p.askers, asker{peer, m.ID, m.Op, -1})
			if m.Timeout > 0 {
				p.hurry(m.Timeout)
			}
			p.progressed = "" // the asker has not heard it
			p.stopAll("asked to")
			p.progress()
			return
		}
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
		if err := unix.Kill(pid, unix.Signal(m.Signal)); err != nil {
			refuse(peer, m.ID, "signal %d to service %s: %v", m.Signal, m.Name, err)
			return
		}
		peer.Send(&control.Message{ID: m.ID, Op: control.OpDone, Service: p.serviceStatus(p.graph.Status(p.loop.Now(), i))})
		return
	}
	if p.graph.Stopping() && kind != service.Stop {
		refuse(peer, m.ID, "jail %s is stopping", p.setup.Jail)
		return
	}
	p.askers = append(p.askers, asker{peer, m.ID, m.Op, i})
	p.happen(service.Event{Kind: kind, Service: i})
}

// hurry shortens the wait of those that are told to stop already.
func (p *process) hurry(timeout time.Duration) {
	p.stopTimeout = timeout
	for i := range p.jobs {
		if p.graph.State(i) == service.Stopping {
			p.arm(i, service.TimedOut, timeout)
		}
	}
}

// answer answers those whose services have come to rest.
func (p *process) answer() {
	kept := p.askers[:0]
	for _, a := range p.askers {
		switch {
		case a.service < 0 && p.graph.Stopped():
			a.peer.Send(&control.Message{ID: a.id, Op: control.OpDone})
		case a.service >= 0 && p.graph.Settled(p.loop.Now(), a.service):
			p.answerService(a)
		default:
			kept = append(kept, a)
		}
	}
	p.askers = kept
}

func (p *process) answerService(a asker) {
	st := p.graph.Status(p.loop.Now(), a.service)
	good := st.State == service.Ready || st.State == service.Completed
	if a.op == control.OpStop || a.op == control.OpClear {
		good = st.State == service.Down || a.op == control.OpClear && st.State != service.Failed
	}
	if !good {
		reason := ""
		if st.Reason != "" {
			reason = ": " + st.Reason
		}
		refuse(a.peer, a.id, "service %s is %s%s", st.Name, st.State, reason)
		return
	}
	a.peer.Send(&control.Message{ID: a.id, Op: control.OpDone, Service: p.serviceStatus(st)})
}

// progress tells those who wait for the stop of all what it waits for.
func (p *process) progress() {
	if !p.graph.Stopping() {
		return
	}
	text, more := "", 0
	for i := range p.graph.Len() {
		if p.graph.State(i) != service.Stopping {
			continue
		}
		if text == "" {
			text = "waits for service " + p.setup.Services[i].Name + " to stop"
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
		if a.service < 0 {
			a.peer.Send(&control.Message{ID: a.id, Op: control.OpProgress, Error: text})
		}
	}
}

// adopt makes the asker the supervisor: it gets all pipes, and hears of all
// changes from now on.
func (p *process) adopt(peer *control.Peer, id uint32) {
	if old := p.supervisor; old != nil && old != peer {
		p.forget(old)
		old.Close()
	}
	p.supervisor = peer
	peer.Send(&control.Message{ID: id, Op: control.OpDone, Status: p.status()})
	p.sendStreams()
	if p.settled {
		peer.Send(&control.Message{Op: control.OpSettled, Error: p.failures()})
	}
}

func (p *process) status() *control.Status {
	st := &control.Status{
		Jail: p.setup.Jail, ID: p.setup.ID, PID: unix.Getpid(),
		State: "starting", Since: p.began.UTC(),
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
		i := p.graph.Pending(p.loop.Now())
		s := p.graph.Status(p.loop.Now(), i)
		st.Reason = s.Name + " is " + s.State.String()
		if s.Reason != "" {
			st.Reason += ": " + s.Reason
		}
	}
	for i := range p.graph.Len() {
		st.Services = append(st.Services, *p.serviceStatus(p.graph.Status(p.loop.Now(), i)))
	}
	return st
}

func (p *process) serviceStatus(s service.Status) *control.Service {
	st := &control.Service{
		Name: s.Name, State: s.State.String(), PID: s.PID, Restarts: s.Restarts,
		WaitsFor: s.WaitsFor, Reason: s.Reason,
		// UTC: the local time zone would be read from the jail's files.
		Since: time.Now().Add(s.Since - p.loop.Now()).UTC(),
	}
	if s.Last != nil {
		st.Last = &control.Exit{Code: s.Last.Code, Signal: s.Last.Signal, Error: s.Last.Error}
	}
	return st
}
