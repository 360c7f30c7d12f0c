package supervise

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/audit"
	"jails/src/secmodel"
)

// denied is what the trail has of a jail: how often each action was denied, and
// how many are not known.
func (w *world) denied(id secmodel.ID) (counts map[string]uint64, lost uint64) {
	w.Helper()
	counts = map[string]uint64{}
	if err := audit.Read(w.layout.Audit(), func(r *audit.Record) error {
		switch {
		case r.Event != audit.Denied:
			w.Errorf("%s %s", r.Event, r.Text)
		case r.JailID == uint32(id):
			counts[r.Action] += r.Count
			lost += r.Lost
		}
		return nil
	}); err != nil {
		w.Fatal(err)
	}
	return counts, lost
}

func (w *world) isDenied(id secmodel.ID, want string) {
	w.Helper()
	var got string
	for end := time.Now().Add(patience); got != want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("the trail has %s, want %s", got, want)
		}
		counts, lost := w.denied(id)
		got = fmt.Sprint(counts, " ", lost)
	}
}

// What a jail is denied is in the audit trail, each once or as lost, whoever
// dies: the supervisor, jail-init, the jail.
func TestDenials(t *testing.T) {
	w := newWorld(t, sh("a", "exec sleep 1000"))
	event := func(id secmodel.ID, number, repeats uint64, rule string) secmodel.Event {
		now := time.Now()
		return secmodel.Event{Seq: 1000*uint64(id) + number, Number: number, Repeats: repeats, First: now, Last: now, Jail: id,
			PID: 77, Command: "x", Scope: "process", Rule: &secmodel.Rule{Name: rule}}
	}
	k := w.k.events()
	w.mustStart()
	k.deny(t, 1, event(1, 3, 3, "ptrace"))
	w.isDenied(1, "map[ptrace:3] 0")

	unix.Kill(w.supervisor().PID, unix.SIGKILL)
	w.eventually("the supervisor's end", func() bool { return !Running(w.name) })
	k.deny(t, 1, event(1, 5, 5, "ptrace"), event(1, 9, 2, "nice"))
	w.mustStart()
	w.isDenied(1, "map[nice:2 ptrace:5] 2")

	// More in the time between two records, and the last before the end.
	k.deny(t, 1, event(1, 9, 2, "nice"), event(1, 10, 1, "ptrace"))
	time.Sleep(2 * readRest)
	k.deny(t, 1, event(1, 10, 1, "ptrace"), event(1, 11, 1, "nice"))
	unix.Kill(w.init().PID, unix.SIGKILL)
	w.isDenied(1, "map[nice:3 ptrace:6] 2")
	w.eventually("another jail", func() bool { _, err := w.k.load(2); return err == nil && w.supervisor().State == "running" })
	k.deny(t, 2, event(2, 1, 1, "ptrace"))
	w.isDenied(2, "map[ptrace:1] 0")

	// What can not be recorded now is later, and the log tells of it.
	if err := os.Rename(w.layout.Audit(), w.layout.Audit()+".0"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(w.layout.Audit(), 0o700); err != nil {
		t.Fatal(err)
	}
	k.deny(t, 2, event(2, 2, 2, "ptrace"))
	w.eventually("a complaint", func() bool {
		return w.hasLine(ownName, "err", "what the jail was denied is not recorded: "+w.layout.Audit()+": is a directory")
	})
	if err := os.Remove(w.layout.Audit()); err != nil {
		t.Fatal(err)
	}
	k.deny(t, 2, event(2, 2, 2, "ptrace"), event(2, 3, 1, "nice"))
	w.mustStop()
	w.isDenied(2, "map[nice:1 ptrace:2] 0")
	w.isDenied(1, "map[nice:3 ptrace:6] 2")
}
