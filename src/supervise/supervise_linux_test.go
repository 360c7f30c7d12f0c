package supervise

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/exit"
	"jails/src/logs"
	"jails/src/secmodel"
)

func TestStartAndStop(t *testing.T) {
	w := newWorld(t, sh("web", `echo web up; echo trouble >&2; exec sleep 1000`, `after = ["db", "setup:completed"]`)+
		sh("db", `echo db up; sleep 0.1; echo >&3; exec sleep 1000`, `ready = "fd:3"`)+
		sh("setup", `echo user $USER home $HOME umask $(umask) dir $PWD fds $(ls /proc/self/fd | wc -w) ${TERM-none} $X`,
			`type = "oneshot"`, `umask = "027"`, `directory = "/usr"`, `environment = { X = "y z" }`))
	var steps []string
	if err := Start(w.ctx(patience), w.name, func(s string) { steps = append(steps, s) }); err != nil {
		t.Fatal(err)
	}
	if len(steps) == 0 || !strings.Contains(strings.Join(steps, "\n"), "web is ready") {
		t.Errorf("progress: %q", steps)
	}
	if st := w.init(); st.State != "running" || len(st.Services) != 3 || st.Services[0].State != "ready" || st.Services[2].State != "completed" {
		t.Errorf("status %+v", st)
	}
	if st := w.supervisor(); st.State != "running" || st.ID != 1 {
		t.Errorf("supervisor's status %+v", st)
	}
	// ls has 0 to 2 and the directory's own.
	w.eventually("the oneshot's line", func() bool {
		return w.hasLine("setup", "out", "user root home /root umask 0027 dir /usr fds 4 none y z")
	})
	w.eventually("the lines of web", func() bool { return w.hasLine("web", "out", "web up") && w.hasLine("web", "err", "trouble") })
	if !Running(w.name) {
		t.Error("it is not running")
	}
	var locked *exit.Error
	if err := w.start(); !errors.As(err, &locked) || !strings.Contains(err.Error(), "has a supervisor already, process") {
		t.Errorf("a second start: %v", err)
	}
	w.mustStop()
	if Running(w.name) {
		t.Error("it is running")
	}
	if err := Stop(w.ctx(time.Second), w.name, 0, nil); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a second stop: %v", err)
	}
	// web goes before db, which it comes after.
	text := strings.Join(w.lines("jail-init", "err"), "\n")
	if web, db := strings.Index(text, "web: down"), strings.Index(text, "db: down"); web < 0 || db < web {
		t.Errorf("the order of the stop:\n%s", text)
	}
}

func TestStartFailureReachesTheCaller(t *testing.T) {
	w := newWorld(t, sh("good", "exec sleep 1000")+sh("bad", "echo no port >&2; exit 3", `delay = "1ms"`, `ready = "fd:3"`)+
		sh("later", "exec sleep 1000", `after = ["bad"]`))
	err := w.start()
	var failed *ServiceError
	if !errors.As(err, &failed) || err.Error() != "bad failed: exited 3; started 5 times in 10 s" {
		t.Fatalf("start: %v", err)
	}
	if st := w.init(); st.State != "failed" || st.Services[0].State != "ready" || st.Services[2].WaitsFor != "bad" {
		t.Errorf("status %+v", st)
	}
	if n := len(w.lines("bad", "err")); n != 5 {
		t.Errorf("it was started %d times", n)
	}
	w.mustStop()
}

func TestStartErrors(t *testing.T) {
	for _, c := range []struct{ name, services, want string }{
		{"no user", sh("a", "exit 0", `user = "nobody-here"`), `no user "nobody-here"`},
		{"no command", "[[service]]\nname = \"a\"\ncommand = [\"no-such-command\"]\n", "command no-such-command: no such file"},
		{"no program", "[[service]]\nname = \"a\"\ncommand = [\"/no/such\"]\n", "start /no/such as root: no such file"},
		{"no directory", sh("a", "exit 0", `directory = "/no/such"`), "directory /no/such: no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.services+"restart = \"never\"\n")
			if err := w.start(); err == nil || !strings.Contains(err.Error(), "a failed: "+c.want) {
				t.Errorf("start: %v", err)
			}
			w.mustStop()
		})
	}
	t.Run("bad definition", func(t *testing.T) {
		w := newWorld(t, "prot = 1\n")
		if err := w.start(); err == nil || !strings.Contains(err.Error(), `web.toml:4:1: unknown key "prot"`) || exit.Code(err) != exit.Config {
			t.Errorf("start: %d %v", exit.Code(err), err)
		}
		if _, err := w.k.Lookup(w.name); err != nil {
			t.Errorf("the jail is gone: %v", err)
		}
	})
	t.Run("no jail", func(t *testing.T) {
		w := newWorld(t, "")
		w.k.Destroy(1)
		if err := w.start(); err == nil || exit.Code(err) != exit.NoInput {
			t.Errorf("start: %d %v", exit.Code(err), err)
		}
	})
	t.Run("entry refused", func(t *testing.T) {
		w := newWorld(t, sh("a", "exec sleep 1000"))
		w.k.save(markedJail{ID: 1, Name: "web", State: secmodel.Dying})
		if err := w.start(); err == nil || !strings.Contains(err.Error(), secmodel.ErrDying.Error()) {
			t.Errorf("start: %v", err)
		}
		if _, err := w.k.Lookup(w.name); !errors.Is(err, secmodel.ErrNoJail) {
			t.Errorf("the jail is still there: %v", err)
		}
	})
	t.Run("time over", func(t *testing.T) {
		w := newWorld(t, sh("slow", "exec sleep 1000", `ready = "fd:3"`))
		err := w.startUntil("slow is starting")
		var step *StepError
		if !errors.As(err, &step) || !strings.Contains(err.Error(), "slow is starting: is not ready yet") {
			t.Errorf("start: %v", err)
		}
		w.mustStop()
	})
	t.Run("time over at once", func(t *testing.T) {
		w := newWorld(t, sh("a", "exec sleep 1000"))
		over, cancel := context.WithCancel(w.ctx(patience))
		cancel()
		var step *StepError
		if err := Start(over, w.name, nil); !errors.As(err, &step) {
			t.Errorf("start: %v", err)
		}
		// It goes on, as the error says.
		w.eventually("a to be ready", func() bool { return Running(w.name) && pending(w.name) == "" })
		w.mustStop()
	})
}

func TestSignals(t *testing.T) {
	for _, who := range []string{"supervisor", "jail-init"} {
		t.Run(who, func(t *testing.T) {
			w := newWorld(t, sh("a", `trap 'echo bye; exit 0' TERM; while :; do sleep 0.01; done`))
			w.mustStart()
			pid := w.supervisor().PID
			if who == "jail-init" {
				pid = w.init().PID
			}
			unix.Kill(pid, unix.SIGHUP)
			unix.Kill(pid, unix.SIGURG)
			time.Sleep(50 * time.Millisecond)
			unix.Kill(pid, unix.SIGTERM)
			w.eventually("the end", func() bool {
				_, err := os.Stat(w.layout.Run(w.name))
				return os.IsNotExist(err)
			})
			if !w.hasLine("a", "out", "bye") {
				t.Errorf("it was not stopped in order: %q", w.lines("a", "out"))
			}
		})
	}
}

// A stop that jail-init was told of is no crash, though the supervisor was kept
// from reading for so long that nothing more could be sent to it.
func TestStopWhileTheSupervisorStands(t *testing.T) {
	const many = 12
	var services string
	for i := range many {
		services += sh(fmt.Sprint("s", i), "exec sleep 1000")
	}
	w := newWorld(t, services)
	w.mustStart()
	pid := w.supervisor().PID
	init := w.init().PID
	unix.Kill(pid, unix.SIGSTOP)
	defer unix.Kill(pid, unix.SIGCONT)
	done := make(chan error, many)
	for i := range many {
		c, err := control.Dial(w.ctx(patience), w.layout.ControlSocket(w.name))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go func() {
			var err error
			for n := 0; n < 20 && err == nil; n++ { // each is told of by several messages
				_, err = one(c.Services(w.ctx(patience), control.OpRestart, []string{fmt.Sprint("s", i)}, 0))
			}
			done <- err
		}()
	}
	for range many {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	unix.Kill(init, unix.SIGTERM)
	w.eventually("the services' end", func() bool { return len(w.k.members(1)) <= 1 })
	time.Sleep(50 * time.Millisecond)
	unix.Kill(pid, unix.SIGCONT)
	w.eventually("the end", func() bool { return !exists(w.layout.Run(w.name)) })
	if exists(filepath.Join(w.k.dir, "used.2")) {
		t.Errorf("the jail was started again: %q", w.lines("supervisor", "err"))
	}
}

func TestClosedPipesAreStillSupervised(t *testing.T) {
	w := newWorld(t, sh("a", `echo up; exec >&- 2>&-; exec sleep 1000`))
	w.mustStart()
	for i := 1; i <= 2; i++ {
		w.eventually("a line", func() bool { return len(w.lines("a", "out")) == i })
		unix.Kill(w.service("a").PID, unix.SIGKILL)
		w.eventually("a restart", func() bool {
			s := w.service("a")
			return s.Restarts == i && s.State == "ready" && s.Last.Signal == 9
		})
	}
	w.eventually("three lines", func() bool { return len(w.lines("a", "out")) == 3 })
	w.mustStop()
}

// A stream that floods loses nothing, of itself or of another. (That the other
// is read in turn is for package logs to show.)
func TestFloodIsWhole(t *testing.T) {
	const line = "a line that is neither long nor short"
	const count = 400_000
	w := newWorld(t, "[log]\nkeep = \"2 x 100 MB\"\n"+
		sh("flood", fmt.Sprintf(`yes %s | head -n %d; exec sleep 1000`, line, count))+
		sh("quiet", `for i in 1 2 3 4 5 6 7 8; do echo quiet $i; sleep 0.01; done; exec sleep 1000`, `after = ["flood:started"]`))
	w.mustStart()
	w.eventually("all lines", func() bool {
		return w.supervisor().Logs.Bytes > count*uint64(len(line)+1) && w.hasLine("quiet", "out", "quiet 8")
	})
	n := 0
	for _, l := range w.lines("flood", "out") {
		if l != line {
			t.Fatalf("line %d is %q", n+1, l)
		}
		n++
	}
	if quiet := w.lines("quiet", "out"); n != count || len(quiet) != 8 {
		t.Errorf("%d lines of %d, and %q", n, count, quiet)
	}
	w.mustStop()
}

func TestFloodIsStopped(t *testing.T) {
	w := newWorld(t, "[log]\nkeep = \"3 x 1 MB\"\n"+sh("flood", `exec yes a line that is neither long nor short`))
	w.mustStart()
	w.eventually("a flood", func() bool { return w.supervisor().Logs.Bytes > 10_000_000 })
	begin := time.Now()
	w.mustStop()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the stop took %v", took)
	}
	names, _ := filepath.Glob(w.layout.Log(w.name) + "/*")
	total := int64(0)
	for _, n := range names {
		st, err := os.Stat(n)
		if err != nil {
			t.Fatal(err)
		}
		total += st.Size()
	}
	if len(names) != 3 || total > 3<<20 {
		t.Errorf("%d files of %d bytes", len(names), total)
	}
}

// A stop right after the start, when jail-init may not be in the jail, or
// processes may not have called setsid yet, is not lost and ends all of them.
func TestStopAtOnce(t *testing.T) {
	for i := range 10 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			w := newWorld(t, sh("a", "exec sleep 1000")+sh("b", "(setsid setsid sleep 1000 &) ; exec sleep 1000"))
			ctx, cancel := context.WithCancel(context.Background())
			started := make(chan error, 1)
			go func() { started <- Start(ctx, w.name, nil) }()
			for !Running(w.name) {
				time.Sleep(100 * time.Microsecond)
			}
			time.Sleep(time.Duration(i) * 2 * time.Millisecond)
			cancel()
			if err := <-started; err != nil && ctx.Err() == nil {
				t.Fatal(err)
			}
			w.mustStop()
		})
	}
}

func TestStubbornServices(t *testing.T) {
	w := newWorld(t, sh("deaf", `trap '' TERM; while :; do sleep 0.1; done`, `stop = { timeout = "300ms" }`)+
		sh("daemon", `(setsid sh -c 'trap "" TERM HUP; while :; do sleep 0.1; done' >/dev/null 2>&1 &) ; exec sleep 1000`)+
		sh("stopped", `kill -STOP $$; exec sleep 1000`))
	w.mustStart()
	err := Stop(w.ctx(150*time.Millisecond), w.name, 0, nil)
	var step *StepError
	if !errors.As(err, &step) || !strings.Contains(err.Error(), "waits for service deaf to stop") {
		t.Errorf("an impatient stop: %v", err)
	}
	begin := time.Now()
	w.mustStop()
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("the stop took %v", took)
	}
	if s := strings.Join(w.lines("jail-init", "err"), "\n"); !strings.Contains(s, "deaf: down: killed by KILL") || !strings.Contains(s, "stopped: down: killed by TERM") {
		t.Errorf("log:\n%s", s)
	}
}

// The time that the supervisor gives jail-init is more than all services take
// one after the other: none is killed that would have stopped by itself.
func TestSlowStop(t *testing.T) {
	slow := func(name string, more ...string) string {
		return sh(name, `trap 'sleep 0.7; echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done`, append(more, `stop = { timeout = "30s" }`)...)
	}
	w := newWorld(t, slow("a")+slow("b", `after = ["a"]`)+slow("c", `after = ["b"]`))
	w.mustStart()
	w.eventually("all to be up", func() bool {
		return w.hasLine("a", "out", "up") && w.hasLine("b", "out", "up") && w.hasLine("c", "out", "up")
	})
	// Whoever asks may give up long before; the stop goes on.
	var step *StepError
	if err := Stop(w.ctx(100*time.Millisecond), w.name, 0, nil); !errors.As(err, &step) {
		t.Errorf("an impatient stop: %v", err)
	}
	interrupted, cancel := context.WithCancel(w.ctx(patience))
	time.AfterFunc(100*time.Millisecond, cancel)
	if err := Stop(interrupted, w.name, 0, nil); !errors.As(err, &step) || !strings.Contains(err.Error(), "interrupted, what was asked for goes on; waits for service ") {
		t.Errorf("an interrupted stop: %v", err)
	}
	w.mustStop()
	for _, name := range []string{"a", "b", "c"} {
		if !w.hasLine(name, "out", "bye") {
			t.Errorf("%s was killed", name)
		}
	}
}

// A jail whose jail-init dies again and again is given up.
func TestInitDiesTooOften(t *testing.T) {
	w := newWorld(t, sh("a", `exec sleep 1000`))
	w.mustStart()
	for i := 0; i <= restartLimit; i++ {
		id := secmodel.ID(i + 1)
		w.eventually(fmt.Sprintf("jail %d", id), func() bool {
			return len(w.k.members(id)) == 2 && exists(w.layout.ControlSocket(w.name))
		})
		unix.Kill(w.init().PID, unix.SIGKILL)
	}
	w.eventually("the supervisor's end", func() bool { return !exists(w.layout.Run(w.name)) })
	if j, err := w.k.Lookup(w.name); !errors.Is(err, secmodel.ErrNoJail) {
		t.Errorf("the jail: %+v, %v", j, err)
	}
	if s := strings.Join(w.lines("supervisor", "err"), "\n"); !strings.Contains(s, "jail web: jail-init died 6 times in a row: jail-init was killed by SIGKILL") {
		t.Errorf("log:\n%s", s)
	}
}

func TestReadiness(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	flag := filepath.Join(t.TempDir(), "flag")
	probe := filepath.Join(t.TempDir(), "probe")
	if err := os.WriteFile(probe, fmt.Appendf(nil, "#!/bin/sh\ntest -e %s\n", flag), 0o700); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, sh("tcp", "exec sleep 1000", fmt.Sprintf("ready = \"tcp:%d\"", port))+
		sh("exec", "exec sleep 1000", fmt.Sprintf("ready = \"exec:%s\"", probe))+
		sh("fd", "sleep 0.2; echo ready >&4; exec sleep 1000", `ready = "fd:4"`)+
		sh("closes", "exec 3>&-; exec sleep 1000", `ready = "fd:3"`))
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { done <- Start(ctx, w.name, nil) }()
	w.eventually("fd is ready", func() bool { return exists(w.layout.ControlSocket(w.name)) && w.service("fd").State == "ready" })
	for _, name := range []string{"tcp", "exec", "closes"} {
		if s := w.service(name); s.State != "starting" || !strings.HasPrefix(s.Reason, "is not ready yet") {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.eventually("tcp and exec are ready", func() bool { return w.service("tcp").State == "ready" && w.service("exec").State == "ready" })
	w.eventually("a word on closes", func() bool {
		return w.hasLine("jail-init", "err", "closes: closed descriptor 3 without a newline")
	})
	cancel()
	<-done
	w.mustStop()
}

func TestLongLinesKeepTheirTag(t *testing.T) {
	w := newWorld(t, sh("a", `head -c 20000 /dev/zero | tr '\0' x; echo; printf 'half'; exit 0`, `restart = "never"`))
	w.mustStart()
	w.eventually("the lines", func() bool { return len(w.lines("a", "out")) == 4 })
	w.mustStop()
	var got []string
	logs.Read(w.layout.Log(w.name), logs.Filter{Services: []string{"a"}}, func(l logs.Line) error {
		got = append(got, fmt.Sprintf("%s %s %v %d", l.Service, l.Stream, l.Full, len(l.Text)))
		return nil
	})
	want := []string{"a out false 8192", "a out false 8192", "a out true 3616", "a out false 4"}
	if strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("got %q", got)
	}
}

// A service starts with its own limits, else with the jail's, else with those
// that jail-init was started with; and none of them binds jail-init, nor is
// anything that it needs for a start under them.
func TestLimits(t *testing.T) {
	const print = `ulimit -S -n; ulimit -H -n; ulimit -c; echo >&3; exec sleep 1000`
	was := unix.Rlimit{}
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	// Told by this Go does not raise the soft limit for its children, nor put
	// another one back.
	if err := syscall.Setrlimit(unix.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 321, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(unix.RLIMIT_NOFILE, &syscall.Rlimit{Cur: was.Cur, Max: was.Max}); err != nil {
			t.Error(err)
		}
	}()
	w := newWorld(t, "limits = { core = 0 }\n"+sh("given", print, `ready = "fd:3"`))
	w.mustStart()
	want := func(name string, lines ...any) {
		t.Helper()
		w.eventually("the limits of "+name, func() bool {
			return strings.Join(w.lines(name, "out"), " ") == strings.TrimSuffix(fmt.Sprintln(lines...), "\n")
		})
	}
	want("given", 321, was.Max, 0)
	w.mustStop()

	// The kernel may have lower ones than the definition.
	w = newWorld(t, sh("given", print, `ready = "fd:3"`)+sh("low", print, `ready = "fd:3"`, `limits = { files = 20, core = 0 }`)+
		sh("above", print, `ready = "fd:3"`, `limits = { files = 25, core = 1 }`))
	if err := w.k.Set(1, secmodel.Change{Limits: &[]secmodel.Limit{{Resource: 4}, {Resource: 8, Soft: 21, Hard: 22}}}); err != nil {
		t.Fatal(err)
	}
	w.mustStart()
	want("given", 21, 22, 0)
	want("low", 20, 20, 0)
	want("above", 22, 22, 0)
	w.mustStop()

	// Of descriptors it needs more than they may have, and no CPU time at all.
	var services string
	for i := range 20 {
		services += sh(fmt.Sprint("s", i), print, `ready = "fd:3"`)
	}
	own := sh("own", print, `ready = "fd:3"`, `limits = { files = { soft = 19, hard = 22 } }`)
	few := sh("few", `ulimit -n; cp /etc/passwd /dev/fd/9; exec sleep 1000`, `ready = "fd:9"`, `limits = { files = 5 }`)
	w = newWorld(t, "limits = { files = { soft = 29, hard = 30 }, core = 0, cpu = 1, stack = \"1 MB\", address-space = \"64 MB\" }\n"+services+own+few)
	w.mustStart()
	want("s0", 29, 30, 0)
	want("s19", 29, 30, 0)
	want("own", 19, 22, 0)
	want("few", 5)
	var l unix.Rlimit
	if err := unix.Prlimit(w.init().PID, unix.RLIMIT_NOFILE, nil, &l); err != nil || l.Max != was.Max || l.Cur != was.Max {
		t.Errorf("jail-init's own: %+v, %v", l, err)
	}
	unix.Kill(w.service("own").PID, unix.SIGKILL)
	w.eventually("a restart", func() bool { s := w.service("own"); return s.Restarts == 1 && s.State == "ready" })
	want("own", 19, 22, 0, 19, 22, 0)
	w.mustStop()
}

// No descriptor of a service has a name on the host, whose mode root in the
// jail could change.
func TestDescriptorsOfServices(t *testing.T) {
	w := newWorld(t, sh("a", `cat; for i in 0 1 2; do readlink /proc/self/fd/$i | sed 's/[0-9]*//g'; done; exec sleep 1000`))
	w.mustStart()
	w.eventually("the lines", func() bool { return len(w.lines("a", "out")) == 3 })
	if got := fmt.Sprint(w.lines("a", "out")); got != "[pipe:[] pipe:[] pipe:[]]" {
		t.Errorf("descriptors: %s", got)
	}
	w.mustStop()
}

// one is the only result, as a status and an error.
func one(results []control.Result) (control.Service, error) {
	if r := results[0]; r.Service != nil {
		return *r.Service, r.Err
	}
	return control.Service{}, results[0].Err
}

func TestServiceRequests(t *testing.T) {
	w := newWorld(t, sh("a", "exec sleep 1000")+sh("bad", "exit 1", `delay = "1ms"`, "limit = 2", `ready = "fd:3"`))
	var failed *ServiceError
	if err := w.start(); !errors.As(err, &failed) {
		t.Fatal(err)
	}
	c, err := control.Dial(w.ctx(patience), w.layout.ControlSocket(w.name))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	pid := w.service("a").PID
	for _, r := range []struct {
		op, service, state, err string
	}{
		{control.OpStop, "a", "down", ""},
		{control.OpStop, "a", "down", ""},
		{control.OpKill, "a", "", "service a has no process; it is down"},
		{control.OpStart, "a", "ready", ""},
		{control.OpRestart, "a", "ready", ""},
		{control.OpClear, "bad", "down", ""},
		{control.OpStart, "bad", "", "service bad is failed: exited 1; started 2 times in 10 s"},
		{control.OpStart, "none", "", `jail web has no service "none"`},
		{control.OpStart, "", "", `the request "start" names no service`},
		{"nonsense", "a", "", `unknown request "nonsense"`},
	} {
		s, err := one(c.Services(w.ctx(patience), r.op, []string{r.service}, 0))
		var refused *control.Refused
		if r.err != "" && (!errors.As(err, &refused) || err.Error() != r.err) || r.err == "" && (err != nil || s.State != r.state) {
			t.Errorf("%s %s: %+v %v", r.op, r.service, s, err)
		}
	}
	if now := w.service("a").PID; now == pid || now == 0 {
		t.Errorf("the process was %d, is %d", pid, now)
	}
	if _, err := one(c.Services(w.ctx(patience), control.OpKill, []string{"a"}, int(unix.SIGKILL))); err != nil {
		t.Error(err)
	}
	w.eventually("a restart", func() bool { s := w.service("a"); return s.Restarts == 1 && s.State == "ready" })
	w.mustStop()
}

// What clients send can not hurt jail-init.
func TestBadClients(t *testing.T) {
	w := newWorld(t, sh("a", "exec sleep 1000"))
	w.mustStart()
	pid := w.init().PID
	for _, socket := range []string{w.layout.ControlSocket(w.name), Socket(w.layout, w.name)} {
		for _, data := range []string{"", "x", "\x00\x00\x00\x02{]", "\xff\xff\xff\xff", "\x00\x00\x00\x00", "\x00\x00\x00\x04null", "\x00\x00\x00\x0e{\"op\":\"setup\"}",
			"\x00\x00\x00\x11{\"op\":\"streams\"}  ", "\x00\x00\xff\xff", "\x00\x00\x00\x2c{\"op\":\"done\",\"streams\":[{\"service\":\"a\"}]}     "} {
			conn, err := net.Dial("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write([]byte(data)); err != nil {
				t.Fatal(err)
			}
			conn.Close()
		}
		// Descriptors that nobody asked for are closed.
		fd, err := control.Connect(socket)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if err := unix.Sendmsg(fd, []byte{0}, unix.UnixRights(0, 1, 2, fd), nil, 0); err != nil {
				break
			}
		}
		defer unix.Close(fd)
		// More than it serves at one time.
		w.eventually("one too many to be told so", func() bool {
			c, err := control.Dial(w.ctx(patience), socket)
			if err != nil { // more than wait to be accepted
				return false
			}
			w.Cleanup(func() { c.Close() })
			_, err = c.Status(w.ctx(5 * time.Second))
			return err != nil && err.Error() == "64 others ask at present, which is the most; try again"
		})
	}
	// Those above still hold their places: only closing frees them.
	w.eventually("descriptors", func() bool {
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		return err == nil && len(fds) < 90
	})
	if unix.Kill(pid, 0) != nil {
		t.Fatal("jail-init died")
	}
	unix.Kill(pid, unix.SIGTERM)
	w.eventually("the end", func() bool {
		_, err := os.Stat(w.layout.Run(w.name))
		return os.IsNotExist(err)
	})
}
