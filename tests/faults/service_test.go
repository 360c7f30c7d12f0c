package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jails/tests/host"
)

// jailOf is a cell with a definition of its own; it may begin with keys of its
// own for the log.
func jailOf(t *testing.T, h *host.Host, root, name, text string) *cell {
	t.Helper()
	c := newCell(t, h, root, name)
	if !strings.HasPrefix(text, "log") {
		text = "log = { socket = false }\n" + text
	}
	c.write(text)
	return c
}

// write writes the definition.
func (c *cell) write(text string) {
	c.t.Helper()
	path := filepath.Join(c.h.Dir, "etc/jails", c.name+".toml")
	if err := os.WriteFile(path, []byte(fmt.Sprintf("root = %q\n", c.root)+text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// service waits until a service has a state, and gives its process.
func (c *cell) service(name, state string, not int) (pid int) {
	c.t.Helper()
	host.Eventually(c.t, name+" to be "+state, func() bool {
		for _, s := range c.status().Services {
			if s.Name == name && s.State == state && (s.PID != not || s.PID == 0) {
				pid = s.PID
				return true
			}
		}
		return false
	})
	return pid
}

// service is the definition of one that plays a role.
func service(name, more, role string, args ...string) string {
	command := ""
	for _, word := range append([]string{program, role}, args...) {
		command += fmt.Sprintf(", %q", word)
	}
	if !strings.HasPrefix(more, "delay") {
		more = "delay = \"5ms\"\n" + more
	}
	return fmt.Sprintf("[[service]]\nname = %q\n%s\ncommand = [%s]\n", name, more, command[2:])
}

// Services that behave as badly as they can.
func TestBadServices(t *testing.T) {
	h := host.New(t)
	root := newRoot(t, h)
	signal := func(t *testing.T, pid int, s unix.Signal) {
		t.Helper()
		if err := unix.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct {
		name, text string
		try        func(t *testing.T, c *cell)
		says       string // in the log, at the end
	}{
		{"deaf", service("deaf", "ready = \"fd:3\"\nstop = { timeout = \"200ms\" }", "deaf"), func(*testing.T, *cell) {}, "deaf: down: killed by KILL"},
		{"silent", service("silent", "", "silent"), func(t *testing.T, c *cell) {
			pid := c.service("silent", "ready", 0)
			kill(t, pid)
			c.service("silent", "ready", pid)
		}, "silent: started"},
		{"daemon", service("daemon", "limit = 2", "daemon"), func(_ *testing.T, c *cell) {
			c.service("daemon", "failed", 0)
			c.becomes("failed")
		}, "daemon: failed"},
		{"still", service("still", `stop = { timeout = "60s" }`, "idle"), func(t *testing.T, c *cell) {
			signal(t, c.service("still", "ready", 0), unix.SIGSTOP)
		}, "still: down: killed by TERM"},
		{"dog", service("dog", "ready = \"fd:3\"\nwatchdog = \"5s\"\nstop = { timeout = \"60s\" }", "dog"), func(t *testing.T, c *cell) {
			pid := c.service("dog", "ready", 0)
			signal(t, pid, unix.SIGSTOP)
			c.service("dog", "ready", pid)
		}, "dog: backoff: no sign of life for 5s; killed by TERM"},
		{"bomb", "processes = 12\n" + service("good", "limit = 3", "idle") +
			service("bomb", "after = [\"good\"]\nstop = { timeout = \"200ms\" }", "bomb"), func(t *testing.T, c *cell) {
			pid := c.service("good", "ready", 0)
			host.Eventually(t, "the jail to be full", func() bool { return c.status().Processes == 12 })
			kill(t, pid)
			host.Eventually(t, "no room to start the service", func() bool {
				for _, s := range c.status().Services {
					if s.Name == "good" && s.State == "ready" && s.PID != pid { // it was the faster one
						pid = s.PID
						kill(t, pid)
					}
				}
				return strings.Contains(c.log(), "good: backoff: ") && strings.Contains(c.log(), "temporarily unavailable")
			})
			c.h.Run(t, "jailctl", "service", c.name, "stop", "bomb")
			c.service("good", "ready", pid)
			c.h.Run(t, "jailctl", "service", c.name, "start", "bomb")
		}, "temporarily unavailable"},
		{"few", "limits = { files = 24 }\n" + service("few", "", "idle"), func(t *testing.T, c *cell) {
			pid := c.service("few", "ready", 0)
			var all []int
			for range 100 {
				fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, fd)
				err = unix.Connect(fd, &unix.SockaddrUnix{Name: filepath.Join(c.h.Dir, "var/run/jails", c.name, "control.sock")})
				if err == unix.EAGAIN || err == unix.ECONNREFUSED {
					break // the queue is full
				} else if err != nil {
					t.Fatal(err)
				}
			}
			kill(t, pid)
			begun := func() bool { return strings.Count(c.log(), "few: started") > 1 }
			host.Eventually(t, "a new process", begun)
			for _, fd := range all {
				unix.Close(fd)
			}
			c.service("few", "ready", pid)
		}, "few: started"},
	}
	for _, v := range cases {
		t.Run(v.name, func(t *testing.T) {
			c := jailOf(t, h, root, v.name, v.text)
			if begun := c.begin("start", v.name); c.wait(begun) != 0 && v.name != "daemon" {
				t.Fatalf("start: %s\n%s", begun.said.String(), c.log())
			}
			v.try(t, c)
			c.must("stop")
			c.end()
			if text := c.log(); !strings.Contains(text, v.says) {
				t.Errorf("the log does not say %q:\n%s", v.says, text)
			}
		})
	}
}
