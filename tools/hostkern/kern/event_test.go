// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// events reads a list of events as a client does.
func events(t testing.TB, p Proc, node string) []Event {
	t.Helper()
	b := list(t, p, node)
	var s snapshot
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&s)), unsafe.Sizeof(s)), b)
	if int(s.Size) != int(unsafe.Sizeof(Event{})) {
		t.Fatalf("%s: events of %d bytes", node, s.Size)
	}
	all := make([]Event, s.Count)
	for i := range all {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&all[i])), s.Size), b[int(unsafe.Sizeof(s))+i*int(s.Size):])
	}
	return all
}

// counters are those of a jail's record.
func counters(t testing.TB, root Proc, id uint32) record {
	t.Helper()
	r, _ := recordOf(t, root, id)
	return r
}

func set(t testing.TB, root Proc, q Request) {
	t.Helper()
	q.Command = CommandSet
	if y, err := root.Command(&q, nil); err != nil {
		t.Fatalf("set: %v, reason %d detail %d", err, y.Reason, y.Detail)
	}
}

// defile does what is denied, at every place in the kernel where a spin lock
// is held, and at some where none is.
func defile(p Proc) {
	_ = p.System(SystemReboot, 0, 0, 0)
	_ = p.Generic(GenericIssuser)
	_ = p.Sched(p, ProcessSchedulerSetparam, 1, 1) // with an LWP's lock
	_ = p.CanSee(p, ReqProcessCanseeKptr)          // the same
	_ = p.TTY(DeviceTtyOpen)                       // with a terminal's
	_ = p.SocketOpen(2, 3, 1)
	_ = p.Spec(ReqDeviceRawioSpecRw, true, 5<<8|1)
	_ = p.Vnode(VnodeRevoke, syscall.S_IFCHR, 5<<8|1, 0)
}

// One after the other that are the same are one event; what is between them
// has its own.
func TestEvents(t *testing.T) {
	root, user := host(t, 0), host(t, 1000)
	id := jail(t, root, "events", 2)
	p := member(t, id, 0)
	p.SetCommand("prog")
	before := time.Now().UnixNano()
	for range 3 {
		_ = p.System(SystemReboot, 0, 0, 0)
	}
	_ = p.Signal(root, 15)
	_ = p.System(SystemReboot, 0, 0, 0)
	_ = p.SocketOpen(2, 3, 1)
	_ = p.Spec(ReqDeviceRawioSpecRead, true, 5<<8|1)

	all := events(t, root, fmt.Sprintf("events.%d", id))
	if len(all) != 5 {
		t.Fatalf("%d events: %+v", len(all), all)
	}
	number := uint64(0)
	for i, e := range all {
		if e.Number-e.Repeats != number || i > 0 && e.Seq <= all[i-1].Seq {
			t.Errorf("event %d has the number %d of %d, sequence %d", i, e.Number, e.Repeats, e.Seq)
		}
		number = e.Number
		if e.ID != id || e.UID != 0 || strings.TrimRight(string(e.Command[:]), "\x00") != "prog" || e.Verdict != 0 ||
			e.First < before || e.Last < e.First || e.Last > time.Now().UnixNano() || e.Reserved != 0 {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	if e := all[0]; e.Repeats != 3 || e.Scope != 1 || uint64(e.Action) != SystemReboot || e.Kind != 0 {
		t.Errorf("reboot: %+v", e)
	}
	if e := all[1]; e.Kind != 1 || e.Detail == 0 || e.Target != 0 {
		t.Errorf("signal: %+v", e)
	}
	if e := all[3]; e.Kind != 4 || e.Detail != 2 || e.Protocol != 1 {
		t.Errorf("raw socket: %+v", e)
	}
	if e := all[4]; e.Kind != 3 || e.Detail == 0 {
		t.Errorf("device: %+v", e)
	}

	// From a place on; and once more of the last moves it.
	from := fmt.Sprintf("events.%d.%d.%d", id, all[3].Seq>>32, uint32(all[3].Seq))
	if got := events(t, root, from); len(got) != 1 || got[0] != all[4] {
		t.Errorf("after %d: %+v", all[3].Seq, got)
	}
	_ = p.Spec(ReqDeviceRawioSpecRead, true, 5<<8|1)
	if got := events(t, root, from); len(got) != 1 || got[0].Repeats != 2 || got[0].Seq <= all[4].Seq || got[0].First != all[4].First {
		t.Errorf("once more: %+v", got)
	}
	if got := events(t, root, fmt.Sprintf("events.%d", id+1)); len(got) != 0 {
		t.Errorf("of another jail: %+v", got)
	}
	for _, node := range []string{"events", "seen", "events.0.0.0", fmt.Sprintf("seen.%d", id)} {
		if got := events(t, user, node); len(got) != 0 {
			t.Errorf("a user of the host reads %s: %+v", node, got)
		}
	}
}

// Of the others a process in a jail sees nothing, not even how many events
// they have.
func TestEventsInside(t *testing.T) {
	root := host(t, 0)
	a, b := jail(t, root, "in-a", 2), jail(t, root, "in-b", 2)
	p, q := member(t, a, 0), member(t, b, 0)
	_ = p.System(SystemReboot, 0, 0, 0)
	_ = q.System(SystemReboot, 0, 0, 0)
	_ = p.Signal(q, 15)
	for _, node := range []string{"events", "events.0", fmt.Sprintf("events.%d", a)} {
		all := events(t, p, node)
		if len(all) != 2 || all[0].ID != a || all[1].ID != a || all[0].Seq != 1 || all[1].Seq != 2 || all[1].Target != 0 {
			t.Errorf("%s inside: %+v", node, all)
		}
	}
	if all := events(t, p, fmt.Sprintf("events.%d.0.1", a)); len(all) != 1 || all[0].Seq != 2 {
		t.Errorf("after 1 inside: %+v", all)
	}
	for _, node := range []string{fmt.Sprintf("events.%d", b), fmt.Sprintf("seen.%d", b)} {
		if all := events(t, p, node); len(all) != 0 {
			t.Errorf("another jail's, inside: %+v", all)
		}
	}
	if all := events(t, root, fmt.Sprintf("events.%d", a)); len(all) != 2 || all[1].Target != b {
		t.Errorf("outside: %+v", all)
	}
	if _, err := p.Sysctl("security.models.jail.log", nil, []byte{1, 0, 0, 0}); err != syscall.EPERM {
		t.Errorf("the log is turned on inside: %v", err)
	}
}

// A noisy jail pushes out its own events only, and the counts of what its
// rules deny are not among them.
func TestEventsFair(t *testing.T) {
	root := host(t, 0)
	noisy, quiet := jail(t, root, "noisy", 2), jail(t, root, "quiet", 2)
	p, q := member(t, noisy, 0), member(t, quiet, 0)
	_ = q.System(SystemReboot, 0, 0, 0)
	_ = q.SocketOpen(2, 3, 1)
	_ = p.SocketOpen(2, 3, 254) // a rule with a word
	_ = p.SocketOpen(2, 3, 255)
	const n = 5000
	for i := range uint64(n) {
		_ = p.Spec(ReqDeviceRawioSpecRead, true, i)
	}
	if all := events(t, root, fmt.Sprintf("events.%d", quiet)); len(all) != 2 {
		t.Errorf("the quiet jail has %d events", len(all))
	}
	all := events(t, root, fmt.Sprintf("events.%d", noisy))
	if len(all) != 64 {
		t.Fatalf("the noisy jail has %d events", len(all))
	}
	kept := uint64(0)
	for _, e := range all {
		kept += e.Repeats
	}
	if c := counters(t, root, noisy); c.Lost != n+2-kept || c.Denials[5] != n || c.Denials[3] != 2 {
		t.Errorf("%d kept, %+v", kept, c)
	}
	if c := counters(t, root, quiet); c.Lost != 0 {
		t.Errorf("the quiet jail lost %d", c.Lost)
	}
	seen := events(t, root, fmt.Sprintf("seen.%d", noisy))
	if len(seen) != 1 || seen[0].Repeats != 2 || seen[0].Protocol != 255 {
		t.Errorf("seen: %+v", seen)
	}
}

// What the config denies passes for who observes; the floor, the other
// jails, their ports and init's guard hold.
func TestObserve(t *testing.T) {
	root := host(t, 0)
	id := jail(t, root, "observed", 2, Port{6, 80, 80, 0})
	other := jail(t, root, "not-observed", 2, Port{6, 81, 81, 0})
	init, p, q := member(t, id, EnterInit), member(t, id, 0), member(t, other, 0)
	s, u := p.NewSocket(2, 1, 6), p.NewSocket(2, 1, 6)
	defer s.Free()
	defer u.Free()
	type question struct {
		name string
		pass bool // when observed
		ask  func() error
	}
	all := []question{
		{"chroot", true, func() error { return p.System(SystemChroot, ReqSystemChrootChroot, 0, 0) }},
		{"raw socket", true, func() error { return p.SocketOpen(2, 3, 1) }},
		{"nice", true, func() error { return p.Nice(p, 10) }},
		{"scheduler", true, func() error { return p.Sched(p, ProcessSchedulerSetparam, 1, 1) }},
		{"limit beyond", true, func() error { return p.Rlimit(p, ReqProcessRlimitBypass, 7, 0, 0) }},
		{"ptrace", true, func() error { return p.Ptrace(p, 9) }},
		{"low port", true, func() error { return p.Bind(s, 70) }},
		{"superuser", true, func() error { return p.Generic(GenericIssuser) }},
		{"reboot", false, func() error { return p.System(SystemReboot, 0, 0, 0) }},
		{"mount", false, func() error { return p.System(SystemMount, ReqSystemMountNew, 0, 0) }},
		{"signal init", false, func() error { return p.Signal(init, 15) }},
		{"trace init", false, func() error { return p.Ptrace(init, 9) }},
		{"trace another", false, func() error { return p.Ptrace(q, 9) }},
		{"another's port", false, func() error { return p.Bind(u, 81) }},
		{"disk", false, func() error { return p.Spec(ReqDeviceRawioSpecRw, true, 5<<8|1) }},
	}
	run := func(when string, observed bool) {
		t.Helper()
		for _, c := range all {
			before := counters(t, root, id)
			err := c.ask()
			after := counters(t, root, id)
			denied, passed := sum(after.Denials)-sum(before.Denials), sum(after.Observed)-sum(before.Observed)
			quiet := c.name == "limit beyond" || err == syscall.ESRCH // not even seen
			want := [2]uint64{1, 0}
			if observed && c.pass {
				want = [2]uint64{0, 1}
			}
			if quiet {
				want = [2]uint64{}
			}
			if (err == nil) != (observed && c.pass) || want != [2]uint64{denied, passed} {
				t.Errorf("%s: %s: %v; %d denied, %d passed", when, c.name, err, denied, passed)
			}
		}
	}
	run("at high", false)
	since := counters(t, root, id).Since
	set(t, root, Request{ID: id, Mask: SetObserve, Config: Config{Flags: Observe}})
	if seen := events(t, root, fmt.Sprintf("seen.%d", id)); len(seen) != 0 || counters(t, root, id).Since < since {
		t.Errorf("an observation begins with %+v", seen)
	}
	run("observed", true)
	for _, e := range events(t, root, fmt.Sprintf("seen.%d", id)) {
		if e.Verdict != 1 || e.Repeats != 1 {
			t.Errorf("seen: %+v", e)
		}
	}
	// A flag is set alone: strict comes, and observe stays.
	set(t, root, Request{ID: id, Mask: SetStrict, Config: Config{Flags: Strict}})
	if err := p.Bind(s, 8080); err != nil {
		t.Errorf("a port of nobody, strict and observed: %v", err)
	}
	if err := p.Autobind(s); err != nil {
		t.Errorf("any port, strict and observed: %v", err)
	}
	set(t, root, Request{ID: id, Mask: SetObserve})
	run("no more", false)
	if err := p.Bind(s, 8080); err == nil {
		t.Error("a port of nobody, strict, is bound")
	}
	if y, err := root.Command(&Request{Command: CommandSet, ID: id, Mask: SetStrict, Config: Config{Flags: Observe}}, nil); err != syscall.EINVAL || y.Reason != 1 {
		t.Errorf("a flag that is not in the mask: %v, reason %d", err, y.Reason)
	}
}

func sum(n [9]uint64) (s uint64) {
	for _, v := range n {
		s += v
	}
	return s
}

// The cap is of the config: beyond it processes are made and enter, and the
// most that there were is told.
func TestObserveCap(t *testing.T) {
	root := host(t, 0)
	id := jail(t, root, "cap", 2)
	set(t, root, Request{ID: id, Mask: SetObserve | SetProcesses, Config: Config{Flags: Observe, Processes: 2}})
	p := member(t, id, 0)
	member(t, id, 0)
	if err := p.MayFork(); err != nil {
		t.Errorf("a fork beyond the cap: %v", err)
	}
	member(t, id, 0) // the third, and
	c := p.Fork(9300)
	if err := p.MayFork(); err != nil {
		t.Errorf("a fork beyond the cap: %v", err)
	}
	end(c)
	if err := p.MayFork(); err != nil { // one less than before
		t.Errorf("a fork beyond the cap: %v", err)
	}
	seen := events(t, root, fmt.Sprintf("seen.%d", id))
	if len(seen) != 1 || seen[0].Repeats != 4 || seen[0].Kind != 5 || seen[0].Detail != 5 || seen[0].Scope != 8 {
		t.Errorf("seen: %+v", seen)
	}
	if c := counters(t, root, id); c.Observed[8] != 4 || c.Denials[8] != 0 {
		t.Errorf("%+v", c)
	}
	set(t, root, Request{ID: id, Mask: SetObserve})
	if err := p.MayFork(); err != syscall.EAGAIN {
		t.Errorf("a fork beyond the cap, no more observed: %v", err)
	}
	if c := counters(t, root, id); c.Observed[8] != 4 || c.Denials[8] != 1 {
		t.Errorf("%+v", c)
	}
}

// A dying jail's refusals are counted, and are no events.
func TestEventsDying(t *testing.T) {
	root := host(t, 0)
	id := jail(t, root, "dying", 2)
	set(t, root, Request{ID: id, Mask: SetObserve, Config: Config{Flags: Observe}})
	p := member(t, id, 0)
	if _, err := root.Command(&Request{Command: CommandKill, ID: id, Signal: 16}, nil); err != nil {
		t.Fatal(err)
	}
	Signals()
	defile(p)
	if c := counters(t, root, id); sum(c.Denials) < 5 || sum(c.Observed) != 0 || len(events(t, root, "events")) != 0 {
		t.Errorf("%+v, %+v", c, events(t, root, "events"))
	}
}

// From all sides at one time, while it is read, nothing is missed: what is
// there and what was lost is what there was, without a gap.
func TestEventsConcurrent(t *testing.T) {
	root := host(t, 0)
	const jails, members, rounds = 3, 3, 400
	var ids [jails]uint32
	var wg sync.WaitGroup
	for i := range ids {
		ids[i] = jail(t, root, fmt.Sprintf("many%d", i), 2)
		if i > 0 {
			set(t, root, Request{ID: ids[i], Mask: SetObserve, Config: Config{Flags: Observe}})
		}
		for range members {
			p := member(t, ids[i], 0)
			wg.Go(func() {
				for range rounds {
					defile(p)
				}
			})
		}
	}
	stop := make(chan bool)
	reader := host(t, 0)
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			contiguous(t, events(t, reader, "events"))
			events(t, reader, "seen")
		}
	})
	wg.Wait()
	close(stop)
	reading.Wait()
	kept := contiguous(t, events(t, root, "events"))
	for _, id := range ids {
		c := counters(t, root, id)
		if all := sum(c.Denials) + sum(c.Observed); all != kept[id]+c.Lost || c.Lost == 0 {
			t.Errorf("jail %d: %d kept, %d lost, of %d", id, kept[id], c.Lost, all)
		}
		counted := uint64(0)
		for _, e := range events(t, root, fmt.Sprintf("seen.%d", id)) {
			counted += e.Repeats
		}
		if want := uint64(members * rounds * 4); counted != want {
			t.Errorf("jail %d: %d seen, want %d", id, counted, want)
		}
	}
}

// contiguous wants each jail's numbers without a gap, and returns how many
// there are.
func contiguous(t *testing.T, all []Event) map[uint32]uint64 {
	last, kept := map[uint32]uint64{}, map[uint32]uint64{}
	for _, e := range all {
		if before, ok := last[e.ID]; ok && e.Number-e.Repeats != before {
			t.Errorf("jail %d: event %d of %d follows %d", e.ID, e.Number, e.Repeats, before)
		}
		last[e.ID] = e.Number
		kept[e.ID] += e.Repeats
	}
	return kept
}

// logged runs as a process of its own, whose standard error is the log.
func logged() int {
	root := NewHost(2, IDs{})
	var t testing.T
	ids := []uint32{jail(quietly{&t}, root, "one", 2), jail(quietly{&t}, root, "two", 2)}
	write := func(seconds uint32) {
		if _, err := root.Sysctl("security.models.jail.log", nil, binary.NativeEndian.AppendUint32(nil, seconds)); err != nil {
			fmt.Println(err)
		}
	}
	var members []Proc
	for _, id := range ids {
		p := member(quietly{&t}, id, 0)
		p.SetCommand("pr\n\x9bg")
		defile(p) // not yet
		members = append(members, p)
	}
	write(math.MaxInt32)
	for range 1000 {
		for _, p := range members {
			defile(p)
		}
		// The soft interrupt has its turn before its queue is full.
		time.Sleep(20 * time.Microsecond)
	}
	time.Sleep(100 * time.Millisecond)
	write(0)
	return 0
}

// quietly is a test without an end.
type quietly struct{ *testing.T }

func (quietly) Cleanup(func()) {}
func (quietly) Helper()        {}

// The kernel's log has one line of a jail and a scope, however many events,
// and however the program is called.
func TestLog(t *testing.T) {
	out, err := again("log")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	counts := map[string]int{}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 8 || f[0] != "jail" || !strings.HasPrefix(f[2], "pr??g[") || f[6] != "refused" {
			t.Errorf("a line %q", line)
			continue
		}
		counts[f[1]+" "+f[5]]++
	}
	for _, jail := range []string{"one:", "two:"} {
		for _, rule := range []string{"reboot", "superuser", "scheduler.setparam", "socket.open.raw", "rawio.spec.rw", "revoke"} {
			if n := counts[jail+" "+rule]; n != 1 {
				t.Errorf("jail %s: %d lines of %s", jail, n, rule)
			}
		}
	}
	if len(counts) != 12 {
		t.Errorf("lines: %v", counts)
	}
}
