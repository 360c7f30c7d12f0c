package service

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const second = time.Second

func spec(name string, after ...Dependency) Spec {
	return Spec{Name: name, After: after, Delay: 100 * time.Millisecond, MaxDelay: 10 * second, Healthy: 30 * second, Limit: 5, Interval: 10 * second, StopTimeout: 5 * second}
}

func on(name string, until Condition) Dependency { return Dependency{name, until} }

func withAfter(s Spec, name string) Spec {
	s.After = append(s.After, on(name, UntilReady))
	return s
}

// pointers are to copies.
func pointers(specs []Spec) (all []*Spec) {
	for _, s := range specs {
		all = append(all, &s)
	}
	return all
}

func mustNew(t *testing.T, specs ...Spec) *Graph {
	t.Helper()
	g, err := New(pointers(specs), func() float64 { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// names are those of the services before what is about to happen to them.
func names(g *Graph) (all []string) {
	for _, s := range g.services {
		all = append(all, s.spec.Name)
	}
	return all
}

// text is actions in few words; a service without a name of before has one now.
func text(g *Graph, before []string, actions []Action) string {
	var all []string
	for _, a := range actions {
		name := g.services[a.Service].spec.Name
		if a.Service < len(before) && name == "" {
			name = before[a.Service]
		}
		switch a.Kind {
		case Spawn:
			all = append(all, "spawn "+name)
		case Signal:
			all = append(all, fmt.Sprintf("signal %s %d", name, a.PID))
		case KillGroup:
			all = append(all, fmt.Sprintf("kill %s %d", name, a.PID))
		case ArmDelay:
			all = append(all, fmt.Sprintf("delay %s %v", name, a.After))
		case ArmStop:
			all = append(all, fmt.Sprintf("timeout %s %v", name, a.After))
		case Disarm:
			all = append(all, "disarm "+name)
		case Probe:
			all = append(all, "probe "+name)
		case Finish:
			all = append(all, fmt.Sprintf("finish %s %d %v", name, a.PID, a.Exit))
		case EndFinish:
			all = append(all, "end finish "+name)
		case Changed:
			all = append(all, fmt.Sprintf("%s:%s", name, a.To))
		}
	}
	return strings.Join(all, ", ")
}

// step is one event and what must follow.
type step struct {
	at   time.Duration
	what string // start-all, stop-all, or "EVENT SERVICE [NUMBER]"
	want string
}

func run(t *testing.T, g *Graph, steps []step) {
	t.Helper()
	for _, s := range steps {
		var got []Action
		before := names(g)
		switch f := strings.Fields(s.what); f[0] {
		case "start-all":
			got = g.StartAll(s.at)
		case "stop-all":
			got = g.StopAll(s.at)
		default:
			e := Event{Kind: 255, Service: g.Find(f[1])}
			for k, name := range kindNames {
				if strings.ReplaceAll(name, " ", "-") == f[0] {
					e.Kind = Kind(k)
				}
			}
			number := 0
			if len(f) > 2 {
				fmt.Sscan(f[2], &number)
			}
			switch {
			case e.Kind == Spawned:
				e.PID = number
			case e.Kind == NotSpawned:
				e.Exit.Error = "no such file"
				e.Busy = number != 0
			case e.Kind == Unhealthy:
				e.Reason = "3 checks failed"
			case number < 0:
				e.Exit.Signal = -number
			default:
				e.Exit.Code = number
			}
			got = g.Handle(s.at, e)
		}
		if text := text(g, before, got); text != s.want {
			t.Fatalf("%v %s:\n got %s\nwant %s", s.at, s.what, text, s.want)
		}
	}
}

func TestSequences(t *testing.T) {
	probed := spec("db")
	probed.Probed = true
	oneshot := spec("setup")
	oneshot.Oneshot = true
	oneshot.Restart = OnFailure
	after := func(s Spec, on ...Dependency) Spec { s.After = on; return s }
	never := spec("once")
	never.Restart = Never
	finish := spec("a")
	finish.Finish = true
	for _, c := range []struct {
		name  string
		specs []Spec
		steps []step
	}{
		{"order of start and stop", []Spec{spec("web", on("db", UntilReady), on("setup", UntilCompleted)), probed, oneshot}, []step{
			{0, "start-all", "web:waiting, db:waiting, setup:waiting, spawn db, db:starting, spawn setup, setup:starting"},
			{0, "spawned db 2", "probe db"},
			{0, "spawned setup 3", ""},
			{0, "exited setup 0", "setup:completed"},
			{1, "ready db", "db:ready, spawn web, web:starting"},
			{1, "spawned web 4", "web:ready"},
			{2, "stop-all", "signal web 4, timeout web 5s, web:stopping, setup:down"},
			{2, "start web", ""},
			{3, "exited web 0", "disarm web, kill web 4, web:down, signal db 2, timeout db 5s, db:stopping"},
			{3, "timed-out db", "kill db 2"},
			{4, "exited db -9", "disarm db, kill db 2, db:down"},
		}},
		{"order of stop beyond what is completed", []Spec{spec("db"), after(oneshot, on("db", UntilReady)), spec("web", on("setup", UntilCompleted))}, []step{
			{0, "start-all", "db:waiting, setup:waiting, web:waiting, spawn db, db:starting"},
			{0, "spawned db 2", "db:ready, spawn setup, setup:starting"},
			{0, "spawned setup 3", ""},
			{0, "exited setup 0", "setup:completed, spawn web, web:starting"},
			{0, "spawned web 4", "web:ready"},
			{1, "stop-all", "setup:down, signal web 4, timeout web 5s, web:stopping"},
			{2, "exited web 0", "disarm web, kill web 4, web:down, signal db 2, timeout db 5s, db:stopping"},
		}},
		{"started is enough", []Spec{spec("a", on("db", UntilStarted)), probed}, []step{
			{0, "start-all", "a:waiting, db:waiting, spawn db, db:starting"},
			{0, "spawned db 2", "probe db, spawn a, a:starting"},
		}},
		{"backoff doubles, and after a healthy run there is none", []Spec{spec("a")}, []step{
			{0, "start-all", "a:waiting, spawn a, a:starting"},
			{0, "spawned a 2", "a:ready"},
			{0, "exited a 1", "kill a 2, delay a 100ms, a:backoff"},
			{5 * second, "delay-over a", "a:waiting, spawn a, a:starting"},
			{5 * second, "spawned a 3", "a:ready"},
			{5 * second, "exited a 0", "kill a 3, delay a 200ms, a:backoff"},
			{10 * second, "delay-over a", "a:waiting, spawn a, a:starting"},
			{10 * second, "not-spawned a", "delay a 400ms, a:backoff"},
			{20 * second, "delay-over a", "a:waiting, spawn a, a:starting"},
			{20 * second, "spawned a 4", "a:ready"},
			{50 * second, "exited a -11", "kill a 4, delay a 0s, a:backoff"},
			{50 * second, "delay-over a", "a:waiting, spawn a, a:starting"},
			{50 * second, "not-spawned a", "delay a 100ms, a:backoff"},
		}},
		{"healthy from the beginning, it is started once in a delay", []Spec{{Name: "a", Limit: 1, Interval: second, Delay: second / 2, MaxDelay: second}}, []step{
			{0, "start-all", "a:waiting, spawn a, a:starting"},
			{0, "spawned a 2", "a:ready"},
			{second / 5, "exited a 1", "kill a 2, delay a 300ms, a:backoff"},
			{second, "delay-over a", "a:waiting, spawn a, a:starting"},
			{second, "spawned a 3", "a:ready"},
			{2 * second, "exited a 1", "kill a 3, delay a 0s, a:backoff"},
		}},
		{"the limit of starts", []Spec{{Name: "a", Limit: 2, Interval: second, MaxDelay: second, Healthy: second}}, []step{
			{0, "start-all", "a:waiting, spawn a, a:starting"},
			{0, "spawned a 2", "a:ready"},
			{0, "exited a 1", "kill a 2, delay a 0s, a:backoff"},
			{0, "delay-over a", "a:waiting, spawn a, a:starting"},
			{0, "spawned a 3", "a:ready"},
			{0, "exited a 1", "kill a 3, a:failed"},
			{0, "restart a", "a:waiting, spawn a, a:starting"},
			{0, "spawned a 4", "a:ready"},
			{0, "exited a 1", "kill a 4, delay a 0s, a:backoff"},
			{0, "stop a", "disarm a, a:down"},
			{0, "start a", "a:waiting, spawn a, a:starting"},
		}},
		{"slow crashes are no failure", []Spec{{Name: "a", Limit: 2, Interval: second, Healthy: 10 * second}}, []step{
			{0, "start-all", "a:waiting, spawn a, a:starting"},
			{0, "spawned a 2", "a:ready"},
			{second, "exited a 1", "kill a 2, delay a 0s, a:backoff"},
			{second, "delay-over a", "a:waiting, spawn a, a:starting"},
			{second, "spawned a 3", "a:ready"},
			{2 * second, "exited a 1", "kill a 3, delay a 0s, a:backoff"},
		}},
		{"healthy runs are no failure, however short the interval", []Spec{{Name: "a", Limit: 1, Interval: 10 * second, Healthy: second}}, []step{
			{0, "start-all", "a:waiting, spawn a, a:starting"},
			{0, "spawned a 2", "a:ready"},
			{second, "exited a 1", "kill a 2, delay a 0s, a:backoff"},
		}},
		{"never", []Spec{never}, []step{
			{0, "start-all", "once:waiting, spawn once, once:starting"},
			{0, "spawned once 2", "once:ready"},
			{0, "exited once 0", "kill once 2, once:completed"},
			{0, "start once", "once:waiting, spawn once, once:starting"},
			{0, "spawned once 3", "once:ready"},
			{0, "exited once 1", "kill once 3, once:failed"},
			{0, "clear once", "once:down"},
		}},
		{"a oneshot that fails is tried again, and what it left runs on", []Spec{oneshot}, []step{
			{0, "start-all", "setup:waiting, spawn setup, setup:starting"},
			{0, "spawned setup 2", ""},
			{0, "ready setup", ""},
			{0, "exited setup 1", "delay setup 100ms, setup:backoff"},
			{1, "delay-over setup", "setup:waiting, spawn setup, setup:starting"},
			{1, "spawned setup 3", ""},
			{1, "exited setup 0", "setup:completed"},
		}},
		{"restart, start and stop while stopping", []Spec{spec("a")}, []step{
			{0, "start-all", "a:waiting, spawn a, a:starting"},
			{0, "spawned a 2", "a:ready"},
			{0, "restart a", "signal a 2, timeout a 5s, a:stopping"},
			{0, "stop a", ""},
			{0, "exited a 0", "disarm a, kill a 2, a:down"},
			{0, "restart a", "a:waiting, spawn a, a:starting"},
			{0, "spawned a 3", "a:ready"},
			{0, "stop a", "signal a 3, timeout a 5s, a:stopping"},
			{0, "start a", ""},
			{0, "exited a 0", "disarm a, kill a 3, a:waiting, spawn a, a:starting"},
		}},
		{"unhealthy is a failure of its own", []Spec{{Name: "a", Limit: 2, Interval: second, StopTimeout: second}}, []step{
			{0, "start-all", "a:waiting, spawn a, a:starting"},
			{0, "unhealthy a", ""},
			{0, "spawned a 2", "a:ready"},
			{0, "unhealthy a", "signal a 2, timeout a 1s, a:stopping"},
			{0, "unhealthy a", ""},
			{0, "exited a 0", "disarm a, kill a 2, delay a 0s, a:backoff"},
			{0, "delay-over a", "a:waiting, spawn a, a:starting"},
			{0, "spawned a 3", "a:ready"},
			{0, "unhealthy a", "signal a 3, timeout a 1s, a:stopping"},
			{second, "timed-out a", "kill a 3"},
			{second, "exited a -9", "disarm a, kill a 3, a:failed"},
			{second, "clear a", "a:down"},
			{second, "start a", "a:waiting, spawn a, a:starting"},
			{second, "spawned a 4", "a:ready"},
			{second, "unhealthy a", "signal a 4, timeout a 1s, a:stopping"},
			{second, "stop a", ""},
			{second, "exited a 0", "disarm a, kill a 4, a:down"},
		}},
		{"unhealthy and exit 0 is not completed", []Spec{never}, []step{
			{0, "start-all", "once:waiting, spawn once, once:starting"},
			{0, "spawned once 2", "once:ready"},
			{0, "unhealthy once", "signal once 2, timeout once 5s, once:stopping"},
			{0, "exited once 0", "disarm once, kill once 2, once:failed"},
		}},
		{"finish comes before what follows", []Spec{finish}, []step{
			{0, "start-all", "a:waiting, spawn a, a:starting"},
			{0, "spawned a 2", "a:ready"},
			{0, "exited a 1", "kill a 2, finish a 2 exited 1, timeout a 5s, a:finishing"},
			{5 * second, "timed-out a", "end finish a"},
			{5 * second, "finished a -9", "disarm a, delay a 100ms, a:backoff"},
			{6 * second, "delay-over a", "a:waiting, spawn a, a:starting"},
			{6 * second, "not-spawned a", "delay a 200ms, a:backoff"}, // nothing to finish
			{7 * second, "delay-over a", "a:waiting, spawn a, a:starting"},
			{7 * second, "spawned a 3", "a:ready"},
			{7 * second, "stop a", "signal a 3, timeout a 5s, a:stopping"},
			{7 * second, "exited a 0", "disarm a, kill a 3, finish a 3 exited 0, timeout a 5s, a:finishing"},
			{7 * second, "start a", ""},
			{7 * second, "finished a 125", "disarm a, a:waiting, spawn a, a:starting"},
			{7 * second, "spawned a 4", "a:ready"},
			{7 * second, "exited a 3", "kill a 4, finish a 4 exited 3, timeout a 5s, a:finishing"},
			{7 * second, "finished a 125", "disarm a, a:failed"},
			{7 * second, "start a", "a:waiting, spawn a, a:starting"},
			{7 * second, "spawned a 5", "a:ready"},
			{7 * second, "exited a 0", "kill a 5, finish a 5 exited 0, timeout a 5s, a:finishing"},
			{7 * second, "restart a", ""},
			{7 * second, "stop a", ""},
			{7 * second, "finished a 0", "disarm a, a:down"},
		}},
		{"the stop of all waits for finish", []Spec{spec("db"), withAfter(finish, "db")}, []step{
			{0, "start-all", "db:waiting, a:waiting, spawn db, db:starting"},
			{0, "spawned db 2", "db:ready, spawn a, a:starting"},
			{0, "spawned a 3", "a:ready"},
			{0, "exited a 1", "kill a 3, finish a 3 exited 1, timeout a 5s, a:finishing"},
			{0, "stop-all", ""},
			{0, "finished a 0", "disarm a, a:down, signal db 2, timeout db 5s, db:stopping"},
			{0, "exited db 0", "disarm db, kill db 2, db:down"},
		}},
		{"a start for which there was no room does not count", []Spec{{Name: "a", Limit: 2, Interval: second, MaxDelay: second, Restart: Never}}, []step{
			{0, "start-all", "a:waiting, spawn a, a:starting"},
			{0, "not-spawned a 1", "delay a 0s, a:backoff"},
			{0, "delay-over a", "a:waiting, spawn a, a:starting"},
			{0, "not-spawned a 1", "delay a 0s, a:backoff"},
			{0, "delay-over a", "a:waiting, spawn a, a:starting"},
			{0, "not-spawned a", "a:failed"},
		}},
		{"late events change nothing", []Spec{spec("a")}, []step{
			{0, "delay-over a", ""},
			{0, "timed-out a", ""},
			{0, "ready a", ""},
			{0, "exited a 0", ""},
			{0, "spawned a 2", ""},
			{0, "clear a", ""},
			{0, "stop a", ""},
		}},
	} {
		t.Run(c.name, func(t *testing.T) { run(t, mustNew(t, c.specs...), c.steps) })
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		want  string
		specs []Spec
	}{
		{"services wait for each other: a → c → b → a", []Spec{spec("x", on("a", 0)), spec("a", on("c", 0)), spec("b", on("a", 0)), spec("c", on("b", 0))}},
		{"services wait for each other: a → a", []Spec{spec("a", on("a", 0))}},
		{`two services are called "a"`, []Spec{spec("a"), spec("a")}},
		{`service a waits for "b", which is no service of this jail`, []Spec{spec("a", on("b", 0))}},
		{"service a waits for b to complete, which is always restarted", []Spec{spec("a", on("b", UntilCompleted)), spec("b")}},
		{"a service has no name", []Spec{{}}},
	} {
		_, err := New(pointers(c.specs), nil)
		if err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
		var cycle *CycleError
		if strings.Contains(c.want, "→") != errors.As(err, &cycle) {
			t.Errorf("%v is a %T", err, err)
		}
	}
}

func TestStatus(t *testing.T) {
	probed := spec("db")
	probed.Probed = true
	oneshot := spec("setup")
	oneshot.Oneshot = true
	oneshot.Restart = Never
	g := mustNew(t, spec("web", on("db", UntilReady)), probed, oneshot, spec("plain"))
	reason := func(name, want string) {
		t.Helper()
		if got := g.Status(second, g.Find(name)).Reason; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	g.StartAll(0)
	reason("web", "waits for db to be ready")
	reason("db", "is not ready yet")
	reason("setup", "runs")
	if p := g.Pending(0); p != 1 {
		t.Errorf("pending %d", p)
	}
	g.Handle(0, Event{Kind: Spawned, Service: 1, PID: 5})
	g.Handle(0, Event{Kind: Spawned, Service: 2, PID: 6})
	g.Handle(0, Event{Kind: Spawned, Service: 3, PID: 7})
	g.Handle(0, Event{Kind: Exited, Service: 2})
	if g.Settled(Settling-1, 3) || !g.Settled(Settling, 3) {
		t.Error("a daemon without readiness is settled at the wrong time")
	}
	reason("setup", "")
	g.Handle(0, Event{Kind: Exited, Service: 1, Exit: Exit{Code: 1}})
	reason("db", "exited 1; next try in 0 ms")
	for range 4 {
		g.Handle(0, Event{Kind: DelayOver, Service: 1})
		g.Handle(0, Event{Kind: NotSpawned, Service: 1, Exit: Exit{Error: "no such file"}})
	}
	reason("db", "no such file; started 5 times in 10 s")
	reason("web", "waits for db to be ready, which is failed")
	if p, f := g.Pending(second), fmt.Sprint(g.Failures()); p != -1 || f != "[1 0]" {
		t.Errorf("pending %d, failures %s", p, f)
	}
	if st := g.Status(0, 0); st.WaitsFor != "db" || st.State != Waiting {
		t.Errorf("%+v", st)
	}
	if st := g.Status(0, 1); st.Restarts != 4 || st.Last == nil || st.Last.Error != "no such file" {
		t.Errorf("%+v", st)
	}
}

func TestJitterStaysBelow(t *testing.T) {
	for _, r := range []float64{0, 0.5, 0.999999} {
		g, err := New([]*Spec{{Name: "a", Delay: second, MaxDelay: 3 * second}}, func() float64 { return r })
		if err != nil {
			t.Fatal(err)
		}
		g.StartAll(0)
		for i, most := range []time.Duration{second, 2 * second, 3 * second, 3 * second} {
			for _, a := range g.Handle(0, Event{Kind: NotSpawned}) {
				if a.Kind == ArmDelay && (a.After > most || a.After < most*3/4) {
					t.Errorf("delay %d is %v", i, a.After)
				}
			}
			g.Handle(0, Event{Kind: DelayOver})
		}
	}
}

// Every state and event is in the table, and every row can be reached: none
// stands behind one without a condition.
func TestTable(t *testing.T) {
	seen := map[any]bool{}
	for _, r := range Transitions() {
		seen[r.From], seen[r.To], seen[r.Event] = true, true, true
	}
	for i := range stateNames {
		if !seen[State(i)] {
			t.Errorf("the table has no %s", State(i))
		}
	}
	for i := range kindNames {
		if !seen[Kind(i)] {
			t.Errorf("the table has no %s", Kind(i))
		}
	}
	if want := (Transition{Finishing, Failed, Finished, "start limit", "give up"}); !slices.Contains(Transitions(), want) {
		t.Errorf("no %v", want)
	}
	open := map[string]bool{}
	for _, r := range Transitions() {
		key := fmt.Sprint(r.From, r.Event)
		if open[key] {
			t.Errorf("%s %s %q can not be reached", r.From, r.Event, r.Condition)
		}
		open[key] = r.Condition == ""
	}
}

// holding makes each condition of the table true, and failing makes it false,
// for a service that is in the row's state.
var holding, failing = map[*guard]func(*Service, *Event){
	isPlain:     func(s *Service, _ *Event) { s.spec.Probed, s.spec.Oneshot = false, false },
	isDaemon:    func(s *Service, _ *Event) { s.spec.Oneshot = false },
	isBusy:      func(_ *Service, e *Event) { e.Busy = true },
	isDown:      func(s *Service, _ *Event) { s.want = down },
	isAgain:     func(s *Service, _ *Event) { s.want = again },
	isWanted:    func(s *Service, _ *Event) { s.want = up },
	isOver:      func(s *Service, _ *Event) { s.last = &Exit{}; s.spec.Restart = OnFailure },
	isForbidden: func(_ *Service, e *Event) { e.Exit.Code = Forbid },
	isFinal:     func(s *Service, _ *Event) { s.spec.Restart = Never },
	isLimit:     func(s *Service, _ *Event) { s.starts = make([]time.Duration, s.spec.Limit) },
}, map[*guard]func(*Service, *Event){
	isPlain:     func(s *Service, _ *Event) { s.spec.Probed = true },
	isBusy:      func(_ *Service, e *Event) { e.Busy = false },
	isDown:      func(s *Service, _ *Event) { s.want = up },
	isAgain:     func(s *Service, _ *Event) { s.want = up },
	isOver:      func(s *Service, _ *Event) { s.last = &Exit{Code: 1} },
	isForbidden: func(_ *Service, e *Event) { e.Exit.Code = 0 },
	isFinal:     func(s *Service, _ *Event) { s.spec.Restart = Always },
	isLimit:     func(s *Service, _ *Event) { s.starts = nil },
}

// Each state and event, with each condition of its rows: the machine goes
// along that row and no other; without a row it does nothing.
func TestEveryRow(t *testing.T) {
	service := func(from State) (*Graph, *Service) {
		// It stays in Waiting: what it comes after does not come.
		s := spec("a", on("never", UntilReady))
		s.Finish = true
		g := mustNew(t, s, spec("never"))
		g.services[0].state, g.services[0].last, g.services[0].run = from, &Exit{Code: 1}, g.services[0].spec
		if from.Runs() {
			g.services[0].pid = 9
		}
		return g, g.services[0]
	}
	for from := range State(len(stateNames)) {
		for on := range Kind(len(kindNames)) {
			var before []*guard
			for _, r := range table {
				if r.from != from || r.on != on {
					continue
				}
				g, s := service(from)
				e := Event{Kind: on, Reason: "ill"}
				for _, b := range before {
					failing[b](s, &e)
				}
				if r.guard != nil {
					holding[r.guard](s, &e)
				}
				before = append(before, r.guard)
				actions := g.Handle(second, e)
				if s.state != r.next {
					t.Errorf("%s, %s: %s, the row says %s", from, on, s.state, r.next)
				}
				last := Action{Kind: Changed, From: from, To: r.next}
				if changed := len(actions) > 0 && actions[len(actions)-1] == last; changed != (from != r.next) {
					t.Errorf("%s, %s: nothing tells of %s in %s", from, on, r.next, text(g, nil, actions))
				}
			}
			if len(before) > 0 {
				continue
			}
			g, s := service(from)
			if actions := g.Handle(second, Event{Kind: on}); len(actions) > 0 || s.state != from {
				t.Errorf("%s, %s: %s and %s, without a row", from, on, text(g, nil, actions), s.state)
			}
		}
	}
}

func TestDeaths(t *testing.T) {
	g := mustNew(t, Spec{Name: "a", StopTimeout: second})
	g.StartAll(0)
	for i := range mostDeaths {
		g.Handle(0, Event{Kind: NotSpawned, Exit: Exit{Error: fmt.Sprint(i)}})
		g.Handle(0, Event{Kind: DelayOver})
	}
	now := time.Duration(0)
	live := func(pid int, events ...Event) {
		g.Handle(now, Event{Kind: Spawned, PID: pid})
		now += 2 * second
		for _, e := range events {
			g.Handle(now, e)
		}
		g.Handle(now, Event{Kind: Exited, Exit: Exit{Signal: 15}})
		g.Handle(now, Event{Kind: DelayOver})
	}
	live(2)
	live(3, Event{Kind: Unhealthy, Reason: "3 checks failed"})
	live(4, Event{Kind: Restart})
	live(5, Event{Kind: Stop})
	d := g.Deaths(0)
	if len(d) != mostDeaths || d[0].Exit.Error != "4" || d[0].PID != 0 {
		t.Errorf("%d deaths, the first %+v", len(d), d[0])
	}
	for i, why := range []string{"", "3 checks failed", "restarted", "stopped"} {
		want := Death{At: time.Duration(2*i+2) * second, Ran: 2 * second, PID: 2 + i, Exit: Exit{Signal: 15}, Why: why}
		if got := d[len(d)-4+i]; got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}
