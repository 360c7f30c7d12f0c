package faults

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/logs"
	"jails/tests/host"
)

// The system's clock is set forward and back while a jail runs: nothing is
// restarted for it, delays and times to wait take as long as they should,
// whoever follows goes on, and what is told of the past is right. The clock is
// the test's own: it runs in a virtual machine.
func TestClockJumps(t *testing.T) {
	const rest = 5 * time.Second // between two jumps
	h := host.New(t)
	c := jailOf(t, h, newRoot(t, h), "clock",
		service("steady", `health = { check = "exec:/bin/check", interval = "200ms", timeout = "60s", failures = 1 }`, "steady")+
			service("dog", "ready = \"fd:3\"\nwatchdog = \"30s\"", "dog")+
			service("deaf", "ready = \"fd:3\"\nstop = { timeout = \"4s\" }", "deaf")+
			service("crash", "delay = \"500ms\"\nmax-delay = \"500ms\"\nlimit = 1000\ninterval = \"1s\"", "crash"))
	begun := time.Now()
	t.Cleanup(func() { setClock(t, begun.Round(0).Add(time.Since(begun))) })
	jump := func(by time.Duration) {
		t.Helper()
		setClock(t, time.Now().Round(0).Add(by))
	}
	find := func(name string) (pid, restarts int, age time.Duration) {
		t.Helper()
		all := c.status().Services
		i := slices.IndexFunc(all, func(s serviceState) bool { return s.Name == name })
		if i < 0 {
			t.Fatalf("no service %s: %+v", name, all)
		}
		return all[i].PID, all[i].Restarts, time.Since(all[i].Since)
	}
	c.wait(c.begin("start", "-w", "5s", c.name)) // one service never comes to rest
	for _, name := range []string{"steady", "dog", "deaf"} {
		c.service(name, "ready", 0)
	}
	follow := c.begin("logs", "-f", "--since", "1m", "-s", "steady", c.name)
	pids := map[string]int{}
	ages := map[string]time.Duration{} // when this began
	since := time.Now()
	for _, name := range []string{"steady", "dog", "deaf"} {
		pids[name], _, ages[name] = find(name)
	}
	for _, by := range []time.Duration{time.Hour, -3 * time.Hour, 2 * time.Hour} {
		jump(by)
		seen := strings.Count(follow.said.String(), "\n")
		_, crashes, _ := find("crash")
		time.Sleep(rest)
		if _, now, _ := find("crash"); now-crashes < 2 || now-crashes > int(2*rest/(375*time.Millisecond)) {
			t.Errorf("%v: %d restarts in %v of what waits for half a second", by, now-crashes, rest)
		}
		for name, pid := range pids {
			now, restarts, age := find(name)
			if now != pid || restarts != 0 {
				t.Errorf("%v: %s has process %d, had %d; %d restarts", by, name, now, pid, restarts)
			}
			if d := age - ages[name] - time.Since(since); d.Abs() > 10*time.Second {
				t.Errorf("%v: %s is off by %v", by, name, d)
			}
		}
		if n := strings.Count(follow.said.String(), "\n"); n < seen+50 {
			t.Errorf("%v: who follows got %d lines more", by, n-seen)
		}
		if out := h.Run(t, "jailmgr", "logs", "--since", "3s", "-s", "steady", c.name); strings.Count(out, "\n") < 50 {
			t.Errorf("%v: the last 3 s have\n%s", by, out)
		}
	}
	if err := follow.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.wait(follow)

	// Who waits for an end waits as long as he would.
	asked := time.Now()
	stop := c.run("jailctl", "service", c.name, "stop", "deaf")
	time.Sleep(time.Second)
	jump(-time.Hour)
	if code := c.wait(stop); code != 0 {
		t.Errorf("%s", stop.said.String())
	}
	if took := time.Since(asked); took < 4*time.Second || took > 30*time.Second {
		t.Errorf("to stop what is deaf took %v", took)
	}
	if out := h.Run(t, "jailmgr", "audit", "--since", "1m", c.name); !strings.Contains(out, "jailctl service clock stop deaf: done after ") {
		t.Errorf("the audit trail has\n%s", out)
	}
	c.must("stop")
	c.end()
	if n, dropped := c.numbers("steady", false); n < 500 || dropped > 0 {
		t.Errorf("%d lines, %d dropped", n, dropped)
	}
	// The times are those of the clock.
	var steps []string
	var last time.Time
	if err := logs.Read(filepath.Join(h.Dir, "var/log/jails", c.name), logs.Filter{Services: []string{"steady"}}, func(l logs.Line) error {
		if d := l.Time.Sub(last); !last.IsZero() && d.Abs() > time.Minute {
			steps = append(steps, d.Round(time.Minute).String())
		}
		last = l.Time
		return nil
	}); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(steps); got != "[1h0m0s -3h0m0s 2h0m0s -1h0m0s]" {
		t.Errorf("the log's times jump by %s", got)
	}
}

func setClock(t *testing.T, to time.Time) {
	t.Helper()
	tv := unix.NsecToTimeval(to.UnixNano())
	if err := unix.Settimeofday(&tv); err != nil {
		t.Fatal(err)
	}
}
