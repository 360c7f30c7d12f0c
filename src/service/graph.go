package service

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Exit is how a process ended.
type Exit struct {
	Code   int // when Signal is 0
	Signal int
	Error  string // why it did not even start, or ""
}

// OK is an exit with status 0.
func (x Exit) OK() bool { return x.Code == 0 && x.Signal == 0 && x.Error == "" }

func (x Exit) String() string {
	switch {
	case x.Error != "":
		return x.Error
	case x.Signal != 0:
		return "killed by " + SignalName(x.Signal)
	}
	return "exited " + strconv.Itoa(x.Code)
}

// SignalName is TERM for 15, and "" for 0.
func SignalName(n int) string {
	if n == 0 {
		return ""
	}
	if name := unix.SignalName(unix.Signal(n)); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return strconv.Itoa(n)
}

// Event is something that happened to a service.
type Event struct {
	Kind    Kind
	Service int // its place in the specs
	PID     int
	Exit    Exit
	Reason  string // of Unhealthy, one clause
	Busy    bool   // of NotSpawned: it may be possible later, without a change
}

// Forbid is what a finish command exits with so that its service is not
// started again.
const Forbid = 125

// Act is the kind of an action.
type Act uint8

const (
	Spawn     Act = iota // start the process; answer with Spawned or NotSpawned
	Signal               // send PID the stop signal
	KillGroup            // send KILL to the process group PID, and PID itself
	ArmDelay             // send DelayOver after After, unless disarmed
	ArmStop              // send TimedOut after After, unless disarmed
	Disarm               // the timer
	Probe                // ask for readiness until the state is another
	Finish               // run the finish command of PID, which ended by Exit; answer with Finished
	EndFinish            // kill the finish command
	Changed              // tell whoever is interested: From, To
)

// Action is what the caller has to do, in the order given.
type Action struct {
	Kind     Act
	From, To State
	Service  int
	PID      int
	Exit     Exit // of Finish
	After    time.Duration
}

// Service is one service's place in the machine.
type Service struct {
	spec   *Spec
	run    *Spec // what its process was started with
	past   bool  // run is no longer the definition's: its process is an old one, or over
	index  int
	after  []edge
	before []*Service // those that come after this one

	state    State
	since    time.Duration
	pid      int
	removed  bool            // the definition has it no more: it ends, and is gone
	want     want            // what follows when it has ended
	ill      string          // why it is stopped though it is wanted, or ""
	good     bool            // its last run was healthy
	spawned  time.Duration   // the last start
	starts   []time.Duration // the last ones, at most spec.Limit
	failures int             // in a row: doubles the delay
	restarts int
	retry    time.Duration // when the delay is over
	last     *Exit
	failure  string // why it has Failed
	deaths   []Death
}

// want is what someone wants of a service whose process runs or has ended.
type want uint8

const (
	up    want = iota // what its policy says
	again             // to be started in any case
	down
)

// Death is how a process ended, or a start failed.
type Death struct {
	At, Ran time.Duration
	PID     int // 0: it did not start
	Exit    Exit
	Why     string // why jail-init ended it, one clause, or ""
}

// mostDeaths is how many of them a service remembers.
const mostDeaths = 16

type edge struct {
	on    *Service
	until Condition
}

// Graph is all services of a jail.
type Graph struct {
	services []*Service
	random   func() float64 // in [0,1), for jitter
	now      time.Duration
	actions  []Action
	stopping bool
}

// none is what a service is started with that never was.
var none Spec

// New checks the specs and makes their machine, all services down. It keeps the
// specs. random gives numbers in [0,1) for the jitter of delays.
func New(specs []*Spec, random func() float64) (*Graph, error) {
	g := &Graph{random: random, services: make([]*Service, len(specs))}
	for i, spec := range specs {
		g.services[i] = &Service{spec: spec, run: &none, index: i}
	}
	err := link(g.services)
	if err == nil {
		err = findCycle(g.services)
	}
	if err != nil {
		return nil, err
	}
	return g, nil
}

// begin forgets the actions of the last call, and where they were if they were
// many, as when all services start.
func (g *Graph) begin(now time.Duration) {
	g.now = now
	if g.actions = g.actions[:0]; cap(g.actions) > 16 {
		g.actions = nil
	}
}

// Handle takes one event and gives the actions that follow from it. The
// result is valid until the next call.
func (g *Graph) Handle(now time.Duration, e Event) []Action {
	g.begin(now)
	s := g.services[e.Service]
	if g.stopping && (e.Kind == Start || e.Kind == Restart) {
		return nil
	}
	g.apply(s, &e)
	g.settle()
	return g.actions
}

// StartAll wants every service to run.
func (g *Graph) StartAll(now time.Duration) []Action {
	g.begin(now)
	g.actions = make([]Action, 0, 3*len(g.services)) // two changes, one spawn
	for _, s := range g.services {
		g.apply(s, &Event{Kind: Start, Service: s.index})
	}
	g.settle()
	return g.actions
}

// StopAll stops every service, each after those that come after it. From now
// on nothing is started.
func (g *Graph) StopAll(now time.Duration) []Action {
	g.begin(now)
	g.stopping = true
	g.settle()
	return g.actions
}

// Stopping says whether StopAll was called.
func (g *Graph) Stopping() bool { return g.stopping }

// Stopped says whether StopAll has come to its end.
func (g *Graph) Stopped() bool {
	for _, s := range g.services {
		if s.state != Down && s.state != Gone {
			return false
		}
	}
	return g.stopping
}

func (g *Graph) act(a Action) { g.actions = append(g.actions, a) }

// apply goes along one row, and tells of a new state.
func (g *Graph) apply(s *Service, e *Event) {
	from := s.state
	g.step(s, e)
	if s.state == Finishing && from != Finishing && !s.run.Finish {
		g.step(s, &Event{Kind: Finished, Service: s.index})
	}
	if s.state != from {
		s.since = g.now
		g.act(Action{Kind: Changed, Service: s.index, From: from, To: s.state})
	}
}

// step finds the row and goes along it.
func (g *Graph) step(s *Service, e *Event) {
	for i := range table {
		r := &table[i]
		if r.from != s.state || r.on != e.Kind || r.guard != nil && !r.guard.holds(g, s, e) {
			continue
		}
		if r.do != nil {
			r.do.do(g, s, e)
		}
		s.state = r.next
		return
	}
}

// settle lets every service go on that the last change set free.
func (g *Graph) settle() {
	for again := true; again; {
		again = false
		for _, s := range g.services {
			before := s.state
			switch {
			case s.state == Gone:
			case s.removed && s.state == Down:
				g.apply(s, &Event{Kind: Removed, Service: s.index})
			case g.stopping || s.removed:
				s.want = down
				if s.state != Down && s.state != Stopping && s.state != Finishing && (!s.state.Busy() || !s.needed(map[*Service]bool{})) {
					g.apply(s, &Event{Kind: Stop, Service: s.index})
				}
			case s.state == Waiting && s.blockedBy() == nil:
				g.apply(s, &Event{Kind: Unblocked, Service: s.index})
			}
			again = again || s.state != before
		}
	}
}

// needed says whether one that comes after s, or after one that does, has not
// stopped. seen are those that have been asked.
func (s *Service) needed(seen map[*Service]bool) bool {
	for _, b := range s.before {
		if seen[b] {
			continue
		}
		seen[b] = true
		if b.state.Busy() || b.needed(seen) {
			return true
		}
	}
	return false
}

func (e edge) met() bool {
	switch e.until {
	case UntilStarted:
		return e.on.state == Starting && e.on.pid != 0 || e.on.state == Ready || e.on.state == Completed
	case UntilCompleted:
		return e.on.state == Completed
	}
	return e.on.state == Ready || e.on.state == Completed
}

func (s *Service) blockedBy() *edge {
	for i := range s.after {
		if !s.after[i].met() {
			return &s.after[i]
		}
	}
	return nil
}

func (g *Graph) signalStop(s *Service) {
	g.act(Action{Kind: Signal, Service: s.index, PID: s.pid})
	g.act(Action{Kind: ArmStop, Service: s.index, After: s.run.StopTimeout})
}

// noteStart keeps as many starts as the limit needs.
func (s *Service) noteStart(now time.Duration) {
	s.run, s.past = s.spec, false
	s.spawned, s.ill, s.good = now, "", false
	if n := s.spec.Limit; n > 0 {
		if len(s.starts) >= n {
			s.starts = append(s.starts[:0], s.starts[len(s.starts)-n+1:]...)
		}
		s.starts = append(s.starts, now)
	}
}

// atLimit says whether the last Limit starts were all within Interval.
func (s *Service) atLimit(now time.Duration) bool {
	n := s.spec.Limit
	return n > 0 && !s.good && len(s.starts) >= n && now-s.starts[len(s.starts)-n] <= s.spec.Interval
}

// forget is what an operator's command does to the history of failures.
func (s *Service) forget() {
	s.want = up
	s.starts = s.starts[:0]
	s.failures = 0
	s.failure = ""
}

// ended notes how the process ended, or why it did not start. What it left of
// its process group is killed: a daemon's rest would hold its ports; a oneshot
// may leave things running on purpose.
func (s *Service) ended(g *Graph, e *Event) {
	s.good = s.state == Ready && g.now-s.spawned >= s.spec.Healthy
	s.remember(Death{At: g.now, Ran: g.now - s.spawned, PID: s.pid, Exit: e.Exit, Why: s.whyEnded()})
	s.past = true
	if s.pid != 0 && !s.run.Oneshot {
		g.act(Action{Kind: KillGroup, Service: s.index, PID: s.pid})
	}
	if s.pid != 0 && s.run.Finish {
		g.act(Action{Kind: Finish, Service: s.index, PID: s.pid, Exit: e.Exit})
		g.act(Action{Kind: ArmStop, Service: s.index, After: s.run.StopTimeout})
	}
	s.pid = 0
	exit := e.Exit
	s.last = &exit
}

func (s *Service) remember(d Death) {
	if len(s.deaths) == mostDeaths {
		s.deaths = append(s.deaths[:0], s.deaths[1:]...)
	}
	s.deaths = append(s.deaths, d)
}

func (s *Service) whyEnded() string {
	switch {
	case s.state != Stopping:
		return ""
	case s.want == down:
		return "stopped"
	case s.want == again:
		return "restarted"
	}
	return s.ill
}

// concluded follows what ended did: the finish command has ended too. Where
// there was no process, it is the end.
func (s *Service) concluded(g *Graph, e *Event) {
	switch {
	case e.Kind == NotSpawned:
		s.ended(g, e)
	case s.run.Finish:
		g.act(Action{Kind: Disarm, Service: s.index})
	}
}

// backoff is how long to wait before the next start. After a healthy run it
// is not at all, unless the last start is not so long ago as the first delay
// is. Else it is twice as long after each failure in a row, less up to a quarter
// at random, so that services that fail together do not come back together.
func (g *Graph) backoff(s *Service) time.Duration {
	if s.good {
		s.failures = 0
		s.starts = s.starts[:0]
		s.retry = max(g.now, s.spawned+s.spec.Delay)
		return s.retry - g.now
	}
	d := s.spec.MaxDelay
	if s.failures < 32 && s.spec.Delay<<s.failures>>s.failures == s.spec.Delay {
		d = min(d, s.spec.Delay<<s.failures)
	}
	s.failures++
	d -= time.Duration(g.random() * float64(d) / 4)
	s.retry = g.now + d
	return d
}

// cause is why it ended, or did not start.
func (s *Service) cause() string {
	if s.ill != "" {
		return s.ill + "; " + s.last.String()
	}
	return s.last.String()
}

func (s *Service) describeFailure() string {
	n := s.spec.Limit
	if s.spec.Restart == Never || n <= 1 {
		return s.cause()
	}
	return fmt.Sprintf("%s; started %d times in %s", s.cause(), n, duration(s.spec.Interval))
}
