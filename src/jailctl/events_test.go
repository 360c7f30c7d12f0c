package jailctl

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jails/src/secmodel"
)

var (
	ruleChroot = &secmodel.Rule{Scope: "system", Name: "chroot.chroot", Word: "chroot", Action: 2,
		Verdict: [3]secmodel.Verdict{secmodel.Defer, secmodel.Defer, secmodel.Deny}}
	ruleReboot  = &secmodel.Rule{Scope: "system", Name: "reboot", Action: 3, Verdict: [3]secmodel.Verdict{secmodel.Deny, secmodel.Deny, secmodel.Deny}}
	ruleNice    = &secmodel.Rule{Scope: "process", Name: "nice.raise", Word: "nice", Action: 4, Verdict: [3]secmodel.Verdict{secmodel.Own, secmodel.Deny, secmodel.Deny}}
	rulePort    = &secmodel.Rule{Scope: "network", Name: "bind.port", Action: 1, Request: 1, Verdict: [3]secmodel.Verdict{secmodel.Port, secmodel.Port, secmodel.Port}}
	ruleLowPort = &secmodel.Rule{Scope: "network", Name: "bind.privport", Word: "low-port", Action: 1, Request: 2,
		Verdict: [3]secmodel.Verdict{secmodel.Port, secmodel.Port, secmodel.Deny}}
	ruleAuto = &secmodel.Rule{Scope: "network", Name: "bind.auto", Word: "auto-port", Action: 1, Request: 3,
		Verdict: [3]secmodel.Verdict{secmodel.Port, secmodel.Port, secmodel.Port}}
	ruleFork = &secmodel.Rule{Scope: "process", Name: "fork", Action: 5}
)

func event(jail secmodel.ID, seq, number, repeats uint64, r *secmodel.Rule) secmodel.Event {
	return secmodel.Event{Seq: seq, Number: number, Repeats: repeats, Jail: jail, PID: 9, UID: 1, Command: "p\n", Scope: r.Scope, Rule: r,
		Action: r.Action, Request: r.Request, First: time.Unix(50, 0), Last: time.Unix(60, 0)}
}

func portEvent(seq, repeats uint64, r *secmodel.Rule, scope string, port uint64) secmodel.Event {
	e := event(7, seq, seq, repeats, r)
	e.Scope, e.Kind, e.Value, e.Protocol, e.Observed = scope, secmodel.PortDetail, port, 6, true
	return e
}

// Each time is told once, and what is missing is counted.
func TestEventReader(t *testing.T) {
	jails := []secmodel.Jail{{ID: 1, Name: "a"}, {ID: 2, Name: "b"}}
	type told struct {
		jail        string
		count, lost uint64
	}
	read := func(r *eventReader, all ...secmodel.Event) []told {
		var list []told
		for _, h := range r.sort(all, jails) {
			list = append(list, told{h.name(), h.Count, h.Lost})
		}
		return list
	}
	r := &eventReader{last: map[secmodel.ID]uint64{}}
	for i, step := range []struct {
		events []secmodel.Event
		want   []told
	}{
		{[]secmodel.Event{event(1, 1, 1, 1, ruleChroot), event(2, 5, 4, 2, ruleReboot)}, []told{{"a", 1, 0}, {"b", 2, 2}}},
		{[]secmodel.Event{event(2, 8, 7, 5, ruleReboot)}, []told{{"b", 3, 0}}}, // the same, repeated
		{[]secmodel.Event{event(1, 9, 2, 1, ruleReboot), event(2, 20, 19, 1, ruleChroot)}, []told{{"a", 1, 0}, {"b", 1, 11}}},
		{nil, nil},
		{[]secmodel.Event{event(3, 21, 1, 1, ruleReboot)}, []told{{"3", 1, 0}}}, // gone meanwhile
	} {
		if got := read(r, step.events...); !cmp.Equal(got, step.want, cmp.AllowUnexported(told{})) {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	if r.since != 21 {
		t.Errorf("since %d", r.since)
	}
	for want, n := range map[string]int{"a": 1, "1": 1, "b": 0, "": 1} {
		r := &eventReader{want: want, last: map[secmodel.ID]uint64{}}
		if got := read(r, event(1, 1, 1, 1, ruleChroot)); len(got) != n {
			t.Errorf("of %q: %v", want, got)
		}
	}
}

func TestEventLines(t *testing.T) {
	names := map[secmodel.ID]string{7: "web", 8: "db"}
	kill, device, socket := event(7, 1, 1, 1, ruleNice), event(7, 2, 5, 4, ruleReboot), event(7, 3, 6, 1, ruleReboot)
	kill.Kind, kill.Value, kill.Target = secmodel.ProcessDetail, 77, 8
	device.Kind, device.Value = secmodel.DeviceDetail, 0x200
	socket.Kind, socket.Value, socket.Protocol, socket.Rule, socket.Action, socket.Request = secmodel.SocketDetail, 2, 1, nil, 60, 1
	owned := portEvent(4, 1, rulePort, "port", 80)
	owned.Target, owned.Observed = 9, false
	count := event(7, 5, 8, 1, ruleFork)
	count.Kind, count.Value = secmodel.CountDetail, 65
	var list []happened
	for _, e := range []secmodel.Event{kill, device, socket, owned, portEvent(5, 1, ruleAuto, "port", 0), count} {
		list = append(list, newHappened(&e, names))
	}
	list[1].Lost = 3
	var b strings.Builder
	if err := printEvents(&b, list); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(60, 0).Format(time.DateTime)
	want := strings.ReplaceAll(`AT web          refused  nice.raise, process 77 of jail db by p\x0a[9] uid 1
                    web          3 lost
AT web          refused  reboot, device 0x200 by p\x0a[9] uid 1, 4 times
AT web          refused  action 60 request 1, family 2 protocol 1 by p\x0a[9] uid 1
AT web          refused  bind.port, port 80/tcp of jail 9 by p\x0a[9] uid 1
AT web          observed bind.auto, any port/tcp by p\x0a[9] uid 1
AT web          refused  fork, 65 processes by p\x0a[9] uid 1
`, "AT", at)
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestSuggestion(t *testing.T) {
	high := secmodel.Config{Level: secmodel.High, Allow: []string{"tty"}, Observe: true, Processes: 64}
	with := func(c secmodel.Config, change func(*secmodel.Config)) secmodel.Config {
		change(&c)
		return c
	}
	cap := event(7, 4, 4, 3, ruleFork)
	cap.Scope, cap.Kind, cap.Value, cap.Observed = "fork", secmodel.CountDetail, 70, true
	for name, c := range map[string]struct {
		config       secmodel.Config
		seen, recent []secmodel.Event
		want         string
		needs        string
		incomplete   bool
		floor        uint64
	}{
		"nothing": {high, nil, nil, `level = "high", allow = ["tty"], processes = 64`, "", false, 0},
		"words": {high, []secmodel.Event{event(7, 1, 1, 2, ruleChroot), event(7, 2, 3, 1, ruleNice)}, nil,
			`level = "high", allow = ["chroot", "nice", "tty"], processes = 64`, "chroot 2 nice 1", false, 0},
		"a word that is allowed by now": {with(high, func(c *secmodel.Config) { c.Allow = []string{"chroot"} }), []secmodel.Event{event(7, 1, 1, 2, ruleChroot)}, nil,
			`level = "high", allow = ["chroot"], processes = 64`, "chroot 2", false, 0},
		"a word that is denied at a level that allows it": {
			with(high, func(c *secmodel.Config) { c.Level, c.Deny = secmodel.Low, []string{"nice", "ptrace"} }),
			[]secmodel.Event{event(7, 2, 3, 1, ruleNice)}, nil, `level = "low", allow = ["tty"], deny = ["ptrace"], processes = 64`, "nice 1", false, 0},
		"ports of a strict jail": {
			with(high, func(c *secmodel.Config) {
				c.Strict, c.Ports = true, []secmodel.PortRange{{Protocol: secmodel.TCP, First: 8000, Last: 8001}}
			}),
			[]secmodel.Event{portEvent(6, 3, rulePort, "port", 9000), portEvent(7, 1, ruleAuto, "port", 0)},
			[]secmodel.Event{portEvent(3, 1, rulePort, "port", 8000), portEvent(5, 1, rulePort, "port", 9001), portEvent(6, 1, rulePort, "port", 9000)},
			`level = "high", allow = ["auto-port", "tty"], ports = ["8000-8001/tcp", "9001/tcp", "9000/tcp"], processes = 64`, "auto-port 1 ports 3", false, 0},
		"ports of which some are not known": {
			with(high, func(c *secmodel.Config) { c.Strict = true }),
			[]secmodel.Event{portEvent(6, 30, rulePort, "port", 9000)}, []secmodel.Event{portEvent(6, 1, rulePort, "port", 9000)},
			`level = "high", allow = ["tty"], ports = ["9000/tcp"], processes = 64`, "ports 30", true, 0},
		"a low port that is known": {high, []secmodel.Event{portEvent(6, 2, ruleLowPort, "network", 53)}, []secmodel.Event{portEvent(6, 2, ruleLowPort, "network", 53)},
			`level = "high", allow = ["tty"], ports = ["53/tcp"], processes = 64`, "ports 2", false, 0},
		"low ports that are not": {high, []secmodel.Event{portEvent(6, 2, ruleLowPort, "network", 53)}, nil,
			`level = "high", allow = ["low-port", "tty"], processes = 64`, "low-port 2", false, 0},
		"the cap": {high, []secmodel.Event{cap}, []secmodel.Event{cap}, `level = "high", allow = ["tty"], processes = 70`, "processes 3", false, 0},
		"the cap that is no more": {with(high, func(c *secmodel.Config) { c.Processes = 0 }), []secmodel.Event{cap}, nil,
			`level = "high", allow = ["tty"]`, "processes 3", false, 0},
		"the floor": {high, nil, []secmodel.Event{event(7, 1, 1, 4, ruleReboot), event(7, 3, 6, 2, ruleNice)},
			`level = "high", allow = ["tty"], processes = 64`, "", false, 6},
		"the floor, not observed": {with(high, func(c *secmodel.Config) { c.Observe = false }), nil,
			[]secmodel.Event{event(7, 1, 1, 4, ruleReboot), event(7, 3, 6, 2, ruleNice)},
			`level = "high", allow = ["tty"], processes = 64`, "", false, 4},
	} {
		s := newSuggestion(&secmodel.Jail{ID: 7, Name: "dns", Config: c.config, Since: time.Unix(40, 0)}, c.seen, c.recent)
		if got := s.Fits.String(); got != c.want {
			t.Errorf("%s: fits %s, want %s", name, got, c.want)
		}
		var needs []string
		for _, n := range s.Needs {
			needs = append(needs, n.Need, number(n.Count))
		}
		if got := strings.Join(needs, " "); got != c.needs || s.Complete == c.incomplete || s.Floor != c.floor {
			t.Errorf("%s: needs %q, complete %v, floor %d", name, got, s.Complete, s.Floor)
		}
	}
}

func TestSuggestionText(t *testing.T) {
	j := &secmodel.Jail{ID: 7, Name: "dns", Config: secmodel.Config{Level: secmodel.High, Observe: true}, Since: time.Now().Add(-130 * time.Minute)}
	reboot := event(7, 9, 9, 2, ruleReboot)
	reboot.Last = time.Now()
	got := newSuggestion(j, []secmodel.Event{event(7, 1, 1, 12, ruleChroot), event(7, 2, 3, 1, ruleNice)}, []secmodel.Event{reboot}).String()
	if diff := cmp.Diff(`observed for 2h10m: 2 kinds of operations that high denies
  chroot  12  p\x0a[9] uid 1: chroot.chroot
  nice     1  p\x0a[9] uid 1: nice.raise
besides, 2 that nothing can allow; see: jailctl events dns
fits: level = "high", allow = ["chroot", "nice"]
`, got); diff != "" {
		t.Error(diff)
	}
	j.Config.Observe = false
	got = newSuggestion(j, []secmodel.Event{event(7, 1, 1, 12, ruleChroot)}, nil).String()
	if !strings.Contains(got, "not observed; refused for 2h10m: 1 kind of") || !strings.Contains(got, "jailctl set --observe dns\n") {
		t.Error(got)
	}
}
