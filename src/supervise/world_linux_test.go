package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// The test program is also the supervisor and jail-init that the tests
// start.
func TestMain(m *testing.M) {
	k := marks{filepath.Join(os.Getenv("JAILS_PREFIX"), "kernel")}
	if os.Args[0] == "jail-init" {
		os.Exit(jailinit.Run(os.Stderr, func(id uint32) error { return k.Enter(secmodel.ID(id)) },
			filepath.Join(os.Getenv("JAILS_PREFIX"), "none/log"), filepath.Join(os.Getenv("JAILS_PREFIX"), "log"), filepath.Join(os.Getenv("JAILS_PREFIX"), "dev/log")))
	}
	if name, ok := strings.CutPrefix(os.Args[0], "jailctl: supervise "); ok {
		os.Exit(exit.Code(Run(name, "", k, k.events(), func(error) {})))
	}
	host.Main(m)
}

// world is a prefix of its own with a kernel of marks.
type world struct {
	*testing.T
	k      marks
	layout jail.Layout
	name   string
}

func newWorld(t *testing.T, services string) *world {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("not root, and no user namespace is allowed here; run as root")
	}
	dir, err := os.MkdirTemp("", "sv") // short: sockets' paths are
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("JAILS_PREFIX", dir)
	w := &world{T: t, k: marks{filepath.Join(dir, "kernel")}, layout: jail.Paths(), name: "web"}
	for _, d := range []string{w.k.dir, w.layout.Definitions()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.define(services)
	if _, err := w.k.Create(w.name, "/", secmodel.Config{Level: secmodel.High, Processes: 7, Ports: []secmodel.PortRange{{First: 80, Last: 81}}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.clean)
	return w
}

func (w *world) define(services string) {
	w.Helper()
	text := "root = \"/jail\"\nprocesses = 7\nports = [\"80-81\"]\n" + services
	if err := os.WriteFile(w.layout.Definition(w.name), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}

// clean leaves no process behind, whatever the test did.
func (w *world) clean() {
	if f, err := os.Open(w.layout.SupervisorLock(w.name)); err == nil {
		pid := 0
		fmt.Fscan(f, &pid)
		if pid > 0 && w.Failed() {
			unix.Kill(pid, unix.SIGKILL)
		} else if pid > 0 && unix.Kill(pid, 0) == nil {
			w.Errorf("supervisor %d still runs", pid)
			unix.Kill(pid, unix.SIGKILL)
		}
		f.Close()
	}
	for id := secmodel.ID(1); id < 20; id++ {
		if pids := w.k.members(id); len(pids) > 0 {
			if !w.Failed() {
				w.Errorf("jail %d still has processes %v", id, pids)
			}
			w.k.save(markedJail{ID: id})
			w.k.Kill(id, int(unix.SIGKILL))
		}
	}
	if w.Failed() {
		b, _ := os.ReadFile(w.layout.Current(w.name))
		if len(b) > 6000 {
			b = b[len(b)-6000:]
		}
		w.Logf("log:\n%s", b)
	}
	// The supervisors are our children: Start leaves them to us.
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if pid <= 0 || err != nil {
			return
		}
	}
}

func (w *world) ctx(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	w.Cleanup(cancel)
	return ctx
}

func (w *world) start() error {
	return Start(w.ctx(patience), w.name, nil)
}

// startUntil starts the jail, and waits for a step of that only.
func (w *world) startUntil(step string) error {
	ctx, cancel := context.WithCancel(w.ctx(patience))
	defer cancel()
	return Start(ctx, w.name, func(text string) {
		if strings.HasPrefix(text, step) {
			cancel()
		}
	})
}

func (w *world) mustStart() {
	w.Helper()
	if err := w.start(); err != nil {
		w.Fatalf("start: %v", err)
	}
}

func (w *world) mustStop() {
	w.Helper()
	if err := Stop(w.ctx(patience), w.name, 0, nil); err != nil {
		w.Fatalf("stop: %v", err)
	}
	if _, err := w.k.Lookup(w.name); !errors.Is(err, secmodel.ErrNoJail) {
		w.Errorf("after the stop the jail is in the kernel: %v", err)
	}
	if _, err := os.Stat(w.layout.Run(w.name)); !os.IsNotExist(err) {
		left, _ := filepath.Glob(w.layout.Run(w.name) + "/*")
		w.Errorf("after the stop there is %v", left)
	}
}

func (w *world) status(socket string) control.Status {
	w.Helper()
	c, err := control.Dial(w.ctx(patience), socket)
	if err != nil {
		w.Fatal(err)
	}
	defer c.Close()
	st, err := c.Status(w.ctx(5 * time.Second))
	if err != nil {
		w.Fatal(err)
	}
	return st
}

func (w *world) init() control.Status {
	w.Helper()
	return w.status(w.layout.ControlSocket(w.name))
}
func (w *world) supervisor() control.Status { w.Helper(); return w.status(Socket(w.layout, w.name)) }

func (w *world) service(name string) control.Service {
	w.Helper()
	for _, s := range w.init().Services {
		if s.Name == name {
			return s
		}
	}
	w.Fatalf("no service %s", name)
	return control.Service{}
}

// lines is what a service's stream has in the log so far.
func (w *world) lines(service, stream string) []string {
	w.Helper()
	var list []string
	err := logs.Read(w.layout.Log(w.name), logs.Filter{Services: []string{service}, Stream: stream}, func(l logs.Line) error {
		list = append(list, string(l.Text))
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		w.Fatal(err)
	}
	return list
}

func (w *world) eventually(what string, ok func() bool) {
	w.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	w.Fatalf("not within %s: %s", patience, what)
}

// patience is for a machine with much else to do.
const patience = time.Minute

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (w *world) hasLine(service, stream, text string) bool {
	for _, l := range w.lines(service, stream) {
		if l == text {
			return true
		}
	}
	return false
}

func sh(name, script string, more ...string) string {
	return fmt.Sprintf("[[service]]\nname = %q\ncommand = [\"/bin/sh\", \"-c\", %q]\n%s\n", name, script, strings.Join(more, "\n"))
}
