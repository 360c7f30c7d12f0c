package jailmgr_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"jails/tests/host"
)

func TestMain(m *testing.M) { host.Main(m) }

// site is a host with a base layer of busybox.
type site struct {
	*host.Host
	t      *testing.T
	copied bool // this system does not let us mount
}

// said is what a command printed, without the notes on what this system does
// not let us do.
func said(out string) string {
	var rest strings.Builder
	for line := range strings.Lines(out) {
		if !strings.Contains(line, "this system does not let us") {
			rest.WriteString(line)
		}
	}
	return rest.String()
}

func newSite(t *testing.T) *site {
	t.Helper()
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("no busybox; install busybox-static")
	}
	s := &site{Host: host.New(t), t: t, copied: !mayMount(t)}
	binary, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	w := tar.NewWriter(g)
	add := func(h *tar.Header, data []byte) {
		h.Size = int64(len(data))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	add(&tar.Header{Typeflag: tar.TypeReg, Name: "./bin/busybox", Mode: 0o755}, binary)
	for _, l := range []string{"sh", "sleep", "cat", "echo", "nc", "httpd", "id", "ls", "touch", "mkdir", "false", "tty", "kill", "rm"} {
		add(&tar.Header{Typeflag: tar.TypeSymlink, Name: "./bin/" + l, Linkname: "busybox"}, nil)
	}
	add(&tar.Header{Typeflag: tar.TypeReg, Name: "./etc/passwd", Mode: 0o644}, []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"))
	add(&tar.Header{Typeflag: tar.TypeReg, Name: "./etc/group", Mode: 0o644}, []byte("wheel:x:0:\nnobody:x:65534:\n"))
	if err := errors.Join(w.Close(), g.Close()); err != nil {
		t.Fatal(err)
	}
	sets := filepath.Join(s.Dir, "sets")
	s.write(filepath.Join(sets, "base.tgz"), b.String())
	s.Run(t, "jailmgr", "bootstrap", "--sets", sets, "--name", "b", "--no-verify")
	t.Cleanup(func() {
		if out, err := s.Try("jailmgr", "stop", "--all"); err != nil {
			t.Errorf("stop --all: %v: %s", err, out)
		}
		s.nothing()
	})
	return s
}

func mayMount(t *testing.T) bool {
	dir := t.TempDir()
	return syscall.Mount("test", dir, "tmpfs", 0, "size=1m") == nil && syscall.Unmount(dir, 0) == nil
}

func (s *site) write(path, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// define writes a definition.
func (s *site) define(name, text string) {
	s.write(filepath.Join(s.Dir, "etc/jails", name+".toml"), "base = 'b'\n"+text)
}

func service(name, script, more string) string {
	return fmt.Sprintf("[[service]]\nname = %q\ncommand = ['/bin/sh', '-c', %q]\n%s\n", name, script, more)
}

// nothing checks that no jail runs and nothing is mounted or recorded.
func (s *site) nothing() {
	s.t.Helper()
	if out := s.Run(s.t, "jailctl", "list", "--json"); strings.TrimSpace(out) != "[]" {
		s.t.Errorf("jails in the kernel: %s", out)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(mounts), s.Dir) {
		s.t.Errorf("%v: something is mounted:\n%s", err, mounts)
	}
	if left, _ := filepath.Glob(s.Dir + "/var/jails/journal/*"); len(left) > 0 {
		s.t.Errorf("journals: %v", left)
	}
	for _, pattern := range []string{"/var/run/jails/[a-z]*", "/var/run/jails/.lock/*"} {
		if left, _ := filepath.Glob(s.Dir + pattern); len(left) > 0 {
			s.t.Errorf("in the run directory: %v", left)
		}
	}
}

// fails runs a command that must fail with the code, and say text.
func (s *site) fails(code int, text string, args ...string) string {
	s.t.Helper()
	out, err := s.Try(args[0], args[1:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != code || !strings.Contains(out, text) {
		s.t.Errorf("%v: %v: %s\nwant %d: %s", args, err, out, code, text)
	}
	return out
}

type status struct {
	Name, State, Reason string
	Ready               int `json:"services_ready"`
	Processes, Restarts int
	Services            []struct {
		Name, State, Reason string
		PID                 int
		LastLine            string `json:"last_line"`
	}
}

func (s *site) status(name string) status {
	s.t.Helper()
	var all []status
	out := s.Run(s.t, "jailmgr", "status", "--json", name)
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 {
		s.t.Fatalf("%v: %s", err, out)
	}
	return all[0]
}

func TestStartStop(t *testing.T) {
	s := newSite(t)
	s.define("web", service("a", "echo up; sleep 1000", "")+service("b", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done", "after = ['a']"))
	if out := said(s.Run(t, "jailmgr", "start", "web")); !strings.HasPrefix(out, "Started jail web (") {
		t.Errorf("%s", out)
	}
	if st := s.status("web"); st.State != "running" || st.Ready != 2 || st.Processes < 3 {
		t.Errorf("%+v", st)
	}
	s.fails(73, "jail web runs; to start it anew: jailmgr restart web", "jailmgr", "start", "web")
	s.fails(75, "jail web runs; to end it: jailmgr stop web", "jailmgr", "destroy", "--yes", "web")
	if out := s.Run(t, "jailmgr", "start", "--all"); out != "" {
		t.Errorf("start --all: %s", out)
	}
	before := s.status("web").Services[0].PID
	s.Run(t, "jailmgr", "restart", "web")
	if after := s.status("web").Services[0].PID; after == before || after == 0 {
		t.Errorf("not restarted: %d", after)
	}
	if out := s.Run(t, "jailmgr", "stop", "web"); !strings.HasPrefix(out, "Stopped jail web (") {
		t.Errorf("%s", out)
	}
	s.nothing()
	if out := s.Run(t, "jailmgr", "logs", "web", "--service", "b"); !strings.Contains(out, "b: bye") {
		t.Errorf("it was not stopped in order: %s", out)
	}
	s.fails(66, "jail web does not run; to start it: jailmgr start web", "jailmgr", "stop", "web")
	s.fails(66, "jail web does not run", "jailmgr", "shell", "web")
}

// A daemon that leaves its service and its session does not outlive the
// jail.
func TestStopEndsAll(t *testing.T) {
	s := newSite(t)
	long := fmt.Sprintf("sleep 1%09d", os.Getpid()) // as no other process has it
	s.define("web", service("a", "("+long+" &) ; exec "+long, ""))
	s.Run(t, "jailmgr", "start", "web")
	host.Eventually(t, "both processes", func() bool { return running(t, long) == 2 })
	s.Run(t, "jailmgr", "stop", "web")
	s.nothing()
	if n := running(t, long); n != 0 {
		t.Errorf("%d processes are still there", n)
	}
}

// running counts the processes with that command line.
func running(t *testing.T, command string) (n int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || files == nil {
		t.Fatalf("no processes in /proc: %v", err)
	}
	for _, file := range files {
		// Some end meanwhile.
		if b, err := os.ReadFile(file); err == nil && string(b) == strings.ReplaceAll(command, " ", "\x00")+"\x00" {
			n++
		}
	}
	return n
}

func TestServiceFails(t *testing.T) {
	s := newSite(t)
	s.define("mail", service("smtpd", "echo permission denied >&2; exit 1", "ready = 'fd:3'\ndelay = '1ms'\nlimit = 3")+service("ok", "sleep 1000", ""))
	s.define("db", service("d", "sleep 1000", ""))
	s.write(filepath.Join(s.Dir, "etc/jails/bad.toml"), "prot = 1\n")
	out := s.fails(75, "jailmgr: 1 of 3 jails started (75)", "jailmgr", "start", "--all")
	for _, want := range []string{"Started jail db (", "mail: smtpd failed: exited 1", `bad.toml:1:1: unknown key "prot"`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	st := s.status("mail")
	if st.State != "failed" || st.Ready != 1 || st.Services[0].LastLine != "permission denied" {
		t.Errorf("%+v", st)
	}
	table := s.Run(t, "jailmgr", "status")
	if !strings.Contains(table, "\nmail  failed") || !strings.Contains(table, "      smtpd: exited 1") || !strings.Contains(table, "; last line: permission denied\n") {
		t.Errorf("%s", table)
	}
	if !strings.Contains(table, "bad   invalid") {
		t.Errorf("%s", table)
	}
	s.Run(t, "jailmgr", "stop", "mail", "db")
}

// What can't start leaves nothing, and says why.
func TestStartRefused(t *testing.T) {
	s := newSite(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	s.define("taken", fmt.Sprintf("ports = ['%d']\n", port))
	s.fails(75, fmt.Sprintf("port %d/tcp is in use by a process on the host", port), "jailmgr", "start", "taken")
	s.nothing()

	s.define("one", "ports = ['61234']\n"+service("a", "sleep 1000", ""))
	s.define("two", "ports = ['61000-61999/tcp']\n")
	s.Run(t, "jailmgr", "start", "one")
	s.fails(75, `belongs to jail "one"`, "jailmgr", "start", "two")
	s.Run(t, "jailmgr", "stop", "one")
	s.nothing()

	s.define("word", "allow = ['raw-sokcet']\n")
	s.fails(78, `word.toml:2:10: the kernel knows no word "raw-sokcet"; did you mean "raw-socket"?`, "jailmgr", "start", "word")
	s.fails(78, `word.toml:2:10: the kernel knows no word "raw-sokcet"; did you mean "raw-socket"?`, "jailmgr", "check", "word")
	s.define("gone", "")
	s.write(filepath.Join(s.Dir, "etc/jails/gone.toml"), "root = '/nonexistent'\n")
	s.fails(66, "root /nonexistent is not there", "jailmgr", "start", "gone")
	s.fails(66, `no jail "none"; see: jailmgr list`, "jailmgr", "start", "none")
	s.nothing()
}

func TestProvisionAndShell(t *testing.T) {
	s := newSite(t)
	s.Run(t, "jailmgr", "create", "web", "-x", "sleep 1000", "-l", "medium")
	provision := func(script string, args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		cmd := s.Command(ctx, "jailmgr", append([]string{"provision", "web"}, args...)...)
		cmd.Stdin = strings.NewReader(script)
		out, err := cmd.CombinedOutput()
		return said(string(out)), err
	}
	// What the script runs must not read the script.
	out, err := provision("mkdir -p /var/www\ncat\necho hello > /var/www/page\nid -u\necho x > /bin/x || echo read-only\n")
	if err != nil || !strings.HasPrefix(out, "0\n") || strings.HasSuffix(out, "read-only\n") == s.copied {
		t.Errorf("%v: %s", err, out)
	}
	s.nothing()
	page := filepath.Join(s.Dir, "var/jails/jail/web/data/var/www/page")
	if b, err := os.ReadFile(page); err != nil || string(b) != "hello\n" {
		t.Errorf("%q, %v", b, err)
	}
	var exit *exec.ExitError
	if out, err := provision("false\ntouch /var/never\n"); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(filepath.Dir(page)), "never")); err == nil {
		t.Error("the script went on after a failure")
	}
	script := filepath.Join(s.Dir, "script")
	s.write(script, "echo from a file; exit 7\n")
	if out, err := provision("", script); !errors.As(err, &exit) || exit.ExitCode() != 7 || out != "from a file\n" {
		t.Errorf("%v: %s", err, out)
	}
	s.nothing()

	s.Run(t, "jailmgr", "start", "web")
	if out, err := provision("echo in the jail that runs > /var/www/page\n"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if st := s.status("web"); st.State != "running" || st.Ready != 1 {
		t.Errorf("%+v", st)
	}
	cmd := s.Command(context.Background(), "jailmgr", "shell", "web")
	cmd.Stdin = strings.NewReader("cat /var/www/page; tty; exit 3\n")
	b, err := cmd.CombinedOutput()
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(string(b), "in the jail that runs") {
		t.Errorf("%v: %s", err, b)
	}
	s.Run(t, "jailmgr", "stop", "web")
	s.nothing()
}

// What waits for input ends at a signal.
func TestInterrupted(t *testing.T) {
	s := newSite(t)
	s.define("web", service("a", "sleep 1000", ""))
	cmd := s.Command(t.Context(), "jailmgr", "provision", "web")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	// It catches signals before it connects to the model.
	host.Eventually(t, "it is connected", func() bool {
		fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", cmd.Process.Pid))
		return err == nil && slices.ContainsFunc(fds, func(fd string) bool {
			to, err := os.Readlink(fd)
			return err == nil && strings.HasPrefix(to, "socket:")
		})
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 75 || !strings.Contains(out.String(), "interrupted; nothing was changed") {
		t.Errorf("%v: %s", err, out.String())
	}
}

// Jails that share a base and run at one time see each their own data.
func TestSharedBase(t *testing.T) {
	s := newSite(t)
	names := []string{"one", "two", "three"}
	for _, name := range names {
		s.define(name, service("a", "echo "+name+" > /var/mine; sleep 1000", ""))
	}
	s.Run(t, "jailmgr", "start", "--all")
	for _, name := range names {
		host.Eventually(t, name+" wrote", func() bool {
			out, err := s.Try("jailctl", "exec", name, "cat", "/var/mine")
			return err == nil && out == name+"\n"
		})
	}
	s.Run(t, "jailmgr", "stop", "--all")
}

// The supervisor is killed: the services run on, and a new one takes over.
func TestSupervisorKilled(t *testing.T) {
	s := newSite(t)
	s.define("web", service("a", "sleep 1000", ""))
	s.Run(t, "jailmgr", "start", "web")
	before := s.status("web").Services[0].PID
	lock, err := os.ReadFile(filepath.Join(s.Dir, "var/run/jails/web/supervisor.lock"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(lock)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	host.Eventually(t, "status says so", func() bool {
		return strings.Contains(s.status("web").Reason, "its supervisor is gone")
	})
	s.Run(t, "jailmgr", "start", "web")
	if st := s.status("web"); st.State != "running" || st.Services[0].PID != before {
		t.Errorf("%+v, before %d", st, before)
	}
	s.Run(t, "jailmgr", "stop", "web")
}

// jailmgr is killed while it starts and stops: repair, or the next command,
// puts it right.
func TestManagerKilled(t *testing.T) {
	s := newSite(t)
	s.define("web", service("a", "sleep 1000", ""))
	s.Run(t, "jailmgr", "start", "web")
	s.Run(t, "jailmgr", "stop", "web")
	for i := range 12 {
		verb := []string{"start", "stop"}[i%2]
		if verb == "stop" {
			if out, err := s.Try("jailmgr", "start", "web"); err != nil && !strings.Contains(out, "jail web runs") {
				t.Fatalf("%v: %s", err, out)
			}
		}
		cmd := s.Command(context.Background(), "jailmgr", verb, "web")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i+1) * 4 * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if i%4 < 2 {
			s.Run(t, "jailmgr", "repair", "web")
		}
		if out, err := s.Try("jailmgr", "start", "web"); err != nil && !strings.Contains(out, "jail web runs") {
			t.Fatalf("round %d: start: %v: %s", i, err, out)
		}
		if st := s.status("web"); st.State != "running" || st.Ready != 1 {
			t.Errorf("round %d: %+v", i, st)
		}
		s.Run(t, "jailmgr", "stop", "web")
		s.nothing()
	}
}

// Two administrators at one time: one does it, the other is told.
func TestTwoAtOnce(t *testing.T) {
	s := newSite(t)
	s.define("web", service("a", "sleep 1000", ""))
	var wg sync.WaitGroup
	var started, refused int
	var mu sync.Mutex
	for range 4 {
		wg.Go(func() {
			out, err := s.Try("jailmgr", "start", "web")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				started++
			case strings.Contains(out, "works on jail web") || strings.Contains(out, "jail web runs"):
				refused++
			default:
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	if started != 1 || refused != 3 {
		t.Errorf("%d started, %d refused", started, refused)
	}
	s.Run(t, "jailmgr", "stop", "web")
}

func TestParallel(t *testing.T) {
	s := newSite(t)
	const n = 6
	for i := range n {
		s.define(fmt.Sprintf("j%d", i), service("a", "sleep 0.5; echo >&3; sleep 1000", "ready = 'fd:3'"))
	}
	begun := time.Now()
	out := s.Run(t, "jailmgr", "start", "--all", "--parallel", strconv.Itoa(n))
	if took := time.Since(begun); strings.Count(out, "Started jail ") != n || took > 2500*time.Millisecond {
		t.Errorf("%v: %s", took, out)
	}
	var results []struct {
		Jail string
		Done bool
		Code int
	}
	if err := json.Unmarshal([]byte(s.Run(t, "jailmgr", "stop", "--all", "--json")), &results); err != nil || len(results) != n || !results[0].Done {
		t.Errorf("%v %+v", err, results)
	}
	s.nothing()
}

func TestFollowLogs(t *testing.T) {
	s := newSite(t)
	s.define("web", service("a", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done", ""))
	s.Run(t, "jailmgr", "start", "web")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := s.Command(ctx, "jailmgr", "logs", "-f", "-n", "1", "--service", "a", "web")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var got []byte
	buf := make([]byte, 4096)
	for bytes.Count(got, []byte("\n")) < 5 {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	last := 0
	for line := range strings.Lines(string(got)) {
		_, number, ok := strings.Cut(strings.TrimSpace(line), "a: line ")
		n, err := strconv.Atoi(number)
		if !ok || err != nil {
			continue
		}
		if last != 0 && n != last+1 {
			t.Errorf("after %d came %d", last, n)
		}
		last = n
	}
	s.Run(t, "jailmgr", "stop", "web")
}

// What ps(1) shows of the supervisor and of jail-init.
func TestNames(t *testing.T) {
	s := newSite(t)
	s.define("web", service("a", "exec sleep 1000", ""))
	s.Run(t, "jailmgr", "start", "web")
	lock, err := os.ReadFile(filepath.Join(s.Dir, "var/run/jails/web/supervisor.lock"))
	if err != nil {
		t.Fatal(err)
	}
	pid := strings.TrimSpace(string(lock))
	shown := func(pid, file string) string {
		b, err := os.ReadFile("/proc/" + pid + "/" + file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(strings.ReplaceAll(string(b), "\x00", " "))
	}
	if comm, args := shown(pid, "comm"), shown(pid, "cmdline"); comm != "jailctl" || args != "jailctl: supervise web" {
		t.Errorf("the supervisor is %q, %q", comm, args)
	}
	var all []struct {
		PID     int
		Init    bool
		Command string
	}
	if err := json.Unmarshal([]byte(s.Run(t, "jailctl", "ps", "--json", "web")), &all); err != nil || len(all) != 2 {
		t.Fatalf("%v: %v", err, all)
	}
	if p := all[0]; !p.Init || p.Command != "jail-init" || shown(strconv.Itoa(p.PID), "cmdline") != "jail-init web" {
		t.Errorf("jail-init is %+v, %q", p, shown(strconv.Itoa(p.PID), "cmdline"))
	}
}

// A jail that can not be stopped does not keep the others from it.
func TestStopAllGoesOn(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"a", "b", "c"} {
		s.define(name, service("x", "exec sleep 1000", ""))
	}
	s.Run(t, "jailmgr", "start", "--all")
	journal := filepath.Join(s.Dir, "var/jails/journal/b")
	good, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	s.write(journal, "what is this")
	s.fails(75, "jailmgr: 2 of 3 jails stopped", "jailmgr", "stop", "--all", "--parallel", "1")
	for _, name := range []string{"a", "c"} {
		if st := s.status(name); st.State != "stopped" {
			t.Errorf("%s is %s", name, st.State)
		}
	}
	if st := s.status("b"); st.Processes != 2 {
		t.Errorf("b: %+v", st)
	}
	s.write(journal, string(good))
}

// A jail's supervisor is found by its own socket and lock, not by what looks
// alike, nor by a process id that was once its.
func TestLookalikes(t *testing.T) {
	s := newSite(t)
	names := []string{"web1", "web10", "web", "eb1"}
	for _, name := range names {
		s.define(name, service("x", "exec sleep 1000", ""))
	}
	s.Run(t, "jailmgr", "start", "--all")
	s.Run(t, "jailmgr", "stop", "web1")
	for _, name := range names[1:] {
		if st := s.status(name); st.State != "running" || st.Processes != 2 {
			t.Errorf("%s: %+v", name, st)
		}
	}
	// The supervisor is gone; its number is another process's.
	lock := filepath.Join(s.Dir, "var/run/jails/web/supervisor.lock")
	b, err := os.ReadFile(lock)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil {
		t.Fatal(pid, err)
	}
	bystander := exec.Command("sleep", "1000")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lock, fmt.Appendf(nil, "%d\n", bystander.Process.Pid), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Run(t, "jailmgr", "stop", "web")
	if err := bystander.Process.Kill(); err != nil {
		t.Error(err)
	}
	var end *exec.ExitError
	if err := bystander.Wait(); !errors.As(err, &end) || end.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("a process that was none of the jail's: %v", err)
	}
	// A number is no name: it is not taken for an id, in no form.
	for _, name := range []string{"1", "2", "0x2", "02", "+2", "2 "} {
		if out, err := s.Try("jailmgr", "stop", name); err == nil {
			t.Errorf("stop %q: %s", name, out)
		}
	}
	for _, name := range []string{"web10", "eb1"} {
		if st := s.status(name); st.Processes != 2 {
			t.Errorf("%s: %+v", name, st)
		}
	}
}
