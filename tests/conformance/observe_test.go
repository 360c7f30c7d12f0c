package conformance

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"jails/src/secmodel"
)

// high is the strictest of all, and new jails of tests' are low.
var high = secmodel.Config{Level: secmodel.High}

func init() {
	verb("events", asJSON(func(c *secmodel.Client) (any, error) { return c.Events(0, 0) }))
	verb("seen", asJSON(func(c *secmodel.Client) (any, error) { return c.Seen(0) }))
}

func (j *jail) events(t testing.TB, since uint64) []secmodel.Event {
	t.Helper()
	all, err := model.Events(j.id, since)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (j *jail) seen(t testing.TB) []secmodel.Event {
	t.Helper()
	all, err := model.Seen(j.id)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestEventsTellWhatWasDenied, by whom, and how often.
func TestEventsTellWhatWasDenied(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	other := newJail(t, secmodel.Config{Ports: []secmodel.PortRange{{First: 7900, Last: 7900}}})
	victim := other.actor(t, 0)
	a := j.actor(t, 0)
	before := j.events(t, 0)
	since := uint64(0)
	if n := len(before); n > 0 {
		since = before[n-1].Seq
	}
	for range 3 {
		a.do(t, "open-raw")
	}
	binds(t, a, "udp", "127.0.0.1", 7900)
	a.do(t, "kill", strconv.Itoa(victim.pid), "15")
	all := j.events(t, since)
	if !check(t, len(all) == 3, "three kinds of denials are %d events: %+v", len(all), all) {
		return
	}
	for i, e := range all {
		check(t, e.Jail == j.id && e.PID == a.pid && e.UID == 0 && e.Command != "" && !e.Observed && e.Rule != nil && !e.First.After(e.Last),
			"event %d: %+v", i, e)
		check(t, i == 0 || e.Seq > all[i-1].Seq && e.Number-e.Repeats == all[i-1].Number, "event %d does not follow: %+v, %+v", i, all[max(i-1, 0)], e)
	}
	e := all[0]
	check(t, e.Name() == "socket.open.raw" && e.Repeats == 3 && e.Kind == secmodel.SocketDetail && e.Value == 2 && e.Protocol == 1, "a raw socket, three times: %+v", e)
	e = all[1]
	check(t, e.Name() == "bind.port" && e.Scope == "port" && e.Kind == secmodel.PortDetail && e.Value == 7900 && e.Protocol == 17 && e.Target == other.id, "another's port: %+v", e)
	e = all[2]
	check(t, e.Name() == "signal" && e.Kind == secmodel.ProcessDetail && e.Value == uint64(victim.pid) && e.Target == other.id, "another's process: %+v", e)

	// Inside, the jail's own are read, and nothing of the other.
	inside, err := fromJSON[[]secmodel.Event](start(t, part{Jail: j.id, Known: true}).do(t, "events"))
	check(t, err == nil && len(inside) >= 3, "events read inside: %+v, %v", inside, err)
	for _, e := range inside {
		check(t, e.Jail == j.id && e.Seq == e.Number && (e.Target == 0 || e.Target == j.id), "inside is read %+v", e)
	}
	seen, err := fromJSON[[]secmodel.Event](start(t, part{Jail: other.id, Known: true}).do(t, "seen"))
	check(t, err == nil && !slices.ContainsFunc(seen, func(e secmodel.Event) bool { return e.Jail != other.id }), "inside another jail is seen %+v, %v", seen, err)
	if uids["user"] != 0 {
		for _, verb := range []string{"events", "seen"} {
			got, err := fromJSON[[]secmodel.Event](start(t, part{UID: user}).do(t, verb))
			check(t, err == nil && len(got) == 0, "a user of the host reads %s: %+v, %v", verb, got, err)
		}
	}
}

// TestEventsAreFair: who makes a lot of them pushes out his own only.
func TestEventsAreFair(t *testing.T) {
	need(t)
	noisy, quiet := newJail(t, high), newJail(t, secmodel.Config{})
	a, b := noisy.actor(t, 0), quiet.actor(t, 0)
	b.do(t, "open-raw")
	of := len(quiet.events(t, 0))
	a.do(t, "open-raw")
	before := noisy.record(t)
	const n = 300
	for port := range n {
		// Each of its own, as the port differs.
		a.do(t, "attempt-low-port", strconv.Itoa(1+port))
	}
	r := noisy.record(t)
	denied := uint64(0)
	for scope, n := range r.Denials {
		denied += n - before.Denials[scope]
	}
	all, kept := noisy.events(t, 0), uint64(0)
	for _, e := range all {
		kept += e.Repeats
	}
	check(t, denied >= n && len(all) == 64 && kept+r.Lost >= denied && r.Lost > n-100, "%d denied: %d events of %d kept, %d lost", denied, len(all), kept, r.Lost)
	check(t, slices.ContainsFunc(noisy.seen(t), func(e secmodel.Event) bool { return e.Name() == "socket.open.raw" }), "what was pushed out is not seen any more")
	check(t, len(quiet.events(t, 0)) == of && quiet.record(t).Lost == 0, "the quiet jail has %d events of %d, %d lost", len(quiet.events(t, 0)), of, quiet.record(t).Lost)
}

func init() {
	verb("attempt-low-port", func(args []string) (string, error) {
		return bind([]string{"tcp", "127.0.0.1", args[0]})
	})
}

// TestObservedPorts: ports above the floor are bound, those of others not.
func TestObservedPorts(t *testing.T) {
	need(t)
	newJail(t, secmodel.Config{Ports: []secmodel.PortRange{{First: 7910, Last: 7910}, {First: 710, Last: 710}}})
	j := newJail(t, secmodel.Config{Level: secmodel.High, Strict: true, Observe: true, Ports: []secmodel.PortRange{{First: 7911, Last: 7911}}})
	a := j.actor(t, 0)
	for port, pass := range map[int]bool{7911: true, 7912: true, 712: true, 0: true, 7910: false, 710: false} {
		for _, protocol := range protocols {
			got := binds(t, a, protocol, "127.0.0.1", port)
			check(t, pass == (got.Error == ""), "strict and observed: %s port %d: %s, want it to go: %v", protocol, port, got, pass)
		}
	}
	names := map[string]uint64{}
	for _, e := range j.seen(t) {
		names[e.Scope+" "+e.Name()] = e.Repeats
		check(t, e.Observed && e.Kind == secmodel.PortDetail, "seen: %+v", e)
	}
	check(t, names["port bind.port"] == 4 && names["port bind.auto"] == 2 && len(names) == 2, "seen: %v", names)
	j.change(t, secmodel.Config{Level: secmodel.High, Observe: true})
	got := binds(t, a, "tcp", "127.0.0.1", 712)
	check(t, got.Error == "", "a low port, observed: %s", got)
	j.change(t, high)
	got = binds(t, a, "tcp", "127.0.0.1", 712)
	check(t, got.Error != "", "a low port, no more observed")
}

// TestObservedCap: processes beyond the cap are made, and enter.
func TestObservedCap(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{Processes: 2, Observe: true})
	a := j.actor(t, 0)
	got := a.do(t, "spawn", "5")
	pids := strings.Fields(got.Value)
	check(t, len(pids) == 5 && got.Error == "", "of 5 forks %d succeed: %s", len(pids), got.Error)
	j.actor(t, 0)
	r := j.record(t)
	check(t, r.Processes == 7 && r.Observed["fork"] >= 5 && r.Denials["fork"] == 0, "%d processes, %v observed, %v denied", r.Processes, r.Observed, r.Denials)
	var caps []secmodel.Event
	for _, e := range j.seen(t) {
		if e.Kind == secmodel.CountDetail {
			caps = append(caps, e)
		}
	}
	check(t, len(caps) == 1 && caps[0].Value == 7 && caps[0].Repeats == r.Observed["fork"], "seen: %+v", caps)
	j.change(t, secmodel.Config{Processes: 2})
	got = a.do(t, "spawn", "1")
	check(t, got.Error != "", "a fork beyond the cap, no more observed, succeeds")
	check(t, j.record(t).Processes == 7, "who is there stays: %d", j.record(t).Processes)
}
