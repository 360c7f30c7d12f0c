package faults

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/logs"
	"jails/tests/host"
)

// A supervisor or a jail-init that gets no descriptor any more goes on by
// itself when it does again; no line is lost, and nothing is given up.
func TestNoDescriptors(t *testing.T) {
	h := host.New(t)
	root := newRoot(t, h)
	t.Run("supervisor", func(t *testing.T) {
		c := jailOf(t, h, root, "sup", "log = { keep = \"1000 x 4 KB\", compress = false, socket = false }\n"+service("steady", "", "steady"))
		c.must("start")
		before := c.files()
		current := filepath.Join(h.Dir, "var/log/jails", c.name, "current")
		there := func() bool { _, err := os.Lstat(current); return err == nil }
		host.Eventually(t, "a log", there)
		undo := fewDescriptors(t, c.supervisor())
		host.Eventually(t, "a log that can not be begun anew", func() bool { return !there() })
		asked := c.begin("status", c.name) // must wait, or go without
		time.Sleep(1500 * time.Millisecond)
		if there() {
			t.Error("the supervisor has got a descriptor")
		}
		undo()
		host.Eventually(t, "a log", there)
		if code := c.wait(asked); code != 0 {
			t.Errorf("status: exit %d: %s", code, asked.said.String())
		}
		c.running()
		c.filesAre(before)
		c.must("stop")
		c.end()
		if n, dropped := c.numbers("steady", false); n < 200 || dropped != 0 {
			t.Errorf("%d lines, %d dropped", n, dropped)
		}
	})
	t.Run("jail-init", func(t *testing.T) {
		c := jailOf(t, h, root, "init", service("dog", "ready = \"fd:3\"\nlimit = 2\nmax-delay = \"100ms\"\nwatchdog = \"30s\"", "dog"))
		c.must("start")
		pid, before := c.service("dog", "ready", 0), c.files()
		undo := fewDescriptors(t, c.init())
		kill(t, pid)
		host.Eventually(t, "several tries to start it", func() bool {
			return strings.Count(c.log(), "dog: backoff: ") > 3 && strings.Contains(c.log(), "too many open files")
		})
		undo()
		c.service("dog", "ready", pid)
		c.filesAre(before)
		c.must("stop")
		c.end()
	})
}

// numbers is how many lines of a service came, which are numbered from 1 on,
// and how many the log says were dropped after them; with gaps, between them.
func (c *cell) numbers(name string, gaps bool) (last, dropped int) {
	c.t.Helper()
	err := logs.Read(filepath.Join(c.h.Dir, "var/log/jails", c.name), logs.Filter{}, func(l logs.Line) error {
		if n, is := droppedLines(&l); is {
			dropped += n
		}
		n, err := strconv.Atoi(string(l.Text))
		if l.Service != name || !l.Full || err != nil || dropped > 0 && !gaps {
			return nil
		}
		if n != last+1 && !gaps {
			return fmt.Errorf("number %d follows %d", n, last)
		}
		last = n
		return nil
	})
	if err != nil {
		c.t.Error(err)
	}
	return last, dropped
}

// droppedLines is how many the supervisor says were dropped.
func droppedLines(l *logs.Line) (n int, is bool) {
	if l.Service != "supervisor" || !bytes.HasSuffix(l.Text, []byte(" lines were dropped, the log took none")) {
		return 0, false
	}
	_, err := fmt.Sscanf(string(l.Text), "%d", &n)
	return n, err == nil
}

// Where the disk is full when a jail stops, what is left waits for room, for a
// while; then it is counted, and the jail's next log begins with that.
func TestNoRoomAtTheEnd(t *testing.T) {
	h := host.New(t)
	root := newRoot(t, h)
	for _, room := range []bool{true, false} {
		t.Run(fmt.Sprint("room ", room), func(t *testing.T) {
			name := fmt.Sprint("end", room)
			dir := filepath.Join(h.Dir, "var/log/jails", name)
			smallDisk(t, dir, 4)
			const log = "log = { keep = \"1000 x 64 KB\", compress = false, socket = false }\n"
			c := jailOf(t, h, root, name, log+service("total", "", "total", "/tmp/"+name+"/total"))
			c.mounts = 1
			fill := filepath.Join(dir, "fill")
			if err := os.WriteFile(fill, make([]byte, 3<<20), 0o600); err != nil {
				t.Fatal(err)
			}
			c.must("start")
			host.Eventually(t, "a full disk", func() bool { return strings.Contains(c.status().Reason, "no space left") })
			pid := c.service("total", "ready", 0)
			v := c.begin("stop", c.name)
			host.Eventually(t, "the service's end", func() bool { return unix.Kill(pid, 0) != nil })
			if room {
				if err := os.Remove(fill); err != nil {
					t.Fatal(err)
				}
			}
			if code := c.wait(v); code != 0 {
				t.Errorf("stop: exit %d: %s", code, v.said.String())
			}
			// The count itself may have had room.
			spool := exists(filepath.Join(h.Dir, "var/run/jails", c.name, "spool"))
			if _, told := c.numbers("total", false); spool != (!room && told == 0) {
				t.Errorf("the spool is there: %v, the log tells of %d", spool, told)
			}
			text, err := os.ReadFile(filepath.Join(c.dir, "total"))
			if err != nil {
				t.Fatal(err)
			}
			total, err := strconv.Atoi(string(text))
			if err != nil {
				t.Fatal(err)
			}
			if !room {
				if err := os.Remove(fill); err != nil {
					t.Fatal(err)
				}
				c.write(log + service("other", "", "idle"))
				c.must("start")
				c.must("stop")
			}
			c.left()
			n, dropped := c.numbers("total", false)
			t.Logf("%d lines written, %d came, %d were dropped", total, n, dropped)
			// Among those that were dropped are some of jail-init and the supervisor.
			if got := n + dropped; got < total || got > total+20 || room && (dropped > 0 || got > total+1) {
				t.Errorf("%d lines written, %d came, %d were dropped", total, n, dropped)
			}
		})
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// Who starts thousands of processes and leaves them alone leaves no zombies.
func TestOrphans(t *testing.T) {
	count := 200
	if os.Getenv(longVariable) != "" {
		count = 10_000
	}
	h := host.New(t)
	c := jailOf(t, h, newRoot(t, h), "orphans", service("parent", "", "orphans", strconv.Itoa(count)))
	c.must("start")
	pid, before, begun := c.service("parent", "ready", 0), c.files(), time.Now()
	for made, since := 0, begun; made < count; time.Sleep(50 * time.Millisecond) {
		err := logs.Read(filepath.Join(h.Dir, "var/log/jails", c.name), logs.Filter{Services: []string{"parent"}}, func(l logs.Line) error {
			n, _ := strconv.Atoi(strings.TrimSuffix(string(l.Text), " orphans"))
			if n > made {
				made, since = n, time.Now()
				t.Logf("%d orphans in %v", made, time.Since(begun).Round(time.Millisecond))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if time.Since(since) > 5*time.Minute {
			t.Fatalf("no more than %d are made: %+v", made, c.status())
		}
	}
	host.Eventually(t, "nothing but jail-init and the service", func() bool { return c.status().Processes == 2 })
	c.filesAre(before)
	if s := c.status(); s.State != "running" || s.Services[0].PID != pid {
		t.Errorf("%+v", s)
	}
	c.must("stop")
	c.end()
}

// A start that fails because its supervisor was killed is undone, and loses no
// line: what services wrote while there was no supervisor is read first.
func TestLinesOfAStartUndone(t *testing.T) {
	h := host.New(t)
	c := newCell(t, h, newRoot(t, h), "undone")
	c.shut("prepare runs")
	c.shut("web starts")
	v := c.begin("start", c.name)
	c.arrive("prepare runs", 0)
	supervisor := c.supervisor()
	if err := unix.Kill(supervisor, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	c.open("prepare runs")
	web := c.arrive("web starts", 0) // its lines are in the pipe
	kill(t, supervisor)
	if code := c.wait(v); code != software {
		t.Errorf("start: exit %d: %s", code, v.said.String())
	}
	if s := c.status(); s.State != "stopped" || c.wrote[web] != burst {
		t.Errorf("%+v, web wrote %d lines", s, c.wrote[web])
	}
	c.end()
}
