package jailinit

import (
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/event"
	"jails/src/service"
)

// process is jail-init itself. All of it belongs to the loop.
type process struct {
	setup    Setup
	system   system
	limits   limits
	loop     *event.Loop
	graph    *service.Graph
	ownLog   int // what it says itself can be read there
	left     []remains
	syslog   *stream // the socket, or nil
	departed uint32  // how many services are gone
	unsaid   int     // own messages lost in a row

	services []*Service // as they are defined, by their places in the graph
	jobs     []job
	children map[int]func(service.Exit) // who is told how it ended, by process id
	dying    map[int]*event.Timer       // those that KILL was sent to, and goes to again
	queue    []service.Event
	busy     bool // handling the queue

	supervisor  *control.Peer // nil while there is none
	server      *control.Server
	askers      []asker       // answered later
	stopTimeout time.Duration // asked for with a stop, or 0
	progressed  string        // what those who wait for the stop were told last
	settled     bool          // the start has come to its end
	over        bool          // all services are down for good
	began       time.Duration
	litter      int // kilobytes of garbage, see memory.go
	tidied      int // how often it was collected
}

// job is what a service has beside its process.
type job struct {
	pipes  pipes
	runs   *Service     // what its process was started with; nil before the first
	timer  *event.Timer // of Backoff, Stopping or Finishing
	probe  *probe
	care   *care
	finish int // the finish command's process, or 0
}

func newProcess(setup Setup, system system) *process {
	p := &process{setup: setup, system: system, ownLog: ownLogFD, jobs: make([]job, len(setup.Services))}
	for i := range setup.Services {
		p.services = append(p.services, &setup.Services[i])
	}
	return p
}

// begin runs once, in the jail.
func (p *process) begin() error {
	if err := p.ready(); err != nil {
		return err
	}
	var first *control.Peer
	var err error
	first, err = control.NewPeer(p.loop, supervisorFD, control.PeerOptions{
		Limit:   control.MaxMessage,
		Message: func(m *control.Message, _ []int) { p.request(first, m) },
		Closed:  func(error) { p.forget(first) },
	})
	if err != nil {
		return err
	}
	p.supervisor = first
	if err := p.listen(); err != nil {
		return err
	}
	p.loop.Signals(func(unix.Signal) { p.stopAll("told to by a signal") }, unix.SIGTERM, unix.SIGINT)
	p.loop.Signals(func(unix.Signal) {}, unix.SIGHUP) // no terminal, nothing to do

	p.supervisor.Send(&control.Message{Op: control.OpEntered})
	p.sendStreams()
	p.perform(p.graph.StartAll(p.loop.Now()))
	return nil
}

// ready makes the machine of the services.
func (p *process) ready() error {
	var err error
	if p.graph, err = service.New(p.setup.Specs(), rand.Float64); err != nil {
		return err
	}
	p.setup.Services = nil // p.services has them
	p.began = p.loop.Now()
	p.children = make(map[int]func(service.Exit))
	p.dying = make(map[int]*event.Timer)
	p.loop.Children(p.reaped)
	return nil
}

// happen tells the machine of an event and does what it wants. What follows
// from an action is queued, so that the machine is never entered twice.
func (p *process) happen(e service.Event) {
	p.queue = append(p.queue, e)
	if !p.busy {
		p.perform(nil)
	}
}

// perform is happen for actions that come without an event.
func (p *process) perform(actions []service.Action) {
	p.busy = true
	p.act(actions)
	for len(p.queue) > 0 {
		e := p.queue[0]
		p.queue = p.queue[1:]
		p.act(p.graph.Handle(p.loop.Now(), e))
	}
	p.queue = nil
	p.busy = false
	p.after()
}

func (p *process) act(actions []service.Action) {
	for _, a := range actions {
		i := a.Service
		j := &p.jobs[i]
		p.tidy(2) // all may start at once
		switch a.Kind {
		case service.Spawn:
			pid, err := p.spawn(i)
			if err != nil {
				p.queue = append(p.queue, service.Event{Kind: service.NotSpawned, Service: i, Exit: service.Exit{Error: err.Error()}, Busy: noRoom(err)})
				break
			}
			p.children[pid] = func(exit service.Exit) {
				p.happen(service.Event{Kind: service.Exited, Service: i, Exit: exit})
			}
			p.queue = append(p.queue, service.Event{Kind: service.Spawned, Service: i, PID: pid})
		case service.Signal:
			p.kill(a.PID, unix.Signal(j.runs.StopSignal))
			p.kill(a.PID, unix.SIGCONT) // one that is stopped could not obey
		case service.KillGroup:
			p.killGroup(a.PID)
		case service.Finish:
			p.startFinish(i, a)
		case service.EndFinish:
			p.killGroup(j.finish)
		case service.ArmDelay:
			p.arm(i, service.DelayOver, a.After)
		case service.ArmStop:
			if p.stopTimeout > 0 {
				a.After = p.stopTimeout
			}
			p.arm(i, service.TimedOut, a.After)
		case service.Disarm:
			j.timer.Stop()
			j.timer = nil
		case service.Probe:
			p.startProbe(i)
		case service.Changed:
			if a.To != service.Starting {
				p.endProbe(i)
			}
			if a.To == service.Ready {
				p.startHealth(i)
			} else if a.From == service.Ready {
				p.endCare(i)
			}
			switch {
			case a.To == service.Gone:
				p.gone(i)
			case p.graph.State(i) != service.Gone: // the machine is ahead
				p.changed(i, a)
			}
		}
	}
}

func (p *process) arm(i int, kind service.Kind, after time.Duration) {
	p.jobs[i].timer.Stop()
	p.jobs[i].timer = p.loop.After(after, func() {
		p.happen(service.Event{Kind: kind, Service: i})
	})
}

// kill sends a signal. ESRCH is no failure: who ended by himself is as good.
func (p *process) kill(pid int, s unix.Signal) {
	if err := p.system.kill(pid, s); err != nil && err != unix.ESRCH {
		p.say("", "signal "+unix.SignalName(s)+": "+err.Error())
	}
}

// killAgain is when KILL is sent again to who has not ended.
const killAgain = time.Second

// killGroup ends a child, if it is one still, and all of its process group.
func (p *process) killGroup(pid int) {
	p.kill(-pid, unix.SIGKILL)
	if _, alive := p.children[pid]; !alive {
		return
	}
	p.kill(pid, unix.SIGKILL)
	// At the end of execve(2) NetBSD forgets what came meanwhile, KILL too.
	p.dying[pid].Stop()
	p.dying[pid] = p.loop.After(killAgain, func() { p.killGroup(pid) })
}

// reaped is told of every child that ended.
func (p *process) reaped(pid int, status unix.WaitStatus) {
	ended, ok := p.children[pid]
	if !ok {
		return // adopted from a service, where the system does that
	}
	delete(p.children, pid)
	p.dying[pid].Stop()
	delete(p.dying, pid)
	exit := service.Exit{Code: status.ExitStatus()}
	if status.Signaled() {
		exit = service.Exit{Signal: int(status.Signal())}
	}
	ended(exit)
}

// changed tells of a new state.
func (p *process) changed(i int, a service.Action) {
	st := p.statusOf(i)
	switch {
	case a.To == service.Backoff, a.To == service.Failed, a.To == service.Finishing:
		p.say(st.Name, a.To.String()+": "+st.Reason)
	case a.To == service.Completed || a.To == service.Down && a.From.Busy():
		p.say(st.Name, a.To.String()+": "+exitText(st.Last))
	case a.To == service.Ready:
		if p.services[i].Probed {
			p.say(st.Name, "ready")
		} else {
			p.say(st.Name, "started")
			p.loop.After(service.Settling, p.after)
		}
	}
	if p.supervisor != nil && a.To == st.State { // else there is more to come
		p.litter += statusLitter
		p.supervisor.Send(&control.Message{Op: control.OpState, Name: st.Name, Service: p.serviceStatus(st)})
	}
}

func exitText(x *service.Exit) string {
	if x == nil {
		return ""
	}
	return x.String()
}

// after follows every change: those who waited for one are answered.
func (p *process) after() {
	p.answer()
	if p.graph.Stopped() {
		if !p.over {
			p.over = true
			p.say("", "all services are down")
			p.finish()
		}
		return
	}
	p.progress()
	if !p.settled && p.graph.Pending(p.loop.Now()) < 0 {
		p.settled = true
		if p.supervisor != nil {
			p.supervisor.Send(&control.Message{Op: control.OpSettled, Error: p.failures()})
		}
	}
}

// failures says what is not as it should be after the start, or "".
func (p *process) failures() string {
	failed := p.graph.Failures()
	if len(failed) == 0 {
		return ""
	}
	st := p.statusOf(failed[0])
	text := st.Name + " " + st.State.String()
	if st.Reason != "" {
		text += ": " + st.Reason
	}
	return text
}

// stopAll stops the services in order, and then jail-init.
func (p *process) stopAll(why string) {
	if p.graph.Stopping() {
		return
	}
	p.say("", "stopping all services: "+why)
	p.perform(p.graph.StopAll(p.loop.Now()))
}

// finish ends jail-init: all services are down. It waits until the supervisor
// has been told, who would else take the end for a crash.
func (p *process) finish() {
	if p.supervisor == nil {
		p.loop.Stop()
		return
	}
	p.supervisor.Send(&control.Message{Op: control.OpStopped})
	p.supervisor.Finish()
}
