package conformance

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestKernelLog: of each jail and scope one line, however many events, those
// among them that are recorded with spin locks held.
func TestKernelLog(t *testing.T) {
	need(t)
	interval, err := node("security.models.jail.log")
	if err != nil {
		t.Fatal(err)
	}
	set := func(seconds uint32) {
		t.Helper()
		if _, err := sysctl(interval, nil, binary.NativeEndian.AppendUint32(nil, seconds)); err != nil {
			t.Fatal(err)
		}
	}
	log := func() string {
		t.Helper()
		b, err := unix.SysctlRaw("kern.msgbuf")
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	rules := table(t)
	jails := []*jail{newJail(t, high), newJail(t, high)}
	var actors []*actor
	for _, j := range jails {
		actors = append(actors, j.actor(t, 0))
	}
	noise := func() {
		t.Helper()
		for i, j := range jails {
			a := actors[i]
			a.do(t, "open-raw")
			for range 20 {
				a.do(t, "attempt", "sched_setparam", fmt.Sprint(a.pid)) // with the thread's lock
			}
			got := a.do(t, "attempt", "chroot")
			check(t, got.Error != "", "jail %s: chroot: %s", j.name, got)
		}
	}
	set(0)
	noise()
	for _, j := range jails {
		check(t, !strings.Contains(log(), "jail "+j.name+":"), "jail %s is in the log, which is off", j.name)
	}
	set(1 << 30)
	defer set(0)
	noise()
	for _, j := range jails {
		lines := func() (list []string) {
			for line := range strings.Lines(log()) {
				if _, line, ok := strings.Cut(line, "jail "+j.name+": "); ok {
					list = append(list, strings.TrimSpace(line))
				}
			}
			return list
		}
		eventually(t, "the log has three lines", func() bool { return len(lines()) >= 3 })
		scopes := map[string]int{}
		for _, line := range lines() {
			who, what, _ := strings.Cut(line, " uid 0: ")
			rule, rest, _ := strings.Cut(what, " ")
			for _, r := range rules {
				if r.Name == rule {
					scopes[r.Scope]++
				}
			}
			check(t, strings.HasSuffix(who, fmt.Sprintf("[%d]", actors[slices.Index(jails, j)].pid)) && strings.HasPrefix(rest, "refused ("), "jail %s: the line %q", j.name, line)
		}
		check(t, maps.Equal(scopes, map[string]int{"network": 1, "process": 1, "system": 1}), "jail %s: of each scope %v lines: %q", j.name, scopes, lines())
	}
	// From inside it is not turned on or off.
	got := actors[0].do(t, "attempt", "sysctl write")
	check(t, got.Error != "", "a jail writes to sysctl: %s", got)
}
