//go:build linux && amd64

package mutation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// homeVariable is in the environment of this program when it is to be a home.
const homeVariable = "JAILS_MUTATION_HOME"

// inHome runs a program in a home of its own: nobody whom the program has
// begotten outlives it, in whichever session or jail, nor the context, nor us.
func inHome(ctx context.Context, program, dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append([]string{program}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(env, homeVariable+"=1")
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	cmd.Cancel = alive.Close
	cmd.WaitDelay = 20 * time.Second
	return cmd.CombinedOutput()
}

// home is such a home's process: a subreaper, for which no namespace has to be
// allowed. It reaps, as a system's init does: a zombie is a member of its jail.
// When the program ends, or the standard input, so do the others.
func home(args []string) int {
	if err := live(args); err != nil {
		fmt.Fprintln(os.Stderr, "home:", err)
		return 1
	}
	return 0
}

func live(args []string) error {
	if err := os.Unsetenv(homeVariable); err != nil {
		return err
	}
	if err := adopt(); err != nil {
		return err
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that is told
		_ = cmd.Process.Kill()               // it may have ended
	}()
	var status unix.WaitStatus
	for pid := 0; pid != cmd.Process.Pid; {
		var err error
		if pid, err = unix.Wait4(-1, &status, 0, nil); err != nil && err != unix.EINTR {
			return fmt.Errorf("wait: %w", err)
		}
	}
	if err := clear(); err != nil {
		return err
	}
	if !status.Exited() || status.ExitStatus() != 0 {
		return fmt.Errorf("status %#x", status)
	}
	return nil
}

// children are those that we have.
func children() (pids []int, err error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	self := strconv.Itoa(os.Getpid())
	for _, path := range paths {
		b, _ := os.ReadFile(path) // it may have ended
		// Its name is in parentheses, and may have some itself.
		after := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if len(after) < 2 || after[1] != self {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// clear kills the children, and theirs, which become ours when they end.
func clear() error {
	for {
		pids, err := children()
		if err != nil {
			return err
		}
		for _, pid := range pids {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil {
				return fmt.Errorf("kill %d: %w", pid, err)
			}
		}
		_, err = unix.Wait4(-1, nil, 0, nil)
		if err == unix.ECHILD {
			return nil
		}
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("wait: %w", err)
		}
	}
}

// nobodyLeft fails the test if who ran since, and forked, has left somebody.
// They are ours, if we adopt.
func nobodyLeft(t *testing.T) {
	t.Helper()
	pids, err := children()
	if err != nil || pids != nil {
		t.Errorf("processes that are left: %d, %v", pids, errors.Join(err, clear()))
	}
}

// adopt makes all that those leave whom we start our children.
func adopt() error {
	return os.NewSyscallError("subreaper", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
}

// TestHome: who stays behind in a session of his own ends with the home,
// when the program ends and when its time does; the dead are reaped at once.
func TestHome(t *testing.T) {
	if err := adopt(); err != nil {
		t.Fatal(err)
	}
	const stays = `setsid setsid sleep 1000 <&- >&- 2>&- & sleep 0.2; `
	for _, test := range []struct {
		name, script string
		time         time.Duration
		passes       bool
	}{
		{"passed", stays + "true", time.Minute, true},
		{"failed", stays + "false", time.Minute, false},
		{"killed", stays + "kill -9 $$", time.Minute, false},
		{"late", stays + "sleep 1000", time.Second / 2, false},
		{"orphans", "sh -c 'sleep 0.1 & echo $!' | { read p; sleep 1; test ! -e /proc/$p; }", time.Minute, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), test.time)
			defer cancel()
			out, err := inHome(ctx, "/bin/sh", "/", os.Environ(), "-c", test.script)
			if (err == nil) != test.passes || errors.Is(err, exec.ErrWaitDelay) {
				t.Errorf("%v: %s", err, out)
			}
			nobodyLeft(t)
		})
	}
}
