package cli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/terminal"
	"jails/tests/host"
)

// onTerminal runs jailctl exec on a terminal, as an interactive shell does:
// the leader of a session whose terminal it is. When prompt has appeared it
// types input; it returns all that appeared, and the exit status.
func onTerminal(t *testing.T, h *host.Host, prompt, input string, args ...string) (string, int) {
	t.Helper()
	return typed(t, h, prompt, input, append([]string{"jailctl", "exec"}, args...)...)
}

func typed(t *testing.T, h *host.Host, prompt, input string, args ...string) (string, int) {
	t.Helper()
	master, slave, err := terminal.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	cmd := h.Command(t.Context(), args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	said := make(chan string)
	go func() {
		var all []byte
		b := make([]byte, 4096)
		for {
			n, err := master.Read(b)
			all = append(all, b[:n]...)
			if input != "" && bytes.Contains(all, []byte(prompt)) {
				_, _ = master.WriteString(input)
				input = ""
			}
			if err != nil { // EIO when nobody has the other end
				said <- string(all)
				return
			}
		}
	}()
	timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	if !timer.Stop() {
		t.Error("no end")
	}
	return strings.ReplaceAll(<-said, "\r\n", "\n"), cmd.ProcessState.ExitCode()
}

func TestTerminal(t *testing.T) {
	h := host.New(t)
	h.Run(t, "jailctl", "create", "-n", "web", "-l", "medium", h.Userland(t))
	defer h.Run(t, "jailctl", "destroy", "-k", "web")

	// The caller's terminal stays outside.
	out, code := onTerminal(t, h, "", "", "web", "sh", "-c", "for fd in 0 1 2; do [ -t $fd ] && echo $fd is one; done; echo done; exit 3")
	if code != 3 || strings.Contains(out, "is one") || !strings.Contains(out, "done") {
		t.Errorf("without -t: status %d: %q", code, out)
	}
	// What is typed arrives, and its end too.
	if out, code := onTerminal(t, h, "ready", "hello\n\x04", "web", "sh", "-c", "echo ready; cat"); code != 0 || strings.Count(out, "hello") != 2 {
		t.Errorf("cat: status %d: %q", code, out)
	}
	// ^C goes on to the command.
	out, code = onTerminal(t, h, "ready", "\x03", "web", "sh", "-c", "echo ready; sleep 1000")
	if code != 128+int(unix.SIGINT) {
		t.Errorf("killed by INT: status %d: %q", code, out)
	}
	// With -t it has a terminal, of its own, that controls it.
	out, code = onTerminal(t, h, "", "", "-t", "web", "sh", "-c", "for fd in 0 1 2; do [ -t $fd ] && echo $fd is one; done; stty -a; exit 4")
	if code != 4 || strings.Count(out, "is one") != 3 || !strings.Contains(out, "speed") {
		t.Errorf("with -t: status %d: %q", code, out)
	}
	// Typed ^C there is that terminal's to make a signal of.
	if out, code := onTerminal(t, h, "ready", "\x03", "-t", "web", "sh", "-c", "echo ready; sleep 1000"); code != 128+int(unix.SIGINT) {
		t.Errorf("^C with -t: status %d: %q", code, out)
	}
}

// Input that is no terminal's arrives whole on the new one, and ends.
func TestTerminalInput(t *testing.T) {
	h := host.New(t)
	h.Run(t, "jailctl", "create", "-n", "web", "-l", "medium", h.Userland(t))
	defer h.Run(t, "jailctl", "destroy", "-k", "web")
	for _, input := range []string{"", "a line\n", "a line\nand a part"} {
		cmd := h.Command(t.Context(), "jailctl", "exec", "-t", "web", "cat")
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.Output()
		if got := strings.ReplaceAll(string(out), "\r\n", "\n"); err != nil || got != input {
			t.Errorf("%q: %q, %v", input, got, err)
		}
	}
}

// The size of the caller's terminal is the new one's.
func TestTerminalSize(t *testing.T) {
	h := host.New(t)
	h.Run(t, "jailctl", "create", "-n", "web", "-l", "medium", h.Userland(t))
	defer h.Run(t, "jailctl", "destroy", "-k", "web")
	master, slave, err := terminal.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 31, Col: 97}); err != nil {
		t.Fatal(err)
	}
	cmd := h.Command(t.Context(), "jailctl", "exec", "-t", "web", "stty", "size")
	cmd.Stdin = slave
	out, err := cmd.Output()
	slave.Close()
	if err != nil || strings.TrimSpace(string(out)) != "31 97" {
		t.Errorf("%q, %v", out, err)
	}
}

// The caller's terminal is set back, even where nobody reads the output any
// more.
func TestTerminalRestored(t *testing.T) {
	h := host.New(t)
	h.Run(t, "jailctl", "create", "-n", "web", "-l", "medium", h.Userland(t))
	defer h.Run(t, "jailctl", "destroy", "-k", "web")
	master, slave, err := terminal.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.Command(t.Context(), "jailctl", "exec", "-t", "web", "yes")
	cmd.Stdin, cmd.Stdout = slave, write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	if _, err := read.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	read.Close()
	_ = cmd.Wait()
	after, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("%v: modes %+v, before %+v", err, after, before)
	}
	if cmd.ProcessState.ExitCode() != 128+int(unix.SIGHUP) {
		t.Errorf("it ended with %v", cmd.ProcessState)
	}
}

// A program that leaves a child with its output open does not hold up exec,
// and what it wrote is not lost.
func TestLeftOpen(t *testing.T) {
	h := host.New(t)
	root := h.Userland(t)
	// sh opens it for what runs in the background.
	if err := errors.Join(os.Mkdir(filepath.Join(root, "dev"), 0o755), os.WriteFile(filepath.Join(root, "dev/null"), nil, 0o666)); err != nil {
		t.Fatal(err)
	}
	h.Run(t, "jailctl", "create", "-n", "web", "-l", "medium", root)
	defer h.Run(t, "jailctl", "destroy", "-k", "web")
	start := time.Now()
	out, code := onTerminal(t, h, "", "", "web", "sh", "-c", "sleep 1000 <&- & yes | head -c 50000; echo; echo end")
	if code != 0 || strings.Count(out, "y\n") < 25000 || !strings.Contains(out, "end") {
		t.Errorf("status %d, %d bytes: %.100q", code, len(out), out)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("it took %s", d)
	}
	if ps := h.Run(t, "jailctl", "ps"); !strings.Contains(ps, "sleep") {
		t.Errorf("nobody is left who has it open: %s", ps)
	}
}

// Nothing of the caller's goes along: no descriptor, not even a directory's,
// no environment, no group.
func TestClean(t *testing.T) {
	h := host.New(t)
	h.Run(t, "jailctl", "create", "-n", "web", "-l", "medium", h.Userland(t))
	defer h.Run(t, "jailctl", "destroy", "-k", "web")
	dir, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	cmd := h.Command(t.Context(), "jailctl", "exec", "web", "sh", "-c", "env; for fd in 3 4 5 6 7 8 9; do (: <&$fd) 2>&- && echo $fd is open; done; true")
	cmd.ExtraFiles = []*os.File{dir, os.Stdin}
	cmd.Env = append(cmd.Env, "SECRET=1", "LD_PRELOAD=/x")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, bad := range []string{"SECRET", "LD_PRELOAD", "JAILS_PREFIX", "HOSTKERN_SOCKET", "is open"} {
		if strings.Contains(string(out), bad) {
			t.Errorf("%s came along:\n%s", bad, out)
		}
	}
	// A directory as standard input is refused, and the command not run.
	cmd = h.Command(t.Context(), "jailctl", "exec", "web", "sh", "-c", "echo ran")
	cmd.Stdin = dir
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "descriptor 0 is a directory") {
		t.Errorf("%v: %s", err, out)
	}
}

// A person sees the steps of what takes its time, and nothing of them stays on
// the line that follows.
func TestSteps(t *testing.T) {
	h := host.New(t)
	definition := filepath.Join(h.Dir, "etc/jails/web.toml")
	if err := os.MkdirAll(filepath.Dir(definition), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "root = '" + h.Userland(t) + `'
[[service]]
name = "a-service-that-has-a-rather-long-name-which-no-line-holds-twice"
command = ["sh", "-c", "sleep 0.3; echo >&3; trap 'sleep 0.3; exit' TERM; while :; do sleep 0.02; done"]
ready = "fd:3"
`
	if err := os.WriteFile(definition, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ verb, step, end string }{
		{"start", "web: a-service-that-has-a-rather-long-name-which-no-line-holds-twice is startin\r\x1b[K", "\x1b[KStarted jail web ("},
		{"stop", "web: waits for service a-service-that-has-a-rather-long-name-which-no-line-hold\r\x1b[K", "\x1b[KStopped jail web ("},
	} {
		out, code := typed(t, h, "", "", "jailmgr", c.verb, "web")
		if code != 0 || !strings.Contains(out, c.step) || !strings.Contains(out, c.end) {
			t.Errorf("%s: status %d: %q", c.verb, code, out)
		}
	}
}
