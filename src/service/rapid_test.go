package service

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world carries out what the machine wants, with processes and timers that
// exist on paper only, and checks at every step what must hold of any
// supervisor, without the machine's own notion of states.
type world struct {
	*rapid.T
	g      *Graph
	specs  []Spec // by their places in the machine
	ran    []Spec // what each last process was started with
	stale  []bool // and that is not the spec any more
	now    time.Duration
	pid    int
	alive  []int           // each service's process, 0 for none
	told   []bool          // it was signalled to stop
	killed []bool          // and then killed
	ready  []bool          // the process has said so, or need not
	good   []bool          // it last exited 0 by itself
	ended  []bool          // and is not to be started again
	timers []time.Duration // due at; -1 for none
	isStop []bool          // the timer is for a stop
	starts [][]time.Duration
	stops  bool
	ill    bool // what follows is the service's own doing, and in no order

	finish []int // whose finish command runs: the process that ended, 0 for none
	cut    []bool
	done   map[int]bool // finish commands that ran, by process
}

func newWorld(t *rapid.T) *world {
	n := rapid.IntRange(1, 5).Draw(t, "services")
	w := &world{T: t}
	for i := range n {
		w.specs = append(w.specs, w.draw(t, fmt.Sprint("s", i), w.specs))
	}
	g, err := New(pointers(w.specs), func() float64 { return rapid.Float64Range(0, 0.99).Draw(t, "random") })
	if err != nil {
		t.Fatal(err)
	}
	w.g = g
	w.done = map[int]bool{}
	specs := w.specs
	for w.specs = nil; len(w.specs) < n; {
		w.grow()
	}
	copy(w.specs, specs)
	return w
}

// draw makes up a service that may come after some of those before it.
func (w *world) draw(t *rapid.T, name string, before []Spec) Spec {
	s := Spec{
		Name:    name,
		Oneshot: rapid.Bool().Draw(t, "oneshot"),
		Restart: rapid.SampledFrom([]Policy{Always, OnFailure, Never}).Draw(t, "policy"),
		Delay:   second / 10, MaxDelay: second, Healthy: 3 * second,
		Limit: rapid.IntRange(0, 3).Draw(t, "limit"), Interval: 2 * second, StopTimeout: second,
	}
	s.Finish = rapid.Bool().Draw(t, "finish")
	s.Probed = !s.Oneshot && rapid.Bool().Draw(t, "probed")
	for _, on := range before { // on earlier ones only: no cycle
		if rapid.IntRange(0, 2).Draw(t, "after") == 0 {
			until := rapid.SampledFrom([]Condition{UntilReady, UntilStarted, UntilCompleted}).Draw(t, "until")
			if until == UntilCompleted && !on.Oneshot && on.Restart == Always {
				until = UntilReady
			}
			s.After = append(s.After, Dependency{on.Name, until})
		}
	}
	return s
}

// grow makes room for one service more.
func (w *world) grow() {
	w.specs, w.ran, w.stale = append(w.specs, Spec{}), append(w.ran, Spec{}), append(w.stale, false)
	w.alive, w.told, w.killed = append(w.alive, 0), append(w.told, false), append(w.killed, false)
	w.ready, w.good, w.ended = append(w.ready, false), append(w.good, false), append(w.ended, false)
	w.timers, w.isStop, w.starts = append(w.timers, -1), append(w.isStop, false), append(w.starts, nil)
	w.finish, w.cut = append(w.finish, 0), append(w.cut, false)
}

func (w *world) service() int { return rapid.IntRange(0, len(w.specs)-1).Draw(w.T, "service") }

func (w *world) send(e Event) {
	var copied []Action
	copied = append(copied, w.g.Handle(w.now, e)...)
	w.do(copied)
}

func (w *world) do(actions []Action) {
	var follow []Event
	for _, a := range actions {
		i := a.Service
		switch a.Kind {
		case Spawn:
			if w.alive[i] != 0 {
				w.Fatalf("%s is started a second time", w.specs[i].Name)
			}
			if w.stops {
				w.Fatalf("%s is started after the stop of all", w.specs[i].Name)
			}
			if w.finish[i] != 0 {
				w.Fatalf("%s is started while its finish command runs", w.specs[i].Name)
			}
			w.checkOrder(i)
			w.checkLimit(i)
			if w.g.Removed(i) {
				w.Fatalf("%s is started after its end was wanted", w.specs[i].Name)
			}
			w.ended[i] = false
			w.ran[i], w.stale[i] = w.specs[i], false
			if rapid.IntRange(0, 9).Draw(w.T, "spawn fails") == 0 {
				busy := rapid.Bool().Draw(w.T, "for want of room")
				if n := len(w.starts[i]); busy {
					w.starts[i] = w.starts[i][:n-1]
				}
				follow = append(follow, Event{Kind: NotSpawned, Service: i, Exit: Exit{Error: "no"}, Busy: busy})
				break
			}
			w.pid++
			w.alive[i], w.told[i], w.killed[i] = w.pid, false, false
			w.ready[i] = !w.specs[i].Probed && !w.specs[i].Oneshot
			follow = append(follow, Event{Kind: Spawned, Service: i, PID: w.pid})
		case Signal:
			if w.alive[i] != a.PID || a.PID == 0 {
				w.Fatalf("%s: signal to %d, its process is %d", w.specs[i].Name, a.PID, w.alive[i])
			}
			if w.stops || w.g.Removed(i) && !w.ill {
				w.checkStopOrder(i, i)
			}
			w.told[i] = true
		case KillGroup:
			if a.PID == 0 || w.alive[i] != 0 && w.alive[i] != a.PID {
				w.Fatalf("%s: kill of %d, its process is %d", w.specs[i].Name, a.PID, w.alive[i])
			}
			if w.alive[i] != 0 {
				if !w.told[i] {
					w.Fatalf("%s is killed without being told to stop", w.specs[i].Name)
				}
				w.killed[i] = true
			}
		case Finish:
			if !w.ran[i].Finish || w.alive[i] != 0 || w.finish[i] != 0 || a.PID == 0 || w.done[a.PID] {
				w.Fatalf("%s: finish of %d, its process is %d", w.specs[i].Name, a.PID, w.alive[i])
			}
			w.finish[i], w.cut[i], w.done[a.PID] = a.PID, false, true
		case EndFinish:
			if w.finish[i] == 0 {
				w.Fatalf("%s: no finish command to end", w.specs[i].Name)
			}
			w.cut[i] = true
		case ArmDelay, ArmStop:
			if w.timers[i] >= 0 {
				w.Fatalf("%s: two timers", w.specs[i].Name)
			}
			if a.Kind == ArmDelay && (a.After > second || w.alive[i] != 0) {
				w.Fatalf("%s: delay of %v with process %d", w.specs[i].Name, a.After, w.alive[i])
			}
			w.timers[i], w.isStop[i] = w.now+a.After, a.Kind == ArmStop
		case Disarm:
			w.timers[i] = -1
		case Changed:
			if a.To == Gone {
				w.forget(i)
			}
		}
	}
	for _, e := range follow {
		w.send(e)
	}
}

// checkOrder holds against what processes did, not against states.
func (w *world) checkOrder(i int) {
	for _, d := range w.specs[i].After {
		j := w.g.Find(d.Service)
		ok := w.ended[j]
		switch d.Until {
		case UntilReady:
			ok = ok || w.alive[j] != 0 && w.ready[j] && !w.told[j]
		case UntilStarted:
			ok = ok || w.alive[j] != 0 && !w.told[j]
		}
		if !ok {
			w.Fatalf("%s is started before %s is %s", w.specs[i].Name, d.Service, d.Until)
		}
	}
}

// checkLimit: an operator's command forgets the starts before.
func (w *world) checkLimit(i int) {
	w.starts[i] = append(w.starts[i], w.now)
	n := w.specs[i].Limit
	if s := w.starts[i]; n > 0 && len(s) > n && w.now-s[len(s)-1-n] < w.specs[i].Interval {
		w.Fatalf("%s: %d starts in %v", w.specs[i].Name, n+1, w.now-s[len(s)-1-n])
	}
}

func (w *world) exit(i int, x Exit) {
	w.alive[i] = 0
	w.ready[i] = false
	s := w.specs[i]
	w.good[i] = x.OK() && !w.told[i]
	w.ended[i] = w.good[i] && (s.Oneshot || s.Restart != Always)
	w.send(Event{Kind: Exited, Service: i, Exit: x})
}

// checkStopOrder: nothing that comes after a service, through others that have no
// process too, has one when that is stopped.
func (w *world) checkStopOrder(stopped, on int) {
	for j, s := range w.specs {
		if !w.stops && !w.g.Removed(j) {
			continue
		}
		for _, d := range s.After {
			if d.Service != w.specs[on].Name {
				continue
			}
			if w.alive[j] != 0 || w.finish[j] != 0 {
				w.Fatalf("%s is stopped before %s", w.specs[stopped].Name, s.Name)
			}
			w.checkStopOrder(stopped, j)
		}
	}
}

func (w *world) check(*rapid.T) {
	for i := range w.specs {
		st := w.g.Status(w.now, i)
		if (w.alive[i] != 0) != st.State.Runs() || st.PID != w.alive[i] {
			w.Fatalf("%s is %s with process %d, it has %d", st.Name, st.State, st.PID, w.alive[i])
		}
		if (w.finish[i] != 0) != (st.State == Finishing) {
			w.Fatalf("%s is %s, its finish command is that of %d", st.Name, st.State, w.finish[i])
		}
		if (w.timers[i] >= 0) != (st.State == Backoff || st.State == Stopping && !w.killed[i] || st.State == Finishing && !w.cut[i]) {
			w.Fatalf("%s is %s, timer %v", st.Name, st.State, w.timers[i])
		}
		if st.State == Waiting && st.WaitsFor == "" {
			w.Fatalf("%s waits for nothing", st.Name)
		}
		if st.State == Failed && st.Reason == "" {
			w.Fatalf("%s has failed for no reason", st.Name)
		}
	}
}

func TestMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.do(append([]Action(nil), w.g.StartAll(0)...))
		operate := func(kind Kind) func(*rapid.T) {
			return func(*rapid.T) {
				i := w.service()
				if w.g.Removed(i) {
					return
				}
				switch w.g.State(i) {
				case Waiting, Starting, Ready:
					if kind == Start {
						break // no more than what it is doing
					}
					fallthrough
				default:
					if kind != Clear || w.g.State(i) == Failed {
						w.starts[i] = nil
					}
				}
				if kind == Stop && !w.g.State(i).Runs() {
					w.ended[i] = false
				}
				w.send(Event{Kind: kind, Service: i})
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"":        w.check,
			"start":   operate(Start),
			"stop":    operate(Stop),
			"restart": operate(Restart),
			"clear":   operate(Clear),
			"change":  w.change,
			"exit": func(t *rapid.T) {
				if i := w.service(); w.alive[i] != 0 {
					x := Exit{Code: rapid.IntRange(0, 1).Draw(t, "code")}
					if w.killed[i] {
						x = Exit{Signal: 9}
					}
					w.exit(i, x)
				}
			},
			"finished": func(t *rapid.T) {
				if i := w.service(); w.finish[i] != 0 {
					w.finish[i] = 0
					x := Exit{Code: rapid.SampledFrom([]int{0, 1, Forbid}).Draw(t, "code")}
					if w.cut[i] {
						x = Exit{Signal: 9}
					}
					w.send(Event{Kind: Finished, Service: i, Exit: x})
				}
			},
			"unhealthy": func(*rapid.T) {
				i := w.service()
				was := w.g.State(i)
				w.ill = true
				w.send(Event{Kind: Unhealthy, Service: i, Reason: "ill"})
				w.ill = false
				if was == Ready && (!w.told[i] || w.alive[i] == 0) {
					w.Fatalf("%s is unhealthy and was not told to stop", w.specs[i].Name)
				}
			},
			"ready": func(t *rapid.T) {
				if i := w.service(); w.alive[i] != 0 && w.specs[i].Probed && !w.told[i] {
					w.ready[i] = true
					w.send(Event{Kind: BecameReady, Service: i})
				}
			},
			"stray": func(t *rapid.T) { // a timer or a probe that came too late
				i := w.service()
				if !w.g.State(i).Busy() && w.g.State(i) != Backoff {
					w.send(Event{Kind: rapid.SampledFrom([]Kind{BecameReady, DelayOver, TimedOut, Finished}).Draw(t, "stray"), Service: i})
				}
			},
			"time": func(t *rapid.T) {
				w.now += time.Duration(rapid.IntRange(1, 4000).Draw(t, "ms")) * time.Millisecond
				for i, due := range w.timers {
					if due >= 0 && due <= w.now {
						w.timers[i] = -1
						kind := DelayOver
						if w.isStop[i] {
							kind = TimedOut
						}
						w.send(Event{Kind: kind, Service: i})
					}
				}
			},
		})
		// However it went, the stop of all ends with nothing running,
		// whatever else is asked for.
		if rapid.Bool().Draw(t, "restart before") {
			operate(Restart)(t)
		}
		if rapid.Bool().Draw(t, "let go before") {
			w.letGo(t)
		}
		w.stops = true
		w.do(append([]Action(nil), w.g.StopAll(w.now)...))
		for rounds := 0; !w.g.Stopped(); rounds++ {
			if rounds > 3*len(w.specs) {
				t.Fatal("the stop of all does not end")
			}
			w.send(Event{Kind: rapid.SampledFrom([]Kind{Start, Restart, Clear}).Draw(t, "asked"), Service: w.service()})
			w.obey(t)
		}
		for i, pid := range w.alive {
			if pid != 0 || w.timers[i] >= 0 || w.finish[i] != 0 {
				t.Fatalf("%s is left with process %d, timer %v", w.specs[i].Name, pid, w.timers[i])
			}
		}
	})
}

// obey lets all that was told to stop do it, and the finish commands end.
func (w *world) obey(t *rapid.T) {
	for i := range w.specs {
		if w.alive[i] != 0 && w.told[i] {
			w.exit(i, Exit{Signal: 15})
		} else if w.finish[i] != 0 {
			w.finish[i] = 0
			w.send(Event{Kind: Finished, Service: i})
		}
	}
	w.check(t)
}
