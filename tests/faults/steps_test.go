package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/logs"
	"jails/tests/host"
)

// steps are where a verb can be held: each is a gate at which one of the jail's
// programs waits.
var steps = []struct {
	verb  string
	gates []string
}{
	{"start", []string{"db starts", "prepare runs", "web starts"}},
	{"run", []string{""}},
	{"stop", []string{"web stops", "web finishes", "db stops"}},
	{"reload", []string{"web stops", "web finishes", "extra starts", "web starts"}},
}

var victims = []string{"jailmgr", "supervisor", "jail-init", "service"}

// states is how jailmgr status shows the jail after the victim's death, while
// the verb is held.
var states = map[string]map[string]string{
	"start":  {"jailmgr": "starting", "supervisor": "stopped", "jail-init": "restarting", "service": "starting"},
	"run":    {"supervisor": "failed", "jail-init": "running", "service": "running"},
	"stop":   {"jailmgr": "stopping", "supervisor": "stopping", "jail-init": "stopped", "service": "stopped"},
	"reload": {"jailmgr": "running", "supervisor": "failed", "jail-init": "running restarting", "service": "running"},
}

// fails are those after which the verb itself has failed.
var fails = map[string]int{
	"start supervisor": software, "reload supervisor": temporary, "reload jail-init": temporary,
}

// Of package exit, which would bring package net: programs in jails have no
// dynamic linker.
const software, temporary = 70, 75

// At each step of each verb each party is killed. The jail is then in the state
// that the manual has for that, jailmgr brings it into order, and nothing is
// left and no line is lost.
func TestKilledAtEachStep(t *testing.T) {
	h := host.New(t)
	root := newRoot(t, h)
	want := map[bool][2]int{}
	for _, reloaded := range []bool{false, true} {
		c := newCell(t, h, root, fmt.Sprintf("base%v", reloaded))
		c.must("start")
		if reloaded {
			c.define(true)
			c.must("reload")
		}
		c.running()
		want[reloaded] = c.files()
		c.must("stop")
		c.end()
	}
	files := modelFiles(t, h)
	n := 0
	for i, s := range steps {
		for j, gate := range s.gates {
			for k, victim := range victims {
				if s.verb == "run" && victim == "jailmgr" {
					continue // there is none
				}
				// The short form has each step once.
				if n++; os.Getenv(longVariable) == "" && (i+j+k)%len(victims) != 2 {
					continue
				}
				t.Run(fmt.Sprintf("%s, %s, kill %s", s.verb, gate, victim), func(t *testing.T) {
					c := newCell(t, h, root, fmt.Sprint("c", n))
					c.kill(s.verb, gate, victim)
					c.order(s.verb)
					c.filesAre(want[s.verb == "reload"])
					c.must("stop")
					c.end()
				})
			}
		}
	}
	// It closes those of processes that are gone when it collects its garbage.
	const late = 16
	if now := modelFiles(t, h); now > files+late {
		t.Errorf("the kernel model had %d descriptors, and has %d", files, now)
	}
}

func modelFiles(t *testing.T, h *host.Host) int {
	t.Helper()
	if pid := model(t, h); pid != 0 {
		return descriptors(t, pid)
	}
	return 0
}

// cell is one jail, whose programs wait at gates: fifos.
type cell struct {
	t      *testing.T
	h      *host.Host
	name   string
	root   string
	dir    string // of the gates
	gates  map[string]*os.File
	at     *os.File
	came   chan arrival
	wrote  map[int]int // lines, by process, at least
	mounts int         // the test's own
}

// arrival is a program at a gate.
type arrival struct {
	gate string
	pid  int
	n    int // lines that it has written
}

func newCell(t *testing.T, h *host.Host, root, name string) *cell {
	t.Helper()
	c := &cell{
		t: t, h: h, name: name, root: root, dir: filepath.Join(root, "tmp", name),
		gates: map[string]*os.File{}, came: make(chan arrival, 1000), wrote: map[int]int{},
	}
	if err := os.MkdirAll(filepath.Join(h.Dir, "etc/jails"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c.at = c.fifo("at")
	gates := []string{"never", "extra stops"}
	for _, s := range steps {
		gates = append(gates, s.gates...)
	}
	for _, gate := range gates {
		if gate != "" && c.gates[gate] == nil {
			c.gates[gate] = c.fifo(gate)
			if gate != "never" {
				c.open(gate)
			}
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var b []byte
		for piece := make([]byte, 4096); ; {
			n, err := c.at.Read(piece)
			if err != nil {
				return // it is closed
			}
			b = append(b, piece[:n]...)
			for line, rest, whole := bytes.Cut(b, []byte("\n")); whole; line, rest, whole = bytes.Cut(b, []byte("\n")) {
				f := strings.Split(string(line), ":")
				pid, _ := strconv.Atoi(f[1])
				n, _ := strconv.Atoi(f[2])
				c.came <- arrival{f[0], pid, n}
				b = rest
			}
		}
	}()
	t.Cleanup(func() {
		if t.Failed() { // the others' root is the same
			for gate := range c.gates {
				c.open(gate)
			}
			_, _ = h.Try("jailmgr", "stop", "-w", "1s", name) // it may have been stopped
		}
		for _, f := range c.gates {
			f.Close()
		}
		c.at.Close()
		<-done
	})
	c.define(false)
	return c
}

func (c *cell) fifo(name string) *os.File {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		c.t.Fatal(err)
	}
	// For reading and writing: nobody waits for the other end to be opened.
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

// open lets all pass who come to a gate.
func (c *cell) open(gate string) {
	c.t.Helper()
	if _, err := c.gates[gate].Write(bytes.Repeat([]byte("\n"), 100)); err != nil {
		c.t.Fatal(err)
	}
}

// shut lets nobody pass.
func (c *cell) shut(gate string) {
	c.t.Helper()
	fd, err := unix.Open(filepath.Join(c.dir, gate), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	defer unix.Close(fd)
	for {
		if _, err := unix.Read(fd, make([]byte, 4096)); err == unix.EAGAIN {
			return
		} else if err != nil {
			c.t.Fatal(err)
		}
	}
}

// define writes the definition: before, or as reload is to make it.
func (c *cell) define(changed bool) {
	c.t.Helper()
	dir := "/tmp/" + c.name
	daemon := func(name, more string) string {
		return service(name, "ready = \"fd:3\"\nstop = { timeout = \"60s\" }\n"+more, "cell", dir, name, "daemon")
	}
	more := fmt.Sprintf("after = [\"prepare\"]\nfinish = [%q, \"cell\", %q, \"web finishes\"]\n", program, dir)
	text := "log = { keep = \"10 x 10 MB\", socket = false }\n"
	text += daemon("db", "")
	text += service("prepare", "type = \"oneshot\"\nrestart = \"on-failure\"\nafter = [\"db\"]", "cell", dir, "prepare runs")
	if changed {
		more += "environment = { NEW = \"1\" }\n"
		text += daemon("extra", "after = [\"db\"]")
	}
	text += daemon("web", more)
	c.write(text)
}

// verb is a command that runs.
type verb struct {
	cmd  *exec.Cmd
	said host.Text
	over chan error
}

func (c *cell) begin(args ...string) *verb {
	c.t.Helper()
	return c.run("jailmgr", args...)
}

func (c *cell) run(name string, args ...string) *verb {
	c.t.Helper()
	v := &verb{over: make(chan error, 1)}
	v.cmd = c.h.Command(c.t.Context(), name, args...)
	v.cmd.Stdout, v.cmd.Stderr = &v.said, &v.said
	if err := v.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() { v.over <- v.cmd.Wait() }()
	return v
}

// wait waits for the command's end, and gives its exit code, -1 if it was killed.
func (c *cell) wait(v *verb) int {
	c.t.Helper()
	select {
	case <-v.over:
		return v.cmd.ProcessState.ExitCode()
	case <-time.After(time.Minute):
		c.t.Fatalf("%v does not end; %s\n%s", v.cmd.Args, c.status().State, c.log())
	}
	return 0
}

func (c *cell) must(args ...string) {
	c.t.Helper()
	v := c.begin(append(args, c.name)...)
	if code := c.wait(v); code != 0 {
		c.t.Fatalf("%v: exit %d: %s\n%s", v.cmd.Args, code, v.said.String(), c.log())
	}
}

// arrive waits for another program than the last one to come to a gate.
func (c *cell) arrive(gate string, last int) int {
	c.t.Helper()
	for timeout := time.After(time.Minute); ; {
		select {
		case a := <-c.came:
			c.wrote[a.pid] = max(c.wrote[a.pid], a.n)
			if a.gate == gate && a.pid != last {
				return a.pid
			}
		case <-timeout:
			c.t.Fatalf("nobody comes to %q; %+v\n%s", gate, c.status(), c.log())
		}
	}
}

type jailState struct {
	State, Reason string
	Restarts      int
	Processes     int
	Dropped       uint64 `json:"log_lines_dropped"`
	Services      []serviceState
}

type serviceState struct {
	Name, State string
	PID         int
	Restarts    int
	Since       time.Time
}

func (c *cell) status() (s jailState) {
	c.t.Helper()
	out, err := c.h.Try("jailmgr", "status", "--json", c.name)
	var all []jailState
	if err == nil {
		err = json.Unmarshal([]byte(out), &all)
	}
	if err != nil || len(all) != 1 {
		c.t.Fatalf("status: %v: %s", err, out)
	}
	return all[0]
}

// becomes waits for a state, one of some.
func (c *cell) becomes(states string) {
	c.t.Helper()
	var s jailState
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if s = c.status(); slices.Contains(strings.Fields(states), s.State) {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the jail is not %s, but %+v\n%s", states, s, c.log())
		}
	}
}

// running waits until all is as the definition has it.
func (c *cell) running() {
	c.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		s := c.status()
		good := s.State == "running" && len(s.Services) > 0
		for _, v := range s.Services {
			good = good && (v.State == "ready" || v.State == "completed")
		}
		if good {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("it does not run: %+v\n%s", s, c.log())
		}
	}
}

// kill holds the verb at a gate, kills the victim, and lets the verb go on.
func (c *cell) kill(verbName, gate, victim string) {
	c.t.Helper()
	if verbName != "start" {
		c.must("start")
		c.running()
	}
	var v *verb
	held := 0
	if verbName == "run" {
		for _, s := range c.status().Services {
			if s.Name == "web" {
				held = s.PID
			}
		}
	} else {
		c.collect()
		c.shut(gate)
		if verbName == "reload" {
			c.define(true)
		}
		v = c.begin(verbName, c.name)
		held = c.arrive(gate, 0)
	}
	pid := held
	switch victim {
	case "jailmgr":
		pid = v.cmd.Process.Pid
	case "supervisor":
		pid = c.supervisor()
	case "jail-init":
		pid = c.init()
	}
	before := c.status()
	kill(c.t, pid)
	doing := verbName + " " + victim
	switch {
	case doing == "start jail-init", doing == "start service", verbName == "reload" && strings.HasSuffix(gate, "starts") && (victim == "service" || victim == "jail-init"):
		c.arrive(gate, held) // its successor
	case verbName == "run" && victim != "supervisor":
		c.arrive("web starts", held)
		c.running()
		if s := c.status(); s.Restarts != before.Restarts+1 {
			c.t.Errorf("%d restarts, then %d", before.Restarts, s.Restarts)
		}
	}
	c.becomes(states[verbName][victim])
	if s := c.status(); s.State == "failed" && !strings.Contains(s.Reason, "its supervisor is gone") {
		c.t.Errorf("status says %q", s.Reason)
	}
	if v == nil {
		return
	}
	c.open(gate)
	code := c.wait(v)
	want := fails[doing]
	if victim == "jailmgr" {
		want = -1
	}
	if code != want {
		c.t.Errorf("%s: exit %d, want %d: %s\n%s", verbName, code, want, v.said.String(), c.log())
	}
}

// order brings the jail into order as the manual has it, until it runs.
func (c *cell) order(verb string) {
	c.t.Helper()
	if verb == "stop" {
		v := c.begin("stop", c.name)
		if code := c.wait(v); code != 0 && !strings.Contains(v.said.String(), "does not run") {
			c.t.Errorf("stop: exit %d: %s\n%s", code, v.said.String(), c.log())
		}
		if s := c.status(); s.State != "stopped" {
			c.t.Errorf("after the stop it is %+v", s)
		}
		c.left()
	}
	v := c.begin("start", c.name)
	if code := c.wait(v); code != 0 && !strings.HasSuffix(strings.TrimSpace(strings.SplitN(v.said.String(), ";", 2)[0]), " runs") {
		c.t.Fatalf("start: exit %d: %s\n%s", code, v.said.String(), c.log())
	}
	if verb == "reload" {
		c.running()
		c.must("reload")
	}
	c.running()
	if n, want := len(c.status().Services), map[bool]int{true: 4, false: 3}[verb == "reload"]; n != want {
		c.t.Errorf("%d services, want %d", n, want)
	}
}

// end is after the stop: nothing is left, and each line came.
func (c *cell) end() {
	c.t.Helper()
	c.left()
	c.collect()
	got := map[int]int{}
	dropped := 0
	err := logs.Read(filepath.Join(c.h.Dir, "var/log/jails", c.name), logs.Filter{}, func(l logs.Line) error {
		if l.Service == "supervisor" && bytes.Contains(l.Text, []byte("dropped")) {
			dropped++
		}
		if l.Service == "jail-init" || l.Service == "supervisor" {
			return nil
		}
		var pid, n int
		if _, err := fmt.Sscanf(string(l.Text), "%d %d", &pid, &n); err != nil || !l.Full {
			return nil // the beginning of one whose program was killed
		}
		if got[pid]++; got[pid] != n {
			return fmt.Errorf("%s of process %d: line %d is number %d", l.Service, pid, got[pid], n)
		}
		return nil
	})
	if err != nil {
		c.t.Error(err)
	}
	for pid, n := range c.wrote {
		if got[pid] < n {
			c.t.Errorf("process %d wrote %d lines, and %d came; %d were dropped\n%s", pid, n, got[pid], dropped, c.log())
		}
	}
}

func (c *cell) collect() {
	for {
		select {
		case a := <-c.came:
			c.wrote[a.pid] = max(c.wrote[a.pid], a.n)
		default:
			return
		}
	}
}

// left wants that nothing of a stopped jail is there but its files.
func (c *cell) left() {
	c.t.Helper()
	if out := c.h.Run(c.t, "jailctl", "list"); strings.Contains(out, " "+c.name+" ") {
		c.t.Errorf("the kernel has it still:\n%s", out)
	}
	var all []string
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		all = nil
		for _, p := range processes(c.t) {
			if p.below(c.root) || p.of(c.h) && (p.is("jailctl: supervise "+c.name) || p.is("jail-init\x00"+c.name)) {
				all = append(all, fmt.Sprintf("%+v", p))
			}
		}
		if len(all) == 0 {
			break
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("processes are left: %s\n%s", all, c.log())
		}
	}
	for _, path := range []string{"var/run/jails", "var/jails/journal"} {
		path = filepath.Join(c.h.Dir, path, c.name)
		if st, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			c.t.Errorf("left: %s %v %v", path, st, err)
		}
	}
	if mounts := mounted(c.t, c.h.Dir); len(mounts) > c.mounts {
		c.t.Errorf("mounts are left:\n%s", mounts)
	}
}

// files are how many descriptors the supervisor and jail-init have at rest:
// whoever asked how it is has left.
func (c *cell) files() (n [2]int) {
	c.t.Helper()
	for same := 0; same < 5; time.Sleep(20 * time.Millisecond) {
		now := c.filesNow()
		if same++; now != n {
			n, same = now, 0
		}
	}
	return n
}

// filesAre waits until they have as many as they had before, or fails.
func (c *cell) filesAre(before [2]int) {
	c.t.Helper()
	host.Eventually(c.t, fmt.Sprintf("the supervisor and jail-init have %v descriptors again, and not %v", before, c.files()),
		func() bool { return c.filesNow() == before })
}

func (c *cell) filesNow() [2]int {
	c.t.Helper()
	return [2]int{descriptors(c.t, c.supervisor()), descriptors(c.t, c.init())}
}

func (c *cell) log() string {
	out, err := c.h.Try("jailmgr", "logs", c.name)
	if err != nil {
		return err.Error()
	}
	var own []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, "supervisor") || strings.Contains(line, "jail-init") {
			own = append(own, line)
		}
	}
	return strings.Join(own, "")
}

func (c *cell) supervisor() int { c.t.Helper(); return c.process("jailctl: supervise " + c.name) }
func (c *cell) init() int       { c.t.Helper(); return c.process("jail-init\x00" + c.name) }

func (p *process) is(command string) bool { return strings.HasPrefix(p.command, command+"\x00") }

// process is the one that runs a command. A child of it looks the same until it
// has executed its own.
func (c *cell) process(command string) (pid int) {
	c.t.Helper()
	host.Eventually(c.t, "one process "+command, func() bool {
		n := 0
		for _, p := range processes(c.t) {
			if p.of(c.h) && p.is(command) {
				pid = p.pid
				n++
			}
		}
		return n == 1
	})
	return pid
}
