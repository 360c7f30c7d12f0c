package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/tests/host"
)

// supervisor is what keeps services running: ours, or a peer.
type supervisor interface {
	// start starts it with the site's services.
	start(b *testing.B, s *site)
	ender
}

// ender is one that runs.
type ender interface {
	// top is its process from which all of its others descend.
	top(b *testing.B) int
	// stop makes it stop the services and end.
	stop(b *testing.B)
}

// A competitor is a way to run services.
type competitor struct {
	name    string
	pkg     string   // Debian's, or "" for ours
	needs   []string // its programs
	prepare func(b *testing.B, h *host.Host) supervisor
	log     func(b *testing.B, h *host.Host) keeper // or nil
}

// Ours come first.
var competitors = []competitor{jailed, unjailed, s6, runit, supervisord}

// present are those that are on this machine. The others are named in the
// report.
func present(b *testing.B) []competitor {
	b.Helper()
	var list []competitor
	for _, c := range competitors {
		if missing := lacking(c.needs); missing != "" {
			absent[c.name] = fmt.Sprintf("no %s; install the package %s", missing, c.pkg)
			continue
		}
		list = append(list, c)
	}
	return list
}

// lacking is the first of some programs that is not installed, or "".
func lacking(programs []string) string {
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			return name
		}
	}
	return ""
}

// site is where the services of one supervisor are: each in a directory of
// its own with the FIFO through which it reports its starts.
type site struct {
	dir      string // the supervisor's own
	root     string // in which the services are, and what they need
	count    int
	reports  *os.File
	services []int // the processes that run
}

// birth is what the program service reports when it starts.
type birth struct {
	at  time.Duration // on the monotonic clock
	pid int
}

const birthSize = 16

func newSite(b *testing.B, h *host.Host, name string, count int) *site {
	b.Helper()
	s := &site{dir: filepath.Join(h.Dir, name), count: count}
	s.root = filepath.Join(s.dir, "root")
	if err := os.RemoveAll(s.dir); err != nil {
		b.Fatal(err)
	}
	for _, dir := range []string{"dev", "tmp", "services"} {
		if err := os.MkdirAll(filepath.Join(s.root, dir), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	content, err := os.ReadFile(serviceProgram(b, h))
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(s.program(), content, 0o755); err != nil {
		b.Fatal(err)
	}
	fifo := filepath.Join(s.dir, "report")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		b.Fatal(err)
	}
	for i := range count {
		if err := os.Mkdir(s.service(i), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.Link(fifo, filepath.Join(s.service(i), "report")); err != nil {
			b.Fatal(err)
		}
	}
	// For writing too, so that it is never at its end.
	if s.reports, err = os.OpenFile(fifo, os.O_RDWR|unix.O_NONBLOCK, 0); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.reports.Close() })
	return s
}

// program is the services' program.
func (s *site) program() string { return filepath.Join(s.root, "service") }

// service is the directory of one.
func (s *site) service(i int) string { return filepath.Join(s.root, "services", strconv.Itoa(i)) }

// patience is for a supervisor that does not do what it should.
const patience = time.Minute

// next waits for the next report.
func (s *site) next(b *testing.B) birth {
	b.Helper()
	if err := s.reports.SetReadDeadline(time.Now().Add(patience)); err != nil {
		b.Fatal(err)
	}
	var buffer [birthSize]byte
	if n, err := s.reports.Read(buffer[:]); err != nil || n != birthSize {
		b.Fatalf("%s: a report: %d bytes, %v", s.dir, n, err)
	}
	word := func(at int) int64 { return int64(binary.NativeEndian.Uint64(buffer[at:])) }
	return birth{time.Duration(word(0)), int(word(8))}
}

// monotonic is the time on the clock of reports.
func monotonic(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		b.Error(err)
	}
	return time.Duration(t.Nano())
}

// started starts a supervisor with the site's services, and says how long it
// took until the last of them ran.
func started(b *testing.B, v supervisor, s *site) time.Duration {
	b.Helper()
	began := monotonic(b)
	v.start(b, s)
	var last time.Duration
	s.services = s.services[:0]
	for range s.count {
		r := s.next(b)
		last = max(last, r.at)
		s.services = append(s.services, r.pid)
	}
	return last - began
}

// restarted kills a service's process, and says how long it took until the
// next one ran.
func (s *site) restarted(b *testing.B, i int) time.Duration {
	b.Helper()
	began := monotonic(b)
	if err := unix.Kill(s.services[i], unix.SIGKILL); err != nil {
		b.Fatal(err)
	}
	r := s.next(b)
	s.services[i] = r.pid
	return r.at - began
}

// stopped stops a supervisor, and waits until nothing of it and of its
// services is left.
func stopped(b *testing.B, v ender, s *site) time.Duration {
	b.Helper()
	all := append(processesBelow(b, v.top(b)), s.services...)
	began := time.Now()
	v.stop(b)
	host.Eventually(b, "all processes of "+s.dir+" are gone", func() bool {
		for _, pid := range all {
			if alive(pid) {
				return false
			}
		}
		return true
	})
	return time.Since(began)
}

// alive says whether a process runs; one that nobody has waited for does not.
func alive(pid int) bool {
	_, state := parentOf(pid)
	return state != 0 && state != 'Z'
}

// parentOf is a process's parent, and its state, or 0.
func parentOf(pid int) (parent int, state byte) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	words := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // the name may hold anything
	parent, err = strconv.Atoi(string(words[1]))
	if err != nil {
		return 0, 0
	}
	return parent, words[0][0]
}

// processesBelow are a supervisor's own: top, and what descends from it, but
// for the services.
func processesBelow(b *testing.B, top int) []int {
	b.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		b.Fatal(err)
	}
	children := map[int][]int{}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			parent, _ := parentOf(pid)
			children[parent] = append(children[parent], pid)
		}
	}
	var list []int
	for rest := []int{top}; len(rest) > 0; rest = rest[1:] {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", rest[0]))
		if errors.Is(err, os.ErrNotExist) || filepath.Base(exe) == "service" {
			continue
		}
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, rest[0])
		rest = append(rest, children[rest[0]]...)
	}
	if len(list) == 0 {
		b.Fatalf("process %d does not run", top)
	}
	return list
}

// memory is what processes have in bytes: their share of all that they map,
// and what is theirs alone.
func memory(b *testing.B, pids []int) (share, own int) {
	b.Helper()
	for _, pid := range pids {
		share += field(b, fmt.Sprintf("/proc/%d/smaps_rollup", pid), `(?m)^Pss:\s+(\d+)`) * 1024
		own += anonymous(b, pid)
	}
	return share, own
}

// wakeups is how often processes have been put on a processor, for they waited
// before or had to leave it.
func wakeups(b *testing.B, pids []int) int {
	b.Helper()
	total := 0
	for _, pid := range pids {
		total += switches(b, pid)
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		if err != nil {
			b.Fatal(err)
		}
		for _, file := range threads {
			total += field(b, file, `(?m)^nonvoluntary_ctxt_switches:\s+(\d+)`)
		}
	}
	return total
}

// serviceProgram compiles the services' program, once for a host.
func serviceProgram(b *testing.B, h *host.Host) string {
	b.Helper()
	path := filepath.Join(h.Dir, "service")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "cc"
	}
	if _, err := exec.LookPath(compiler); err != nil {
		b.Skip("no cc; install the package gcc")
	}
	args := append(strings.Fields("-std=gnu99 -Wall -Wextra -Werror -Os -static -s -o"), path, "service/service.c")
	if out, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return path
}

// running is a supervisor in the foreground.
type running struct {
	cmd  *exec.Cmd
	said bytes.Buffer
	over bool
}

// run starts one; what it says is shown if the benchmark fails.
func (r *running) run(b *testing.B, cmd *exec.Cmd) {
	b.Helper()
	r.cmd, r.over = cmd, false
	r.said.Reset()
	cmd.Stdout, cmd.Stderr = &r.said, &r.said
	cmd.WaitDelay = time.Second // its services may have its output
	// As ours has: the scheduler may share the processors among sessions.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if r.over {
			return
		}
		b.Logf("%s: %s", cmd.Path, &r.said)
		for _, pid := range processesBelow(b, cmd.Process.Pid) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		_ = cmd.Wait()
	})
}

func (r *running) top(*testing.B) int { return r.cmd.Process.Pid }

// end sends a signal, or 0 for none, and waits for the end with a status.
func (r *running) end(b *testing.B, signal unix.Signal, status int) {
	b.Helper()
	if signal != 0 {
		if err := r.cmd.Process.Signal(signal); err != nil {
			b.Fatal(err)
		}
	}
	err := r.cmd.Wait()
	r.over = true
	if r.cmd.ProcessState.ExitCode() != status {
		b.Fatalf("%s: %v: %s", r.cmd.Path, err, &r.said)
	}
}
