package jailinit

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/service"
)

func TestReadyByDescriptor(t *testing.T) {
	a := daemon("a")
	a.Ready.FD = 5
	w := newWorld(t, a)
	w.is("a", "a is starting: is not ready yet")
	unix.Write(w.notify, []byte("almost"))
	w.pass(0)
	w.is("a", "a is starting: is not ready yet")
	unix.Write(w.notify, []byte("\n"))
	w.pass(0)
	w.is("a", "a is ready")

	// One that closes it says so for ever, and is told of in the log.
	w.ends(w.pid("a"), 1<<8)
	w.pass(second)
	unix.Close(w.notify)
	w.notify = -1
	w.pass(0)
	w.is("a", "a is starting: is not ready yet: it closed descriptor 5 without a newline")
	if !slices.Contains(w.lines, "a: closed descriptor 5 without a newline") {
		t.Errorf("%q", w.lines)
	}
	w.quiet()
}

// A probe asks again after growing times, at most two seconds, and for as long
// as the service is starting.
func TestProbe(t *testing.T) {
	a := daemon("a")
	a.Ready.Addr = "127.0.0.1:80"
	w := newWorldThat(t, func(w *world) { w.refuses = unix.ECONNREFUSED }, a)
	w.pass(10 * second)
	var gaps []time.Duration
	for i, at := range w.attempts[1:] {
		gaps = append(gaps, at-w.attempts[i])
	}
	const ms = time.Millisecond
	if want := []time.Duration{10 * ms, 20 * ms, 40 * ms, 80 * ms, 160 * ms, 320 * ms, 640 * ms, 1280 * ms, 2 * second, 2 * second, 2 * second}; !slices.Equal(gaps, want) {
		t.Errorf("%v, want %v", gaps, want)
	}
	w.is("a", "a is starting: is not ready yet: 127.0.0.1:80: "+unix.ECONNREFUSED.Error())
	w.refuses = nil
	w.pass(2 * second)
	w.is("a", "a is ready")
	n := len(w.attempts)
	w.quiet()
	if len(w.attempts) != n || len(w.sim.Watched()) != 2 {
		t.Errorf("it goes on: %v, watches %v", w.attempts[n:], w.sim.Watched())
	}
}

func TestProbeProgram(t *testing.T) {
	a := daemon("a")
	a.Ready.Path = "/check"
	w := newWorld(t, a)
	w.pass(0)
	w.did("started", &w.started, "0s a /bin/a", "0s a /check")
	w.pass(probeTimeout) // it takes too long, and is killed
	w.is("a", "a is starting: is not ready yet: /check took longer than 5s")
	w.did("signals", &w.signals, "5s KILL -102", "5s KILL 102", "5s KILL -102")
	w.pass(10 * time.Millisecond)
	w.ends(103, 3<<8)
	w.pass(0)
	w.is("a", "a is starting: is not ready yet: /check exited 3")
	w.pass(20 * time.Millisecond)
	w.ends(104, 0)
	w.pass(0)
	w.is("a", "a is ready")
	w.quiet()
}

func TestHealth(t *testing.T) {
	a := daemon("a")
	a.Health = Health{Check: Check{Path: "/check"}, Interval: 10 * second, Timeout: 5 * second, Failures: 2}
	w := newWorld(t, a)
	w.pass(10 * second)
	w.did("started", &w.started, "0s a /bin/a", "10s a /check")
	w.ends(102, 1<<8)
	w.pass(0)
	w.is("a", "a is ready: 1 of 2 health checks failed: /check exited 1")
	w.pass(10 * second) // from the end of the last one
	w.ends(103, 0)
	w.pass(0)
	w.is("a", "a is ready")
	w.pass(10 * second)
	w.ends(104, 1<<8)
	w.pass(0)
	w.signals = nil
	w.pass(15 * second) // one that takes too long
	w.did("signals", &w.signals, "45s KILL -105", "45s KILL 105", "45s KILL -105", "45s TERM 101", "45s CONT 101", "45s KILL -101")
	if d := w.deaths(0); len(d) != 1 || d[0].Why != "2 health checks failed: /check took longer than 5s" {
		t.Errorf("%+v", d)
	}
	// Its end ends the check that runs.
	w.pass(second)
	w.pass(10 * second)
	check := w.last
	if w.alive[check] != "/check" {
		t.Fatalf("%v", w.alive)
	}
	w.signals = nil
	w.ends(w.pid("a"), 0)
	w.pass(0)
	if w.alive[check] != "" {
		t.Errorf("the check lives on: %q", w.signals)
	}
}

// The watchdog wakes up seldom, however many signs of life there are.
func TestWatchdog(t *testing.T) {
	a := daemon("a")
	a.Ready.FD, a.Watchdog = 3, 10*second
	w := newWorld(t, a)
	unix.Write(w.notify, []byte("\n"))
	w.pass(0)
	for range 100 {
		w.pass(second)
		unix.Write(w.notify, []byte("."))
	}
	w.pass(0)
	slept := w.sim.Sleeps
	w.pass(10*second - 1)
	w.is("a", "a is ready")
	if n := w.sim.Sleeps - slept; n > 3 {
		t.Errorf("woken %d times", n)
	}
	w.pass(1)
	if d := w.deaths(0); len(d) != 1 || d[0].Why != "no sign of life for 10s" || w.sim.Now() != 110*second {
		t.Errorf("%+v after %v", d, w.sim.Now())
	}
}

// One that does not obey is killed when its time is over, or sooner for one who
// is in a hurry.
func TestStopTimeout(t *testing.T) {
	w := newWorld(t, daemon("a"))
	w.stubborn = true
	w.asker.Send(&control.Message{ID: 9, Op: control.OpStop, Name: "a"})
	w.pass(5*second - 1)
	w.did("signals", &w.signals, "0s TERM 101", "0s CONT 101")
	w.is("a", "a is stopping: was told to stop")
	w.pass(1)
	w.did("signals", &w.signals, "5s KILL -101", "5s KILL 101", "5s KILL -101")
	w.is("a", "a is down")
	if got := ops(w.answers()); got != "progress: a is stopping: was told to stop; done" {
		t.Error(got)
	}
	w.ask(&control.Message{Op: control.OpStart, Name: "a"})
	w.pass(second)
	w.ask(&control.Message{Op: control.OpStop})
	w.ask(&control.Message{Op: control.OpStop, Timeout: second})
	w.signals = nil
	w.pass(second)
	w.did("signals", &w.signals, "7s KILL -102", "7s KILL 102", "7s KILL -102")
	if !w.graph.Stopped() {
		t.Error("it has not stopped")
	}
}

// Who was not reached by KILL gets it again, until he ends.
func TestKillIsLost(t *testing.T) {
	w := newWorld(t, daemon("a"))
	w.stubborn, w.lost = true, 2
	w.asker.Send(&control.Message{ID: 9, Op: control.OpStop, Name: "a"})
	w.pass(5*second + killAgain)
	w.did("signals", &w.signals, "0s TERM 101", "0s CONT 101", "5s KILL -101", "5s KILL 101", "6s KILL -101", "6s KILL 101")
	w.is("a", "a is stopping: was told to stop")
	w.pass(killAgain)
	w.did("signals", &w.signals, "7s KILL -101", "7s KILL 101", "7s KILL -101")
	w.is("a", "a is down")
	w.pass(10 * killAgain)
	w.did("signals", &w.signals)
	if len(w.dying) > 0 {
		t.Errorf("%d are waited for", len(w.dying))
	}
}

// Who is in a hurry is so with those too that are told to stop later.
func TestHurry(t *testing.T) {
	b := daemon("b")
	b.After = []service.Dependency{{Service: "a", Until: service.UntilReady}}
	w := newWorld(t, daemon("a"), b)
	w.stubborn = true
	w.asker.Send(&control.Message{ID: 9, Op: control.OpStop, Timeout: second})
	w.pass(second)
	w.did("signals", &w.signals, "0s TERM 102", "0s CONT 102", "1s KILL -102", "1s KILL 102", "1s KILL -102", "1s TERM 101", "1s CONT 101")
	w.pass(second)
	if !w.graph.Stopped() {
		t.Errorf("it has not stopped: %q", w.signals)
	}
}

func TestFinish(t *testing.T) {
	a := daemon("a")
	a.FinishCommand = []string{"/finish", "it"}
	w := newWorld(t, a)
	w.started = nil
	w.ends(101, int(unix.SIGSEGV))
	w.pass(0)
	w.did("started", &w.started, "0s a /finish it")
	if m := w.more; m["JAIL_SERVICE"] != "a" || m["JAIL_PID"] != "101" || m["JAIL_EXIT"] != "" || m["JAIL_SIGNAL"] != "SEGV" {
		t.Errorf("%q", m)
	}
	w.pass(5 * second) // too long
	if w.alive[102] != "" {
		t.Error("it lives on")
	}
	w.pass(second)
	w.ends(w.pid("a"), 4<<8)
	w.pass(0)
	if m := w.more; m["JAIL_EXIT"] != "4" || m["JAIL_SIGNAL"] != "" {
		t.Errorf("%q", m)
	}
	w.ends(w.last, service.Forbid<<8)
	w.pass(0)
	w.is("a", "a is failed: exited 4; its finish command forbids another start")
	w.quiet()
}

func TestNoRoomForAProcess(t *testing.T) {
	a := daemon("a")
	a.Limit, a.Restart = 1, service.Never
	w := newWorld(t, a)
	w.noStart = unix.EAGAIN
	w.ends(101, 0)
	w.pass(0)
	w.is("a", "a is completed")
	w.ask(&control.Message{Op: control.OpStart, Name: "a"})
	w.pass(second)
	if st := w.state("a"); !strings.HasPrefix(st, "a is backoff: "+unix.EAGAIN.Error()) {
		t.Error(st)
	}
	w.noStart = errors.New("no such program")
	w.pass(10 * second)
	w.is("a", "a is failed: no such program")
}

// Children that are nobody's are reaped, however many.
func TestOrphans(t *testing.T) {
	w := newWorld(t, daemon("a"))
	for pid := range 10000 {
		w.sim.Exit(1000+pid, 0)
	}
	w.pass(0)
	w.is("a", "a is ready")
	if len(w.children) != 1 {
		t.Errorf("%d children", len(w.children))
	}
}

// Without a supervisor the services go on; the next one is told of all.
func TestAdopt(t *testing.T) {
	w := newWorld(t, daemon("a"), daemon("b"))
	w.asker.Close()
	w.pass(0)
	if w.supervisor != nil {
		t.Fatal("the supervisor is there still")
	}
	w.ends(101, 1<<8)
	w.pass(second)
	w.connect2()
	w.supervisor = nil
	w.streams = nil
	got := w.ask(&control.Message{Op: control.OpAdopt})
	if len(got) != 1 || got[0].Status.State != "running" || len(got[0].Status.Services) != 2 || got[0].Status.Services[0].Restarts != 1 {
		t.Fatalf("%+v", got)
	}
	w.did("streams", &w.streams, "jail-init.err", "a.out", "a.err", "b.out", "b.err")
	if w.supervisor == nil || !strings.Contains(string(got[0].Setup), `"/bin/b"`) {
		t.Errorf("%s", got[0].Setup)
	}
}

// A setup that a jail has had in its hands is not one to make pipes by.
func TestSetupCheck(t *testing.T) {
	one := Service{Command: []string{"/bin/sh"}}
	for n, good := range map[int]bool{0: true, maxServices: true, maxServices + 1: false} {
		s := Setup{Jail: "web", ID: 1, Services: slices.Repeat([]Service{one}, n)}
		if err := s.Check(); (err == nil) != good {
			t.Errorf("%d services: %v", n, err)
		}
	}
}
