package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/event"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/jailinit"
	"jails/src/logs"
	"jails/src/secmodel"
)

// reload writes a definition and applies it.
func (w *world) reload(dry bool, services string) ([]control.Change, error) {
	w.Helper()
	w.define(services)
	def, err := w.layout.Load(w.name)
	if err != nil {
		w.Fatal(err)
	}
	return Reload(w.ctx(patience), def, dry, nil)
}

func (w *world) mustReload(services string, want ...control.Change) {
	w.Helper()
	for _, dry := range []bool{true, false} {
		got, err := w.reload(dry, services)
		if err != nil {
			w.Fatalf("reload, dry %v: %v", dry, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			w.Errorf("dry %v: %s", dry, diff)
		}
	}
}

func is(service string, what control.What, keys ...string) control.Change {
	return control.Change{Service: service, What: what, Keys: keys}
}

// numbered writes numbers until it is told to stop, and then the last one.
func numbered(name string, more ...string) string {
	return sh(name, `trap 'echo end; exit' TERM; i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done`, more...)
}

func TestReload(t *testing.T) {
	web, db, old := sh("web", "exec sleep 1000"), sh("db", "exec sleep 1000"), numbered("old")
	w := newWorld(t, web+db+old)
	w.mustStart()
	before := map[int][]string{}
	for _, pid := range []int{w.init().PID, w.supervisor().PID} {
		before[pid] = pipes(t, pid)
	}
	webPID, dbPID := w.service("web").PID, w.service("db").PID

	w.mustReload(web+db+old, is("", control.Unchanged), is("web", control.Unchanged), is("db", control.Unchanged), is("old", control.Unchanged))
	if w.service("web").PID != webPID || w.service("old").Restarts != 0 {
		t.Error("a reload of nothing has restarted something")
	}

	// What is obeyed in place.
	w.mustReload(sh("web", "exec sleep 1000", "limit = 9", `stop = { signal = "INT" }`, `finish = ["sh", "-c", "echo finished"]`)+db+old,
		is("", control.Unchanged), is("web", control.Changed, "limit", "stop", "finish"), is("db", control.Unchanged), is("old", control.Unchanged))
	if w.service("web").PID != webPID {
		t.Error("web was restarted")
	}

	// One restarted, one removed, one added, one left alone, whose order is
	// another; and the process from before ends as it was to end.
	w.mustReload(sh("new", "echo $$; echo >&3; exec sleep 1000", `ready = "fd:3"`)+sh("web", "exec sleep 2000", `after = ["new"]`)+db,
		is("", control.Unchanged), is("new", control.Added), is("web", control.Restarted, "command", "after", "limit", "stop", "finish"), is("db", control.Unchanged), is("old", control.Removed))
	if s := w.service("web"); s.PID == webPID || s.State != "ready" || w.died("web").Exit.Signal != int(unix.SIGINT) {
		t.Errorf("%+v, died %+v", s, w.died("web"))
	}
	if s := w.service("db"); s.PID != dbPID {
		t.Error("db was restarted")
	}
	if !w.hasLine("web", "out", "finished") || !w.hasLine("new", "out", fmt.Sprint(w.service("new").PID)) {
		t.Errorf("%q %q", w.lines("web", "out"), w.lines("new", "out"))
	}
	for _, s := range w.init().Services {
		if s.Name == "old" {
			t.Errorf("old is there still: %+v", s)
		}
	}
	w.eventually("all that old wrote", func() bool { return w.hasLine("old", "out", "end") })
	for i, l := range w.lines("old", "out") {
		if l != fmt.Sprint(i+1) && l != "end" {
			t.Fatalf("line %d is %q", i+1, l)
		}
	}

	// The place and the name of one that is gone.
	w.mustReload(numbered("old", `after = ["db"]`)+db+sh("third", "exec sleep 1000")+sh("fourth", "exec sleep 1000"),
		is("", control.Unchanged), is("old", control.Added), is("db", control.Unchanged), is("third", control.Added), is("fourth", control.Added),
		is("web", control.Removed), is("new", control.Removed))
	w.eventually("its lines", func() bool { l := w.lines("old", "out"); return len(l) > 2 && l[len(l)-1] != "end" })

	// The pipes of those that are gone are given back.
	w.mustReload(web+db+old, is("", control.Unchanged), is("web", control.Added), is("db", control.Unchanged), is("old", control.Changed, "after"),
		is("third", control.Removed), is("fourth", control.Removed))
	for _, pid := range []int{w.init().PID, w.supervisor().PID} {
		w.eventually(fmt.Sprintf("as few pipes of %d as before, %q", pid, before[pid]), func() bool { return len(pipes(t, pid)) == len(before[pid]) })
	}
	w.mustStop()
}

// pipes are those that a process has open.
func pipes(t *testing.T, pid int) (all []string) {
	t.Helper()
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if to, err := os.Readlink(name); err == nil && strings.HasPrefix(to, "pipe:") {
			all = append(all, to)
		}
	}
	return all
}

// The kernel's part and the log's; and that nothing is done if the kernel
// refuses.
func TestReloadJail(t *testing.T) {
	a := sh("a", "exec sleep 1000")
	w := newWorld(t, a)
	w.mustStart()
	pid := w.service("a").PID
	write := func(head, services string) {
		t.Helper()
		if err := os.WriteFile(w.layout.Definition(w.name), []byte("root = \"/jail\"\n"+head+"\n"+services), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	apply := func(dry bool) ([]control.Change, error) {
		def, err := w.layout.Load(w.name)
		if err != nil {
			t.Fatal(err)
		}
		return Reload(w.ctx(patience), def, dry, nil)
	}
	config := func() secmodel.Config {
		j, err := w.k.load(1)
		if err != nil {
			t.Fatal(err)
		}
		return j.Config
	}
	before := config()
	write("ports = [\"1\"]\nlevel = \"low\"\nprocesses = 7", sh("a", "exec sleep 2000")+"[log]\nkeep = \"3 x 1 MB\"")
	got, err := apply(false)
	if exit.Code(err) != exit.Temporary || !strings.Contains(err.Error(), secmodel.ErrPortTaken.Error()) || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	if diff := cmp.Diff(before, config()); diff != "" || w.service("a").PID != pid {
		t.Errorf("something has changed: %s", diff)
	}
	want := []control.Change{is("", control.Changed, "level", "ports", "log.keep", "log.full", "log.syslog"), is("a", control.Unchanged)}
	write("ports = [\"80\", \"90/udp\"]\nlevel = \"low\"\nprocesses = 7", a+"[log]\nkeep = \"3 x 1 MB\"\nfull = \"drop\"\nsyslog = { facility = \"daemon\" }")
	for _, dry := range []bool{true, false} {
		got, err = apply(dry)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("dry %v: %v %s", dry, err, diff)
		}
		if changed := len(config().Ports) == 2; changed == dry {
			t.Errorf("dry %v: %+v", dry, config())
		}
	}
	if w.service("a").PID != pid {
		t.Error("a was restarted")
	}
	if got, err = apply(false); err != nil || got[0].What != control.Unchanged {
		t.Errorf("a second time: %v, %v", got, err)
	}
	w.mustStop()
}

// A reload in which a service fails is done all the same, and says so; and
// what was failed, or about to be started again, is as its new definition.
func TestReloadFailures(t *testing.T) {
	w := newWorld(t, sh("bad", "exit 3", "limit = 1", `ready = "fd:3"`)+sh("again", "exit 4", `delay = "1h"`, `max-delay = "1h"`)+sh("down", "exec sleep 1000")+sh("b", "exec sleep 1000"))
	w.startUntil("bad is failed") // again is never ready
	c, err := control.Dial(w.ctx(patience), w.layout.ControlSocket(w.name))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := one(c.Services(w.ctx(patience), control.OpStop, []string{"down"}, 0)); err != nil {
		t.Fatal(err)
	}
	w.eventually("a delay", func() bool { return w.service("again").State == "backoff" })
	pid := w.service("b").PID
	w.mustReload(sh("bad", "exec sleep 1000")+sh("again", "exec sleep 1000", `delay = "1h"`, `max-delay = "1h"`)+sh("down", "exec sleep 2000")+sh("b", "exec sleep 1000"),
		is("", control.Unchanged), is("bad", control.Restarted, "command", "ready", "limit"), is("again", control.Restarted, "command"),
		is("down", control.Changed, "command"), is("b", control.Unchanged))
	for name, want := range map[string]string{"bad": "ready", "again": "ready", "down": "down"} {
		if s := w.service(name); s.State != want {
			t.Errorf("%+v", s)
		}
	}
	w.eventually("the end of the start", func() bool { st := w.supervisor(); return st.State == "running" && st.Reason == "" })
	changes, err := w.reload(false, sh("bad", "exit 5", "limit = 1", `ready = "fd:3"`)+sh("b", "exec sleep 1000"))
	failed := new(ServiceError)
	if !errors.As(err, &failed) || failed.Reason != "bad failed: exited 5" {
		t.Errorf("%v", err)
	}
	want := []control.Change{is("", control.Unchanged), is("bad", control.Restarted, "command", "ready", "limit"), is("b", control.Unchanged),
		is("again", control.Removed), is("down", control.Removed)}
	if diff := cmp.Diff(want, changes); diff != "" || w.service("b").PID != pid {
		t.Error(diff)
	}
	w.mustStop()
}

// A supervisor that has adopted a jail knows what that runs, and not only what
// its definition says; and what a service left in its pipes while there was no
// supervisor is not lost when a reload removes it.
func TestReloadAdopted(t *testing.T) {
	a, old := sh("a", "exec sleep 1000"), numbered("old")
	w := newWorld(t, a+old+sh("slow", `trap "" TERM; while :; do sleep 0.1; done`, `stop = { timeout = "1h" }`))
	w.mustStart()
	pid := w.service("a").PID
	// It dies while slow is about to end.
	w.define(a)
	def, err := w.layout.Load(w.name)
	if err != nil {
		t.Fatal(err)
	}
	died := make(chan error)
	go func() {
		_, err := Reload(w.ctx(patience), def, false, nil)
		died <- err
	}()
	w.eventually("the reload", func() bool { return w.service("slow").State == "stopping" })
	w.eventually("the end of old", func() bool { return w.hasLine("old", "out", "end") })
	w.killSupervisor()
	if err := <-died; exit.Code(err) != exit.Temporary || !strings.Contains(err.Error(), "died in the midst of the reload") {
		t.Errorf("%v", err)
	}
	if _, err := w.reload(false, a); !errors.Is(err, ErrNotRunning) {
		t.Errorf("without a supervisor: %v", err)
	}
	w.define(sh("a", "exec sleep 2000") + sh("b", "exec sleep 1000"))
	w.mustStart() // what ends is not waited for
	w.eventually("what runs", func() bool { return w.supervisor().State == "running" })
	w.mustReload(sh("a", "exec sleep 1000"), is("", control.Unchanged), is("a", control.Unchanged))
	if w.service("a").PID != pid {
		t.Error("a was restarted")
	}
	c, err := control.Dial(w.ctx(patience), w.layout.ControlSocket(w.name))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := one(c.Services(w.ctx(patience), control.OpKill, []string{"slow"}, int(unix.SIGKILL))); err == nil {
		t.Error("a service that is removed can be controlled still")
	}
	if err := unix.Kill(w.service("slow").PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.eventually("the end of slow", func() bool { return len(w.init().Services) == 1 })
	// It comes back with the pipes that it had, or with others.
	w.mustReload(a+old, is("", control.Unchanged), is("a", control.Unchanged), is("old", control.Added))
	w.eventually("its lines", func() bool { l := w.lines("old", "out"); return len(l) > 2 && l[len(l)-1] != "end" })

	// A definition larger than what others may ask with.
	large := sh("a", "exec sleep 1000", fmt.Sprintf("environment = { A = %q, B = %q }", strings.Repeat("x", 50000), strings.Repeat("y", 50000)))
	w.mustReload(large+old, is("", control.Unchanged), is("a", control.Restarted, "environment"), is("old", control.Unchanged))

	// The same, where jail-init dies and is started anew.
	w.killSupervisor()
	w.define(sh("other", "exec sleep 1000"))
	w.mustStart()
	unix.Kill(w.init().PID, unix.SIGKILL)
	w.eventually("another jail-init", func() bool { st := w.supervisor(); return st.State == "running" && st.ID == 2 })
	if got := w.init().Services; len(got) != 2 || got[0].Name != "a" || got[1].Name != "old" {
		t.Errorf("after the death of jail-init: %+v", got)
	}
	w.mustStop()
}

// jail-init dies in the midst of a reload: the one who asked hears of it, and a
// second reload does what is left.
func TestReloadInitDies(t *testing.T) {
	a := sh("a", "exec sleep 1000")
	w := newWorld(t, a)
	w.mustStart()
	w.define(a + sh("never", "exec sleep 1000", `ready = "fd:3"`))
	def, err := w.layout.Load(w.name)
	if err != nil {
		t.Fatal(err)
	}
	died, init := make(chan error), w.init().PID
	go func() {
		_, err := Reload(w.ctx(patience), def, false, func(string) { unix.Kill(init, unix.SIGKILL) })
		died <- err
	}()
	if err := <-died; exit.Code(err) != exit.Temporary || !strings.Contains(err.Error(), "jail-init was killed by SIGKILL; the jail is started afresh") {
		t.Errorf("%v", err)
	}
	w.eventually("another jail", func() bool { _, err := w.k.load(2); return err == nil })
	w.eventually("its services", func() bool {
		c, err := control.Dial(w.ctx(patience), w.layout.ControlSocket(w.name))
		if err != nil {
			return false
		}
		defer c.Close()
		st, err := c.Status(w.ctx(patience))
		return err == nil && len(st.Services) == 2
	})
	w.mustReload(a, is("", control.Unchanged), is("a", control.Unchanged), is("never", control.Removed))
	w.mustStop()
}

// Whoever asked is gone, at whatever moment: the reload goes on, and another
// one may follow.
func TestReloadAbandoned(t *testing.T) {
	a := sh("a", "exec sleep 1000")
	w := newWorld(t, a)
	w.mustStart()
	for i := range 20 {
		script := fmt.Sprintf("exec sleep %d", 2000+i)
		w.define(sh("a", script) + sh("never", "exec sleep 1000", `ready = "fd:3"`))
		def, err := w.layout.Load(w.name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(def)
		if err != nil {
			t.Fatal(err)
		}
		// A request, and the end of the connection, the first time at once.
		fd, err := control.Connect(Socket(w.layout, w.name))
		if err == nil {
			err = unix.SetNonblock(fd, false)
		}
		if err == nil {
			err = control.Transmit(fd, &control.Message{ID: 1, Op: control.OpReload, Setup: data})
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * time.Millisecond)
		unix.Close(fd)
		if i == 0 {
			w.eventually("what was asked for", func() bool { return len(w.init().Services) == 2 })
		}
	}
	pid := w.service("a").PID
	for { // one that is under way is not disturbed
		changes, err := w.reload(false, sh("a", "exec sleep 3000"))
		if err == nil {
			if want := []control.Change{is("", control.Unchanged), is("a", control.Restarted, "command"), is("never", control.Removed)}; !cmp.Equal(changes, want) {
				t.Errorf("%+v", changes)
			}
			break
		}
		if !strings.Contains(err.Error(), "another reload of jail web is under way; try again") || exit.Code(err) != exit.Temporary {
			t.Fatal(err)
		}
	}
	if s := w.service("a"); s.PID == pid || s.State != "ready" || len(w.init().Services) != 1 {
		t.Errorf("%+v", s)
	}
	w.mustStop()
}

// When jail-init has no room for more pipes nothing is changed, not even the
// kernel's jail.
func TestReloadNoRoom(t *testing.T) {
	a := sh("a", "exec sleep 1000")
	w := newWorld(t, a)
	w.mustStart()
	pid, init := w.service("a").PID, w.init().PID
	// With that of who asks for its state two are free: less than two pipes.
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", init))
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]bool{}
	for _, n := range names {
		open[n.Name()] = true
	}
	var l unix.Rlimit
	for free := 0; free < 1; l.Cur++ {
		if !open[fmt.Sprint(l.Cur)] {
			free++
		}
	}
	l.Max = l.Cur
	if err := unix.Prlimit(init, unix.RLIMIT_NOFILE, &l, nil); err != nil {
		t.Fatal(err)
	}
	text := "root = \"/jail\"\nprocesses = 8\nports = [\"80-81\"]\n" + sh("a", "exec sleep 2000") + sh("b", "exec sleep 1000")
	if err := os.WriteFile(w.layout.Definition(w.name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	def, err := jail.Paths().Load(w.name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Reload(w.ctx(patience), def, false, nil)
	if exit.Code(err) != exit.Temporary || !strings.Contains(err.Error(), "a pipe for service b: too many open files") {
		t.Errorf("%v", err)
	}
	if j, err := w.k.load(1); err != nil || j.Config.Processes != 7 || w.service("a").PID != pid {
		t.Errorf("something has changed: %+v %v", j, err)
	}
	w.mustStop()
}

// The jail's limits are changed in the kernel, and a service that starts with
// others is restarted: not one that has its own.
func TestReloadLimits(t *testing.T) {
	const print = `ulimit -n; ulimit -f; exec sleep 1000`
	own := func(n int) string { return sh("own", print, fmt.Sprintf("limits = { files = %d }", n)) }
	w := newWorld(t, "limits = { files = 50 }\n"+sh("a", print)+own(20))
	if err := w.k.Set(1, secmodel.Change{Limits: &[]secmodel.Limit{{Resource: 8, Soft: 50, Hard: 50}}}); err != nil {
		t.Fatal(err)
	}
	w.mustStart()
	want := func(name, limits string) {
		t.Helper()
		w.eventually("the limits of "+name, func() bool { return strings.HasSuffix(strings.Join(w.lines(name, "out"), " "), limits) })
	}
	w.mustReload("limits = { files = 60 }\n"+sh("a", print)+own(20), is("", control.Changed, "limits"), is("a", control.Restarted, "limits"), is("own", control.Unchanged))
	want("a", "60 unlimited")
	w.mustReload("limits = { files = 60 }\n"+sh("a", print)+own(30), is("", control.Unchanged), is("a", control.Unchanged), is("own", control.Restarted, "limits"))
	want("own", "30 unlimited")
	w.mustReload("limits = { files = 60, file-size = 0 }\n"+sh("a", print)+own(30), is("", control.Changed, "limits"), is("a", control.Restarted, "limits"), is("own", control.Restarted, "limits"))
	want("a", "60 0")
	want("own", "30 0")
	w.mustReload(sh("a", print, "limits = { files = 60, file-size = 0 }")+own(30), is("", control.Changed, "limits"), is("a", control.Unchanged), is("own", control.Restarted, "limits"))
	want("own", "30 unlimited")
	if j, err := w.k.load(1); err != nil || len(j.Config.Limits) != 0 {
		t.Errorf("%+v %v", j, err)
	}
	w.mustStop()
}

func (w *world) killSupervisor() {
	w.Helper()
	b, err := os.ReadFile(filepath.Join(w.layout.Run(w.name), "supervisor.lock"))
	pid := 0
	if err == nil {
		_, err = fmt.Sscan(string(b), &pid)
	}
	if err == nil {
		err = unix.Kill(pid, unix.SIGKILL)
	}
	if err != nil {
		w.Fatal(err)
	}
	w.eventually("its end", func() bool { return !Running(w.name) })
}

// setter is a kernel that counts changes.
type setter struct {
	Kernel
	sets int
}

func (k *setter) Lookup(string) (secmodel.Jail, error)   { return secmodel.Jail{}, nil }
func (k *setter) Ports() ([]secmodel.PortOwner, error)   { return nil, nil }
func (k *setter) Set(secmodel.ID, secmodel.Change) error { k.sets++; return nil }

// What jail-init says twice is done once.
func TestReloadAnsweredTwice(t *testing.T) {
	loop, err := event.New()
	if err != nil {
		t.Fatal(err)
	}
	defer loop.Close()
	pair, err := control.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[1])
	k, log := &setter{}, jail.Log{Compress: new(bool)}
	s := &supervisor{loop: loop, kernel: k, logging: log, log: logs.NewWriter(loop, &logs.File{Dir: t.TempDir(), Keep: 1, Size: 1 << 20}, nil, false, nil)}
	defer s.log.Close()
	if err := s.connect(pair[0]); err != nil {
		t.Fatal(err)
	}
	defer s.init.Close()
	s.reload = &reload{id: reloadID + 1, def: &jail.Definition{Name: "web", Level: "low", Processes: 7, Log: log}, setup: &jailinit.Setup{}}
	s.reloads = 1
	for range 3 {
		s.told(&control.Message{ID: reloadID + 1, Op: control.OpDone}, nil)
	}
	loop.After(100*time.Millisecond, loop.Stop)
	if err := loop.Run(); err != nil {
		t.Fatal(err)
	}
	if k.sets != 1 || s.reloads != 2 || !s.reload.asked {
		t.Errorf("%d changes, request %d, %+v", k.sets, s.reloads, s.reload)
	}
}
