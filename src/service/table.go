package service

// State of a service.
type State uint8

const (
	Down      State = iota // it is not wanted
	Waiting                // for the services it comes after
	Starting               // its process runs and is not ready, or a oneshot runs
	Ready                  // its process runs and is ready
	Stopping               // it was signalled; its process still runs
	Finishing              // its process ended; its finish command runs
	Backoff                // it ended; its next start waits for the delay
	Failed                 // it is not started again until someone says so
	Completed              // it exited 0 and is not to be started again
	Gone                   // no definition has it any more
)

var stateNames = [...]string{"down", "waiting", "starting", "ready", "stopping", "finishing", "backoff", "failed", "completed", "gone"}

func (s State) String() string { return stateNames[s] }

// Runs says whether a service in this state has a process.
func (s State) Runs() bool { return s == Starting || s == Ready || s == Stopping }

// Busy says whether it has a process, or its finish command has.
func (s State) Busy() bool { return s.Runs() || s == Finishing }

// Kind of an event.
type Kind uint8

const (
	Start       Kind = iota // someone wants it to run
	Stop                    // someone wants it down
	Restart                 // someone wants a new process
	Clear                   // someone forgives its failure
	Redefined               // its definition asks for another process
	Removed                 // its definition is no more
	Unblocked               // what it waits for is there
	Spawned                 // its process runs; PID
	NotSpawned              // its process could not be started; Exit, Busy
	BecameReady             // its process says so, or a probe does
	Unhealthy               // a check says so, or it gave no sign of life; Reason
	Exited                  // its process ended; Exit
	Finished                // its finish command ended, or there is none; Exit
	DelayOver               // the timer of Backoff
	TimedOut                // the timer of Stopping and Finishing
)

var kindNames = [...]string{"start", "stop", "restart", "clear", "redefined", "removed", "unblocked", "spawned", "not spawned", "ready", "unhealthy", "exited", "finished", "delay over", "timed out"}

func (k Kind) String() string { return kindNames[k] }

// row is one transition: in from, upon on, if the guard holds, do and go to
// next. The first row that fits counts; an event without one changes nothing.
type row struct {
	from  State
	on    Kind
	guard *guard
	next  State
	do    *deed
}

type guard struct {
	name  string
	holds func(g *Graph, s *Service, e *Event) bool
}

type deed struct {
	name string
	do   func(g *Graph, s *Service, e *Event)
}

var (
	isPlain = &guard{"needs no probe", func(_ *Graph, s *Service, _ *Event) bool {
		return !s.spec.Probed && !s.spec.Oneshot
	}}
	isDaemon = &guard{"daemon", func(_ *Graph, s *Service, _ *Event) bool { return !s.spec.Oneshot }}
	isBusy   = &guard{"for want of room", func(_ *Graph, _ *Service, e *Event) bool { return e.Busy }}
	isDown   = &guard{"to be down", func(_ *Graph, s *Service, _ *Event) bool { return s.want == down }}
	isWanted = &guard{"not to be down", func(_ *Graph, s *Service, _ *Event) bool { return s.want != down }}
	isAgain  = &guard{"to be started again", func(_ *Graph, s *Service, _ *Event) bool { return s.want == again }}
	isOver   = &guard{"exit 0, not started again", func(_ *Graph, s *Service, _ *Event) bool {
		return s.last.OK() && s.ill == "" && (s.spec.Oneshot || s.spec.Restart != Always)
	}}
	isForbidden = &guard{"finish exited 125", func(_ *Graph, _ *Service, e *Event) bool { return e.Exit == Exit{Code: Forbid} }}
	isFinal     = &guard{"failure, never started again", func(_ *Graph, s *Service, _ *Event) bool {
		return s.spec.Restart == Never
	}}
	isLimit = &guard{"start limit", func(g *Graph, s *Service, _ *Event) bool { return s.atLimit(g.now) }}

	begin = &deed{"forget earlier failures", func(_ *Graph, s *Service, _ *Event) { s.forget() }}
	spawn = &deed{"spawn", func(g *Graph, s *Service, _ *Event) {
		s.noteStart(g.now)
		g.act(Action{Kind: Spawn, Service: s.index})
	}}
	took  = &deed{"note the process", func(_ *Graph, s *Service, e *Event) { s.pid = e.PID }}
	probe = &deed{"note the process, probe", func(g *Graph, s *Service, e *Event) {
		s.pid = e.PID
		if s.spec.Probed {
			g.act(Action{Kind: Probe, Service: s.index})
		}
	}}
	signal = &deed{"signal, arm the stop timer", func(g *Graph, s *Service, _ *Event) {
		s.want = down
		g.signalStop(s)
	}}
	signalAgain = &deed{"signal, arm the stop timer, start again later", func(g *Graph, s *Service, _ *Event) {
		s.want = again
		g.signalStop(s)
	}}
	signalIll = &deed{"signal, arm the stop timer, note why", func(g *Graph, s *Service, e *Event) {
		s.ill = e.Reason
		g.signalStop(s)
	}}
	wantAgain = &deed{"start again later", func(_ *Graph, s *Service, _ *Event) { s.want = again }}
	wantDown  = &deed{"do not start again", func(_ *Graph, s *Service, _ *Event) { s.want = down }}
	kill      = &deed{"kill its process group", func(g *Graph, s *Service, _ *Event) {
		g.act(Action{Kind: KillGroup, Service: s.index, PID: s.pid})
	}}
	end     = &deed{"note the end, run finish", func(g *Graph, s *Service, e *Event) { s.ended(g, e) }}
	endStop = &deed{"note the end, disarm the stop timer, run finish", func(g *Graph, s *Service, e *Event) {
		g.act(Action{Kind: Disarm, Service: s.index})
		s.ended(g, e)
	}}
	killFinish = &deed{"kill the finish command", func(g *Graph, s *Service, _ *Event) {
		g.act(Action{Kind: EndFinish, Service: s.index})
	}}
	rest = &deed{"disarm the timer", func(g *Graph, s *Service, e *Event) { s.concluded(g, e) }}
	anew = &deed{"disarm the timer, forget earlier failures", func(g *Graph, s *Service, e *Event) {
		s.concluded(g, e)
		s.forget()
	}}
	fail = &deed{"give up", func(g *Graph, s *Service, e *Event) {
		s.concluded(g, e)
		s.failure = s.describeFailure()
	}}
	forbid = &deed{"give up", func(g *Graph, s *Service, e *Event) {
		s.concluded(g, e)
		s.failure = s.cause() + "; its finish command forbids another start"
	}}
	delay = &deed{"arm the delay", func(g *Graph, s *Service, e *Event) {
		s.concluded(g, e)
		g.act(Action{Kind: ArmDelay, Service: s.index, After: g.backoff(s)})
	}}
	later = &deed{"arm the delay, do not count the start", func(g *Graph, s *Service, e *Event) {
		s.concluded(g, e)
		s.starts = s.starts[:max(len(s.starts)-1, 0)]
		g.act(Action{Kind: ArmDelay, Service: s.index, After: g.backoff(s)})
	}}
	retry  = &deed{"count the restart", func(_ *Graph, s *Service, _ *Event) { s.restarts++ }}
	disarm = &deed{"disarm the delay", func(g *Graph, s *Service, _ *Event) {
		g.act(Action{Kind: Disarm, Service: s.index})
	}}
	release = &deed{"let others be free of it", func(_ *Graph, s *Service, _ *Event) { s.release() }}

	restartNow = &deed{"disarm the delay, forget earlier failures", func(g *Graph, s *Service, _ *Event) {
		g.act(Action{Kind: Disarm, Service: s.index})
		s.forget()
	}}
)

// A service without a finish command leaves Finishing in the moment that it
// comes there.
var table = [...]row{
	{Down, Start, nil, Waiting, begin},
	{Down, Restart, nil, Waiting, begin},
	{Down, Removed, nil, Gone, release},

	{Waiting, Unblocked, nil, Starting, spawn},
	{Waiting, Stop, nil, Down, nil},

	{Starting, Spawned, isPlain, Ready, took},
	{Starting, Spawned, nil, Starting, probe},
	{Starting, NotSpawned, isBusy, Backoff, later},
	{Starting, NotSpawned, isFinal, Failed, fail},
	{Starting, NotSpawned, isLimit, Failed, fail},
	{Starting, NotSpawned, nil, Backoff, delay},
	{Starting, BecameReady, isDaemon, Ready, nil},
	{Starting, Exited, nil, Finishing, end},
	{Starting, Stop, nil, Stopping, signal},
	{Starting, Restart, nil, Stopping, signalAgain},
	{Starting, Redefined, nil, Stopping, signalAgain},

	{Ready, Unhealthy, nil, Stopping, signalIll},
	{Ready, Exited, nil, Finishing, end},
	{Ready, Stop, nil, Stopping, signal},
	{Ready, Restart, nil, Stopping, signalAgain},
	{Ready, Redefined, nil, Stopping, signalAgain},

	{Stopping, Exited, nil, Finishing, endStop},
	{Stopping, TimedOut, nil, Stopping, kill},
	{Stopping, Start, nil, Stopping, wantAgain},
	{Stopping, Restart, nil, Stopping, wantAgain},
	{Stopping, Redefined, isWanted, Stopping, wantAgain},
	{Stopping, Stop, nil, Stopping, wantDown},

	{Finishing, Finished, isDown, Down, rest},
	{Finishing, Finished, isAgain, Waiting, anew},
	{Finishing, Finished, isOver, Completed, rest},
	{Finishing, Finished, isForbidden, Failed, forbid},
	{Finishing, Finished, isFinal, Failed, fail},
	{Finishing, Finished, isLimit, Failed, fail},
	{Finishing, Finished, nil, Backoff, delay},
	{Finishing, TimedOut, nil, Finishing, killFinish},
	{Finishing, Start, nil, Finishing, wantAgain},
	{Finishing, Restart, nil, Finishing, wantAgain},
	{Finishing, Redefined, isWanted, Finishing, wantAgain},
	{Finishing, Stop, nil, Finishing, wantDown},

	{Backoff, DelayOver, nil, Waiting, retry},
	{Backoff, Start, nil, Waiting, restartNow},
	{Backoff, Restart, nil, Waiting, restartNow},
	{Backoff, Redefined, nil, Waiting, restartNow},
	{Backoff, Stop, nil, Down, disarm},

	{Failed, Clear, nil, Down, begin},
	{Failed, Start, nil, Waiting, begin},
	{Failed, Restart, nil, Waiting, begin},
	{Failed, Redefined, nil, Waiting, begin},
	{Failed, Stop, nil, Down, nil},

	{Completed, Start, nil, Waiting, begin},
	{Completed, Restart, nil, Waiting, begin},
	{Completed, Redefined, nil, Waiting, begin},
	{Completed, Stop, nil, Down, nil},
}

// Transition is a row of the table, for people.
type Transition struct {
	From, To          State
	Event             Kind
	Condition, Action string // "" for none
}

// Transitions lists the table in its order: of the rows with the same From
// and Event the first whose condition holds counts.
func Transitions() []Transition {
	list := make([]Transition, len(table))
	for i, r := range table {
		list[i] = Transition{From: r.from, To: r.next, Event: r.on}
		if r.guard != nil {
			list[i].Condition = r.guard.name
		}
		if r.do != nil {
			list[i].Action = r.do.name
		}
	}
	return list
}
