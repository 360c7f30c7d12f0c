package jailinit

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/secmodel"
	"jails/src/service"
)

// Each field of a service is one that compare knows.
func TestCompare(t *testing.T) {
	for name, change := range map[string]func(*Service){
		"command !": func(s *Service) { s.Command = []string{"/bin/b"} }, "user !": func(s *Service) { s.User = "b" },
		"group !": func(s *Service) { s.Group = "b" }, "directory !": func(s *Service) { s.Directory = "/b" },
		"environment !": func(s *Service) { s.Environment = map[string]string{"A": "b"} }, "umask !": func(s *Service) { s.Umask = 1 },
		"limits !": func(s *Service) { s.Limits = []secmodel.Limit{{Resource: 8, Soft: 1, Hard: 2}} },
		"type !":   func(s *Service) { s.Oneshot = true }, "ready !": func(s *Service) { s.Ready.Path = "/b" }, "watchdog !": func(s *Service) { s.Watchdog = 1 },
		"after": func(s *Service) { s.After = []service.Dependency{{Service: "b"}} }, "restart": func(s *Service) { s.Restart = service.Never },
		"delay": func(s *Service) { s.Delay = 1 }, "max-delay": func(s *Service) { s.MaxDelay = 1 }, "healthy": func(s *Service) { s.Healthy = 1 },
		"limit": func(s *Service) { s.Limit = 1 }, "interval": func(s *Service) { s.Interval = 1 },
		"health": func(s *Service) { s.Health.Failures = 1 }, "finish": func(s *Service) { s.FinishCommand = []string{"/b"} },
		"stop": func(s *Service) { s.StopSignal = 1 },
	} {
		old, now := daemon("a"), daemon("a")
		change(&now)
		anew, inPlace := compare(&old, &now)
		got := fmt.Sprint(anew, inPlace)
		want := fmt.Sprintf("[] [%s]", name)
		if key, again := cutMark(name); again {
			want = fmt.Sprintf("[%s] []", key)
		}
		if got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	// These are known by another field: Probed by Ready, Finish by its command.
	known := []string{"Spec", "Command", "FinishCommand", "User", "Group", "Directory", "Environment", "Umask", "Limits", "StopSignal", "Ready", "Health", "Watchdog",
		"Name", "Oneshot", "Restart", "After", "Probed", "Delay", "MaxDelay", "Healthy", "Limit", "Interval", "StopTimeout", "Finish"}
	for _, typ := range []reflect.Type{reflect.TypeFor[Service](), reflect.TypeFor[service.Spec]()} {
		for i := range typ.NumField() {
			if f := typ.Field(i).Name; !slices.Contains(known, f) {
				t.Errorf("compare does not know %s", f)
			}
		}
	}
}

func cutMark(name string) (string, bool) {
	if n := len(name) - 2; name[n:] == " !" {
		return name[:n], true
	}
	return name, false
}

func TestReload(t *testing.T) {
	a, b, old := daemon("a"), daemon("b"), daemon("old")
	w := newWorld(t, a, b, old)
	w.stubborn = true
	w.streams, w.started = nil, nil
	again := a
	again.Command, again.StopTimeout = []string{"/bin/other"}, second
	in := b
	in.StopTimeout = 2 * second
	next := []Service{again, in, daemon("new")}
	want := []control.Change{{Service: "a", What: control.Restarted, Keys: []string{"command", "stop"}},
		{Service: "b", What: control.Changed, Keys: []string{"stop"}},
		{Service: "new", What: control.Added}, {Service: "old", What: control.Removed}}
	got := w.reloadTo(true, next...)
	if ops(got) != "done" || !reflect.DeepEqual(got[0].Changes, want) || len(w.signals) > 0 {
		t.Errorf("%s %+v, %q", ops(got), got[0].Changes, w.signals)
	}
	got = w.reloadTo(false, next...)
	if ops(got) != "accepted; progress: a is stopping: was told to stop" || !reflect.DeepEqual(got[0].Changes, want) {
		t.Errorf("%s %+v", ops(got), got[0].Changes)
	}
	w.did("streams", &w.streams, "new.out", "new.err")
	w.did("started", &w.started, "0s new /bin/new")
	w.did("signals", &w.signals, "0s TERM 101", "0s CONT 101", "0s TERM 103", "0s CONT 103")
	w.told = nil
	w.pass(5 * second) // which is what the process was started with
	w.did("started", &w.started, "5s a /bin/other")
	var gone *control.Message
	for _, m := range w.told {
		if m.Op == control.OpState && m.Service.State == "gone" {
			gone = m
		}
	}
	if gone == nil || gone.Name != "old" || gone.ID == 0 || len(w.left) != 1 || w.graph.Find("old") >= 0 {
		t.Fatalf("%+v, %+v", gone, w.left)
	}
	w.pass(second)
	if got := ops(w.answers()); got != "progress: old is stopping: was told to stop; progress: a is ready; done" && got != "progress: a is ready; done" {
		t.Error(got)
	}
	w.ask(&control.Message{Op: control.OpStop, Name: "b"})
	w.signals = nil
	w.pass(2 * second)
	w.is("b", "b is down")

	// It comes back before the supervisor has read its pipes: they are its own.
	pipes := w.left[0].pipes
	w.streams = nil
	w.reloadTo(false, append(next, old)...)
	w.did("streams", &w.streams, "old.out", "old.err")
	if len(w.left) != 0 || w.jobs[2].pipes != pipes {
		t.Error("it has other pipes")
	}
	w.asker.Send(&control.Message{ID: gone.ID, Op: control.OpDrained})
	w.pass(0)
	w.reloadTo(false, next...)
	w.pass(5 * second)
	if len(w.left) != 1 {
		t.Fatalf("%+v", w.left)
	}
	w.asker.Send(&control.Message{ID: w.left[0].id, Op: control.OpDrained})
	fd := w.left[0].pipes[0].write
	w.pass(0)
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF || len(w.left) != 0 {
		t.Errorf("its pipes are left: %v", err)
	}
}

// The process from before ends by its own definition, whatever becomes of that
// meanwhile.
func TestReloadTwice(t *testing.T) {
	a := daemon("a")
	a.FinishCommand = []string{"/first"}
	w := newWorld(t, a)
	w.stubborn = true
	a.Command, a.FinishCommand = []string{"/bin/other"}, []string{"/second"}
	w.reloadTo(false, a)
	a.FinishCommand = []string{"/third"}
	w.reloadTo(false, a)
	w.started = nil
	w.pass(5 * second)
	w.did("started", &w.started, "5s a /first")
	w.ends(102, 0)
	w.pass(0)
	w.ends(w.pid("a"), 0)
	w.pass(0)
	w.did("started", &w.started, "5s a /bin/other", "5s a /third")
}

// A service that is gone while there is no supervisor leaves its pipes to the
// next one.
func TestReloadWithoutSupervisor(t *testing.T) {
	w := newWorld(t, daemon("a"), daemon("old"))
	w.stubborn = true
	w.reloadTo(false, daemon("a"))
	w.asker.Close()
	w.pass(5 * second)
	if w.graph.Find("old") >= 0 || w.supervisor != nil {
		t.Fatal("it is there still")
	}
	w.connect2()
	w.supervisor, w.streams = nil, nil
	w.ask(&control.Message{Op: control.OpAdopt})
	w.did("streams", &w.streams, "jail-init.err", "a.out", "a.err", "old.out", "old.err")
	if last := w.told[len(w.told)-2]; last.Op != control.OpState || last.Name != "old" || last.Service.State != "gone" || last.ID != w.left[0].id {
		t.Errorf("%+v", last)
	}
}

func TestReloadRefuses(t *testing.T) {
	w := newWorld(t, daemon("a"))
	loop := daemon("b")
	loop.After = []service.Dependency{{Service: "b"}}
	limited, wrong := daemon("a"), daemon("a")
	limited.Limits = []secmodel.Limit{{Resource: 4, Soft: 1, Hard: 30}, {Resource: 8, Soft: 1, Hard: 31}}
	wrong.Limits = []secmodel.Limit{{Resource: 12}}
	for i := range w.limits.most {
		w.limits.most[i] = 30
	}
	for want, next := range map[string][]Service{
		"services wait for each other: b → b": {loop},
		"service a has no command":            {{Spec: service.Spec{Name: "a"}}},
		`two services are called "a"`:         {daemon("a"), daemon("a")},
		"service a has a limit that is none":  {wrong},
		"the limit files of service a is above jail-init's own, 30, which is raised only when the jail starts": {limited},
	} {
		for _, dry := range []bool{true, false} {
			if got := ops(w.reloadTo(dry, next...)); got != "error: "+want {
				t.Errorf("%s, want %s", got, want)
			}
		}
	}
	supervisor := w.asker
	w.connect2()
	if got := ops(w.reloadTo(false, daemon("b"))); got != "error: only the supervisor reloads" {
		t.Error(got)
	}
	w.asker.Close()
	w.asker = supervisor
	w.is("a", "a is ready")
	w.stubborn = true
	w.ask(&control.Message{Op: control.OpStop})
	if got := ops(w.reloadTo(false, daemon("b"))); got != "error: jail web is stopping" {
		t.Error(got)
	}
}

func checked(name string) Service {
	s := daemon(name)
	s.Health = Health{Check: Check{Path: "/check"}, Interval: 10 * second, Timeout: 5 * second, Failures: 2}
	return s
}

// What checks a service that runs on is the new definition's from now on.
func TestReloadHealth(t *testing.T) {
	a := checked("a")
	w := newWorld(t, a)
	w.pass(10 * second) // a check runs
	if w.alive[102] != "/check" {
		t.Fatalf("%v", w.alive)
	}
	a.Health.Interval, a.Health.Path = time.Second, "/other"
	w.reloadTo(false, a)
	if w.alive[102] != "" {
		t.Error("the check from before goes on")
	}
	w.started = nil
	w.pass(second)
	w.did("started", &w.started, "11s a /other")
	a.Health = Health{}
	w.reloadTo(false, a)
	w.started = nil
	w.pass(time.Minute)
	w.did("started", &w.started)
	a.Health = checked("a").Health
	w.reloadTo(false, a)
	w.pass(10 * second)
	w.did("started", &w.started, "1m21s a /check")
	w.is("a", "a is ready")
}
