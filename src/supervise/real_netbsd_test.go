package supervise

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/jailinit"
	"jails/src/logs"
	"jails/src/secmodel"
	"jails/tests/host"
)

// The tests of this file are of jails of the kernel's own: they need the model,
// and the jails' only program is this one.

// TestMain: the test program is also the supervisor and jail-init that the
// tests start, and, in the jail, the services and what is asked about them.
func TestMain(m *testing.M) {
	if play := roles[filepath.Base(os.Args[0])]; play != nil {
		os.Exit(play())
	}
	if name, ok := strings.CutPrefix(os.Args[0], "jailctl: supervise "); ok {
		c, err := secmodel.Open()
		var events *secmodel.Client // of its own: who waits keeps others from it
		if err == nil {
			events, err = secmodel.Open()
		}
		if err == nil {
			err = Run(name, "", c, events, func(error) {})
		}
		os.Exit(exit.Code(err))
	}
	host.Main(m)
}

// roles are the programs, by their names.
var roles = map[string]func() int{
	"jail-init": func() int { return jailinit.Main(nil, nil, nil, os.Stderr) },
	"idle":      idle,
	"limits":    limits,
	"crash": func() int {
		fmt.Println(os.Getpid())
		return 3
	},
	"finish": func() int {
		fmt.Printf("%s %s %s,%s %s\n", os.Getenv("JAIL_SERVICE"), os.Getenv("JAIL_PID"), os.Getenv("JAIL_EXIT"), os.Getenv("JAIL_SIGNAL"), os.Getenv("WHO"))
		if os.Getenv("JAIL_EXIT") == "3" {
			return 125
		}
		signal.Ignore(unix.SIGTERM)
		return idle()
	},
	"check": func() int {
		if exists("/tmp/slow") {
			return idle()
		}
		if exists("/tmp/ill") {
			return 4
		}
		return 0
	},
	// Signs of life until it is told to be silent.
	"beat": func() int {
		pipe := os.NewFile(3, "pipe")
		for _, err := fmt.Fprintln(pipe); err == nil && !exists("/tmp/silent"); _, err = fmt.Fprint(pipe, ".") {
			time.Sleep(100 * time.Millisecond)
		}
		return idle()
	},
	"denied": denied,
	"logger": logger,
	"closes": func() int {
		pipe := os.NewFile(3, "pipe")
		if _, err := fmt.Fprintln(pipe); err != nil {
			return 1
		}
		pipe.Close()
		return idle()
	},
}

func idle() int {
	time.Sleep(time.Hour)
	return 0
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// patience is for an emulator on a machine with much else to do.
const patience = 2 * time.Minute

// theWorld is a prefix of its own with one jail.
type theWorld struct {
	*testing.T
	model  *secmodel.Client
	layout jail.Layout
	root   string
	id     secmodel.ID
}

const name = "web"

func newWorld(t *testing.T, services string) *theWorld {
	t.Helper()
	model, err := secmodel.Open()
	if errors.Is(err, secmodel.ErrNoModel) {
		t.Skip("the kernel has no model; load it, as make vm-test does for these tests")
	}
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "sv") // short: sockets' paths are
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("JAILS_PREFIX", dir)
	w := &theWorld{T: t, model: model, layout: jail.Paths(), root: filepath.Join(dir, "root")}
	for _, d := range []string{w.layout.Definitions(), w.root, filepath.Join(w.root, "etc"), filepath.Join(w.root, "tmp"), filepath.Join(w.root, "var/run"), filepath.Join(w.root, "dev")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.write("etc/passwd", "root:x:0:0:root:/:/bin/sh\n")
	w.write("etc/group", "wheel:x:0:\n")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.root, "idle"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	for role := range roles {
		if err := os.Link(filepath.Join(w.root, "idle"), filepath.Join(w.root, role)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(w.layout.Definition(name), fmt.Appendf(nil, "root = %q\n%s", w.root, services), 0o600); err != nil {
		t.Fatal(err)
	}
	if w.id, err = model.Create(name, w.root, secmodel.Config{Level: secmodel.High}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.clean)
	return w
}

// clean leaves nothing behind, whatever the test did.
func (w *theWorld) clean() {
	if w.Failed() {
		b, err := os.ReadFile(w.layout.Current(name))
		w.Logf("log (%v):\n%s", err, b)
		if Running(name) {
			if err := Stop(w.ctx(), name, 0, nil); err != nil {
				w.Error(err)
			}
		}
	}
	if err := w.model.End(w.ctx(), w.id); err != nil {
		w.Error(err)
	}
	if err := w.model.Close(); err != nil {
		w.Error(err)
	}
	// The supervisor is our child: Start leaves it to us.
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if pid <= 0 || err != nil {
			return
		}
	}
}

func (w *theWorld) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	w.Cleanup(cancel)
	return ctx
}

// write makes a file in the jail.
func (w *theWorld) write(path, text string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.root, path), []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
}

func (w *theWorld) remove(path string) {
	w.Helper()
	if err := os.Remove(filepath.Join(w.root, path)); err != nil {
		w.Fatal(err)
	}
}

func (w *theWorld) mustStart() {
	w.Helper()
	if err := Start(w.ctx(), name, nil); err != nil {
		w.Fatalf("start: %v", err)
	}
}

func (w *theWorld) mustStop() {
	w.Helper()
	if err := Stop(w.ctx(), name, 0, nil); err != nil {
		w.Fatalf("stop: %v", err)
	}
	if _, err := w.model.Lookup(name); !errors.Is(err, secmodel.ErrNoJail) {
		w.Errorf("after the stop the jail is in the kernel: %v", err)
	}
}

// do asks jail-init something about a service.
func (w *theWorld) do(op, service string) control.Service {
	w.Helper()
	c, err := control.Dial(w.ctx(), w.layout.ControlSocket(name))
	if err != nil {
		w.Fatal(err)
	}
	defer c.Close()
	r := c.Services(w.ctx(), op, []string{service}, 0)
	if len(r) != 1 || r[0].Err != nil {
		w.Fatalf("%s %s: %+v", op, service, r)
	}
	return *r[0].Service
}

func (w *theWorld) service(service string) control.Service {
	w.Helper()
	return w.do(control.OpStatus, service)
}

// died is the oldest death that a service remembers.
func (w *theWorld) died(service string) control.Death {
	w.Helper()
	if d := w.service(service).Deaths; len(d) > 0 {
		return d[0]
	}
	return control.Death{}
}

// lines is what a service's stream has in the log so far.
func (w *theWorld) lines(service, stream string) []string {
	w.Helper()
	var list []string
	err := logs.Read(w.layout.Log(name), logs.Filter{Services: []string{service}, Stream: stream}, func(l logs.Line) error {
		list = append(list, string(l.Text))
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		w.Fatal(err)
	}
	return list
}

func (w *theWorld) eventually(what string, ok func() bool) {
	w.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	w.Fatalf("not within %s: %s", patience, what)
}

// runs is the definition of a service whose command is a role.
func runs(service, role string, more ...string) string {
	return fmt.Sprintf("[[service]]\nname = %q\ncommand = [\"/%s\"]\n%s\n", service, role, strings.Join(more, "\n"))
}

func TestFinishInAJail(t *testing.T) {
	w := newWorld(t, runs("crash", "crash", `finish = ["/finish"]`, `environment = { WHO = "me" }`, `ready = "fd:3"`)+
		runs("stubborn", "idle", `finish = ["/finish"]`, `stop = { timeout = "500ms" }`)+
		runs("lost", "crash", `finish = ["/no/such"]`, `ready = "fd:3"`, "limit = 2", `delay = "1ms"`))
	if err := Start(w.ctx(), name, nil); err == nil || !strings.Contains(err.Error(), "crash failed: exited 3; its finish command forbids another start") {
		t.Errorf("start: %v", err)
	}
	w.eventually("the lines of crash", func() bool { return len(w.lines("crash", "out")) >= 2 })
	if got := w.lines("crash", "out"); len(got) != 2 || got[1] != "crash "+got[0]+" 3, me" {
		t.Errorf("%q", got)
	}
	w.eventually("the end of lost", func() bool { return w.service("lost").State == "failed" })
	if s := w.service("lost"); s.Restarts != 1 {
		t.Errorf("a finish command that can not start: %+v", s)
	}
	pid := w.service("stubborn").PID
	if s := w.do(control.OpStop, "stubborn"); s.State != "down" {
		t.Errorf("%+v", s)
	}
	if got := fmt.Sprintf("%q", w.lines("stubborn", "out")); got != fmt.Sprintf("[\"stubborn %d ,TERM \"]", pid) {
		t.Errorf("%s", got)
	}
	w.mustStop()
	own := strings.Join(w.lines("jail-init", "err"), "\n")
	for _, want := range []string{"crash: finishing: exited 3; its finish command runs", "crash: its finish command: exited 125",
		"stubborn: its finish command: killed by KILL", "lost: its finish command: start /no/such as root: no such file"} {
		if !strings.Contains(own, want) {
			t.Errorf("jail-init did not say %q:\n%s", want, own)
		}
	}
}

func TestHealthInAJail(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // the queue of connections is short
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			c.Close()
		}
	}()
	w := newWorld(t, runs("program", "idle", `health = { check = "exec:/check", interval = "10ms", timeout = "5s", failures = 3 }`, `restart = "on-failure"`)+
		runs("port", "idle", fmt.Sprintf(`health = { check = "tcp:%s", interval = "10ms", failures = 1 }`, l.Addr()), `restart = "never"`))
	w.mustStart()
	first := w.service("program").PID
	w.write("tmp/ill", "")
	w.eventually("a restart", func() bool { return w.service("program").Restarts > 0 })
	w.remove("tmp/ill")
	if d := w.died("program"); d.PID != first || d.Why != "3 health checks failed: /check exited 4" || d.Exit.Signal != int(syscall.SIGTERM) {
		t.Errorf("%+v, the process was %d", d, first)
	}
	w.eventually("health", func() bool { s := w.service("program"); return s.State == "ready" && s.Reason == "" })
	second := w.service("program")
	w.write("tmp/slow", "")
	w.eventually("a check that takes too long", func() bool {
		s := w.service("program")
		return s.PID != second.PID || strings.HasSuffix(s.Reason, " of 3 health checks failed: /check took longer than 5s")
	})
	w.remove("tmp/slow")
	if s := w.service("port"); s.State != "ready" || s.Reason != "" {
		t.Errorf("%+v", s)
	}
	l.Close()
	w.eventually("the end of what is never restarted", func() bool { return w.service("port").State == "failed" })
	// A connection that was in the queue is reset.
	const form = "1 health checks failed: %s: connection %s; killed by TERM"
	if s := w.service("port"); s.Reason != fmt.Sprintf(form, l.Addr(), "refused") && s.Reason != fmt.Sprintf(form, l.Addr(), "reset by peer") {
		t.Error(s.Reason)
	}
	w.mustStop()
}

func TestWatchdogInAJail(t *testing.T) {
	w := newWorld(t, runs("beats", "beat", `ready = "fd:3"`, `watchdog = "5s"`)+
		runs("closes", "closes", `ready = "fd:3"`, `watchdog = "5s"`, `restart = "never"`))
	w.mustStart()
	first := w.service("beats").PID
	w.eventually("the end of one that gives no sign", func() bool { return w.service("closes").State == "failed" })
	if s := w.service("closes"); s.Reason != "no sign of life for 5s; killed by TERM" {
		t.Errorf("%+v", s)
	}
	if s := w.service("beats"); s.PID != first || s.State != "ready" {
		t.Errorf("it gives signs of life and was restarted: %+v", s)
	}
	w.write("tmp/silent", "")
	w.eventually("the end of one that is silent", func() bool { return w.died("beats").PID == first })
	if d := w.died("beats"); d.Why != "no sign of life for 5s" {
		t.Errorf("%+v", d)
	}
	w.mustStop()
}

func (w *theWorld) supervisor() control.Status {
	w.Helper()
	c, err := control.Dial(w.ctx(), Socket(w.layout, name))
	if err != nil {
		w.Fatal(err)
	}
	defer c.Close()
	s, err := c.Status(w.ctx())
	if err != nil {
		w.Fatal(err)
	}
	return s
}

func (w *theWorld) killSupervisor() {
	w.Helper()
	if err := unix.Kill(w.supervisor().PID, unix.SIGKILL); err != nil {
		w.Fatal(err)
	}
	w.eventually("the supervisor's end", func() bool { return !Running(name) })
}

// A supervisor that is killed loses no service; the next one goes on with it.
// And where jail-init is killed, the jail is started afresh.
func TestDeathsInAJail(t *testing.T) {
	w := newWorld(t, runs("a", "idle"))
	w.mustStart()
	before := w.service("a")
	w.killSupervisor()
	w.mustStart()
	if now := w.service("a"); now.PID != before.PID || now.Restarts != 0 {
		t.Errorf("the service was restarted: %+v, %+v", before, now)
	}
	j, err := w.model.Lookup(name)
	if err != nil || j.ID != w.id || j.Init == 0 {
		t.Fatalf("%+v %v", j, err)
	}
	if err := unix.Kill(j.Init, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.eventually("another jail", func() bool {
		j, err := w.model.Lookup(name)
		return err == nil && j.ID != w.id && j.Processes == 2 && w.supervisor().State == "running"
	})
	w.mustStop()
}
