package conformance

import (
	"encoding/binary"
	"fmt"
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
			a.do(t, "open-memory")
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
		lines := func(rule string) (n int) {
			for line := range strings.Lines(log()) {
				if strings.Contains(line, "jail "+j.name+":") && strings.Contains(line, " "+rule+" refused") {
					n++
				}
			}
			return n
		}
		for _, rule := range []string{"socket.open.raw", "rawio.spec.read", "scheduler.setparam", "chroot.chroot"} {
			eventually(t, "the log has a line of "+rule, func() bool { return lines(rule) > 0 })
			check(t, lines(rule) == 1, "jail %s: %d lines of %s", j.name, lines(rule), rule)
		}
	}
	// From inside it is not turned on or off.
	got := actors[0].do(t, "attempt", "sysctl write")
	check(t, got.Error != "", "a jail writes to sysctl: %s", got)
}
