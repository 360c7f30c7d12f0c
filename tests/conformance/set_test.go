package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// state is all that can be set of a jail, and what it has of ports.
func (j *jail) state(t testing.TB) string {
	t.Helper()
	owners, err := model.Ports()
	if err != nil {
		t.Fatal(err)
	}
	owners = slices.DeleteFunc(owners, func(o secmodel.PortOwner) bool { return o.Jail != j.id })
	return fmt.Sprintf("%+v %+v", j.record(t).Config, owners)
}

// set changes some of a jail.
func (j *jail) set(t testing.TB, c secmodel.Change) {
	t.Helper()
	if err := model.Set(j.id, c); err != nil {
		t.Fatalf("set %d: %v", j.id, err)
	}
}

// TestSetIsWhole: what of a change can not be keeps all of it from being.
func TestSetIsWhole(t *testing.T) {
	need(t)
	newJail(t, secmodel.Config{Ports: []secmodel.PortRange{{First: 7920, Last: 7920}}})
	mine := []secmodel.PortRange{{Protocol: secmodel.TCP, First: 7921, Last: 7921}}
	config := secmodel.Config{Level: secmodel.Medium, Allow: []string{"nice"}, Processes: 9, Ports: mine}
	j := newJail(t, config)
	a, host, other := j.actor(t, 0), start(t, part{Observe: true}), start(t, part{Observe: true})
	if got := host.do(t, "bind", "tcp", "127.0.0.1", "7932", "listening"); got.Error != "" {
		t.Fatal(got.Error)
	}
	before, generation := j.state(t), snapshotGeneration(t)
	all := secmodel.Change{
		Level: pointer(secmodel.Low), Allow: &[]string{"chroot"}, Deny: &[]string{"nice"}, Strict: pointer(true), Observe: pointer(true),
		Processes: pointer(uint32(3)), Ports: &[]secmodel.PortRange{{First: 7922, Last: 7930}},
		Limits: &[]secmodel.Limit{{Resource: 8, Soft: 10, Hard: 20}},
	}
	for name, spoil := range map[string]func(c *secmodel.Change){
		"a port of another": func(c *secmodel.Change) {
			c.Ports = &[]secmodel.PortRange{{First: 7922, Last: 7930}, {First: 7919, Last: 7921}}
		},
		"a port that is none":       func(c *secmodel.Change) { c.Ports = &[]secmodel.PortRange{{First: 0, Last: 9}} },
		"a level that is none":      func(c *secmodel.Change) { c.Level = pointer(secmodel.Level(3)) },
		"a word allowed and denied": func(c *secmodel.Change) { c.Deny = &[]string{"chroot"} },
		"a word that is none":       func(c *secmodel.Change) { c.Allow = &[]string{"no-word"} },
		"a port that is bound": func(c *secmodel.Change) {
			c.Ports = &[]secmodel.PortRange{{First: 7922, Last: 7930}, {First: 7932, Last: 7932}}
		},
		"a limit that is none": func(c *secmodel.Change) { c.Limits = &[]secmodel.Limit{{Resource: 8, Soft: 20, Hard: 10}} },
	} {
		c := all
		spoil(&c)
		err := model.Set(j.id, c)
		check(t, err != nil && j.state(t) == before && snapshotGeneration(t) == generation, "%s: %v, and the jail is %s, was %s", name, err, j.state(t), before)
	}
	// Nothing of it was kept: not the ports, nor what would be felt.
	for _, port := range []int{7922, 7930, 7921} {
		got := binds(t, other, "tcp", "127.0.0.1", port)
		check(t, (got.Error == "") == (port != 7921), "after what was refused, the host binds %d: %s", port, got)
	}
	got := binds(t, a, "tcp", "127.0.0.1", 7931)
	check(t, got.Error == "", "as before: %s", got)
	if err := model.Set(j.id, all); err != nil {
		t.Fatal(err)
	}
	r := j.record(t).Config
	check(t, r.Level == secmodel.Low && r.Strict && r.Observe && r.Processes == 3 && fmt.Sprint(r.Allow, r.Deny) == "[chroot] [nice]" && len(r.Limits) == 1, "the whole change: %+v", r)
	// One flag alone leaves the other.
	if err := model.Set(j.id, secmodel.Change{Observe: pointer(false)}); err != nil {
		t.Fatal(err)
	}
	r = j.record(t).Config
	check(t, r.Strict && !r.Observe, "observed no more: %+v", r)
	if err := model.Set(j.id, secmodel.Change{Strict: pointer(false), Observe: pointer(true)}); err != nil {
		t.Fatal(err)
	}
	r = j.record(t).Config
	check(t, !r.Strict && r.Observe, "strict no more: %+v", r)
}

func snapshotGeneration(t testing.TB) uint64 {
	t.Helper()
	s, err := model.Jails()
	if err != nil {
		t.Fatal(err)
	}
	return s.Generation
}

// TestSetIsFeltAtOnce: a process that runs is held to what is set, tighter or
// looser, from its next step on; what it has already it keeps.
func TestSetIsFeltAtOnce(t *testing.T) {
	need(t)
	j := newJail(t, high)
	a := j.actor(t, 0)
	raw := func(want bool, when string) {
		t.Helper()
		got := a.do(t, "open-raw")
		check(t, want == (got.Error == ""), "%s: a raw socket: %s", when, got)
	}
	raw(false, "high")
	j.set(t, secmodel.Change{Allow: &[]string{"raw-socket"}})
	raw(true, "allowed")
	j.set(t, secmodel.Change{Allow: &[]string{}})
	raw(false, "allowed no more")
	j.set(t, secmodel.Change{Observe: pointer(true)})
	raw(true, "observed")
	j.set(t, secmodel.Change{Observe: pointer(false)})
	raw(false, "observed no more")

	// A port that is bound stays bound when it is no more the jail's; nobody
	// can reserve it then, and the jail not bind it again if strict.
	j.set(t, secmodel.Change{Ports: &[]secmodel.PortRange{{First: 7940, Last: 7940}}, Strict: pointer(true)})
	if got := a.do(t, "bind", "tcp", "127.0.0.1", "7940", "listening"); got.Error != "" {
		t.Fatal(got.Error)
	}
	j.set(t, secmodel.Change{Ports: &[]secmodel.PortRange{}})
	k := newJail(t, secmodel.Config{})
	err := model.Set(k.id, secmodel.Change{Ports: &[]secmodel.PortRange{{First: 7940, Last: 7940}}})
	refused, ok := errors.AsType[*secmodel.Refused](err)
	check(t, ok && refused.Reason == secmodel.ReasonPortBound && refused.Holder == j.name, "a port that is bound is reserved: %v", err)
	a.do(t, "close")
	got := a.do(t, "bind", "tcp", "127.0.0.1", "7940")
	check(t, got.Error != "", "strict: a port that was given up is bound")
	j.set(t, secmodel.Change{Strict: pointer(false)})
	got = binds(t, a, "tcp", "127.0.0.1", 7940)
	check(t, got.Error == "", "no more strict: %s", got)
}

// TestSetOneThing: what is not named in a change stays as it is.
func TestSetOneThing(t *testing.T) {
	need(t)
	first := secmodel.Config{
		Level: secmodel.Medium, Allow: []string{"nice"}, Deny: []string{"chroot"}, Strict: true, Observe: true, Processes: 9,
		Ports: []secmodel.PortRange{{Protocol: secmodel.TCP, First: 7950, Last: 7951}}, Limits: []secmodel.Limit{{Resource: 8, Soft: 100, Hard: 200}},
	}
	for name, c := range map[string]struct {
		change secmodel.Change
		made   func(c *secmodel.Config)
	}{
		"level":      {secmodel.Change{Level: pointer(secmodel.High)}, func(c *secmodel.Config) { c.Level = secmodel.High }},
		"allow":      {secmodel.Change{Allow: &[]string{"ldt"}}, func(c *secmodel.Config) { c.Allow = []string{"ldt"} }},
		"no allow":   {secmodel.Change{Allow: &[]string{}}, func(c *secmodel.Config) { c.Allow = nil }},
		"deny":       {secmodel.Change{Deny: &[]string{"ptrace"}}, func(c *secmodel.Config) { c.Deny = []string{"ptrace"} }},
		"strict":     {secmodel.Change{Strict: pointer(false)}, func(c *secmodel.Config) { c.Strict = false }},
		"observe":    {secmodel.Change{Observe: pointer(false)}, func(c *secmodel.Config) { c.Observe = false }},
		"processes":  {secmodel.Change{Processes: pointer(uint32(3))}, func(c *secmodel.Config) { c.Processes = 3 }},
		"no cap":     {secmodel.Change{Processes: pointer(uint32(0))}, func(c *secmodel.Config) { c.Processes = 0 }},
		"ports":      {secmodel.Change{Ports: &[]secmodel.PortRange{{First: 7952, Last: 7953}}}, func(c *secmodel.Config) { c.Ports = []secmodel.PortRange{{First: 7952, Last: 7953}} }},
		"no ports":   {secmodel.Change{Ports: &[]secmodel.PortRange{}}, func(c *secmodel.Config) { c.Ports = nil }},
		"limits":     {secmodel.Change{Limits: &[]secmodel.Limit{{Resource: 4, Soft: 1, Hard: 2}}}, func(c *secmodel.Config) { c.Limits = []secmodel.Limit{{Resource: 4, Soft: 1, Hard: 2}} }},
		"no limits":  {secmodel.Change{Limits: &[]secmodel.Limit{}}, func(c *secmodel.Config) { c.Limits = nil }},
		"what it is": {secmodel.Change{Level: pointer(secmodel.Medium), Ports: &first.Ports}, func(*secmodel.Config) {}},
	} {
		t.Run(name, func(t *testing.T) {
			want := first
			c.made(&want)
			k := newJail(t, want)
			made := k.state(t)
			if err := k.end(); err != nil {
				t.Fatal(err)
			}
			j := newJail(t, first)
			j.set(t, c.change)
			made = strings.ReplaceAll(made, fmt.Sprintf("Jail:%d ", k.id), fmt.Sprintf("Jail:%d ", j.id))
			got := j.state(t)
			check(t, got == made, "the jail is %s, and one made so is %s", got, made)
		})
	}
}

// TestSetTightens: who had everything is left with what it has in hand.
func TestSetTightens(t *testing.T) {
	need(t)
	all := secmodel.Change{Level: pointer(secmodel.Low), Allow: pointer(words(t)), Deny: &[]string{}, Strict: pointer(false), Processes: pointer(uint32(0))}
	nothing := secmodel.Change{Level: pointer(secmodel.High), Allow: &[]string{}, Deny: pointer(words(t)), Strict: pointer(true), Processes: pointer(uint32(1))}
	j := newJail(t, secmodel.Config{})
	j.set(t, all)
	a, fellow, client := j.actor(t, 0), j.actor(t, 0), start(t, part{Observe: true})
	tries := map[string]func(*actor) answer{
		"a raw socket":      func(a *actor) answer { return a.do(t, "open-raw") },
		"chroot":            func(a *actor) answer { return a.do(t, "attempt", "chroot") },
		"a higher priority": func(a *actor) answer { return a.do(t, "attempt", "setpriority higher", strconv.Itoa(fellow.pid)) },
		"to trace":          func(a *actor) answer { return a.do(t, "attempt", "ptrace", strconv.Itoa(fellow.pid)) },
		"a port":            func(a *actor) answer { return binds(t, a, "tcp", "127.0.0.1", 7962) },
		"a low port":        func(a *actor) answer { return binds(t, a, "tcp", "127.0.0.1", 763) },
		"a port of choice":  func(a *actor) answer { return binds(t, a, "udp", "127.0.0.1", 0) },
		"one process more":  func(a *actor) answer { return a.do(t, "attempt", "fork") },
	}
	for what, try := range tries {
		if got := try(client); got.errno() == unix.EPERM || got.errno() == unix.EACCES { // root of a container, say
			delete(tries, what)
			t.Run(what, func(t *testing.T) { skip(t, got.Error+"; run as root of the host, who may") })
		}
	}
	client.do(t, "close")
	may := func(when string, want bool) {
		t.Helper()
		for what, try := range tries {
			got := try(a)
			check(t, want == (got.Error == ""), "%s: %s: %s (%s)", when, what, got, got.Error)
		}
		// This is nobody's to take.
		got := a.do(t, "kill", strconv.Itoa(fellow.pid), "0")
		check(t, got.Error == "", "%s: a fellow is signalled: %s", when, got)
		got = a.do(t, "open-tcp")
		check(t, got.Error == "", "%s: an ordinary socket: %s", when, got)
		a.do(t, "close")
	}
	serve := func(when string) {
		t.Helper()
		got := client.do(t, "connect", "7961")
		check(t, got.Error == "", "%s: nobody serves at the port that was bound: %s", when, got)
		got = fellow.do(t, "accept")
		check(t, got.Error == "", "%s: who has bound a port serves no more: %s", when, got)
	}
	may("all", true)
	if got := fellow.do(t, "bind", "tcp", "127.0.0.1", "7961", "listening"); got.Error != "" {
		t.Fatal(got.Error)
	}
	serve("all")
	for range 2 {
		j.set(t, nothing)
		may("nothing", false)
		serve("nothing")
		check(t, j.record(t).Processes == 2, "beyond the cap are %d processes, and they stay", j.record(t).Processes)
		_, got, err := launch(part{Jail: j.id})
		check(t, err == nil && got.Reason == int(secmodel.ReasonCap), "one more enters: reason %d (%s) %v", got.Reason, got.Error, err)
		j.set(t, all)
		may("all again", true)
	}
}

// TestSetLimits: limits are for who enters; who is in keeps what it has.
func TestSetLimits(t *testing.T) {
	need(t)
	const files = 8 // RLIMIT_NOFILE in NetBSD's order
	j := newJail(t, secmodel.Config{Limits: []secmodel.Limit{{Resource: files, Soft: 77, Hard: 99}}})
	a := j.actor(t, 0)
	j.set(t, secmodel.Change{Limits: &[]secmodel.Limit{{Resource: files, Soft: 66, Hard: 88}}})
	got := a.do(t, "limit")
	check(t, got.Value == fmt.Sprint(77, 99), "who was in has %s, want 77 99", got.Value)
	got = j.actor(t, 0).do(t, "limit")
	check(t, got.Value == fmt.Sprint(66, 88), "who comes later has %s, want 66 88", got.Value)
}

// TestSetNeedsALivingJail: one that dies or is gone is not changed.
func TestSetNeedsALivingJail(t *testing.T) {
	need(t)
	j := newJail(t, high)
	if err := model.Kill(j.id, int(unix.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	change := secmodel.Change{Level: pointer(secmodel.Low)}
	before := j.state(t)
	err := model.Set(j.id, change)
	refused, ok := errors.AsType[*secmodel.Refused](err)
	check(t, ok && refused.Reason == secmodel.ReasonDying && j.state(t) == before, "a dying jail is changed: %v, %s", err, j.state(t))
	if err := model.Destroy(j.id); err != nil {
		t.Fatal(err)
	}
	err = model.Set(j.id, change)
	check(t, errors.Is(err, secmodel.ErrNoJail), "a jail that is gone is changed: %v", err)
}

// TestPortsChangeHands: what a jail has given up, and let go, is the next
// one's alone.
func TestPortsChangeHands(t *testing.T) {
	need(t)
	const port = 7970
	mine := []secmodel.PortRange{{First: port, Last: port}}
	first, second := newJail(t, secmodel.Config{Ports: mine}), newJail(t, secmodel.Config{})
	a, b, host := first.actor(t, 0), second.actor(t, 0), start(t, part{Observe: true})
	if got := a.do(t, "bind", "tcp", "127.0.0.1", strconv.Itoa(port), "listening"); got.Error != "" {
		t.Fatal(got.Error)
	}
	first.set(t, secmodel.Change{Ports: &[]secmodel.PortRange{}})
	err := model.Set(second.id, secmodel.Change{Ports: &mine})
	refused, ok := errors.AsType[*secmodel.Refused](err)
	check(t, ok && refused.Reason == secmodel.ReasonPortBound && refused.Holder == first.name, "a port that the one before has bound: %v", err)
	a.do(t, "close")
	second.set(t, secmodel.Change{Ports: &mine})
	for who, c := range map[string]struct {
		a    *actor
		want bool
	}{"the one before": {a, false}, "the next": {b, true}, "the host": {host, false}} {
		for _, protocol := range protocols {
			got := binds(t, c.a, protocol, "127.0.0.1", port, "reuse")
			check(t, c.want == (got.Error == ""), "%s binds %s port %d: %s", who, protocol, port, got)
		}
	}
	second.set(t, secmodel.Change{Ports: &[]secmodel.PortRange{}})
	got := binds(t, host, "udp", "127.0.0.1", port)
	check(t, got.Error == "", "a port that nobody has any more: %s", got)
}

// TestKeptPortsAreNeverFree: of a list that is replaced, what both lists have
// stays the owner's throughout, and it can bind it throughout.
func TestKeptPortsAreNeverFree(t *testing.T) {
	need(t)
	const kept = 7980
	lists := [][]secmodel.PortRange{
		{{First: kept, Last: kept}},
		{{First: kept - 5, Last: kept + 5}, {Protocol: secmodel.TCP, First: 7990, Last: 7990}},
		{{Protocol: secmodel.UDP, First: kept, Last: kept}, {Protocol: secmodel.TCP, First: kept, Last: kept}},
	}
	owner := newJail(t, secmodel.Config{Strict: true, Ports: lists[0]})
	mine, theirs := owner.actor(t, 0), newJail(t, secmodel.Config{}).actor(t, 0)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			err := model.Set(owner.id, secmodel.Change{Ports: &lists[i%len(lists)]})
			if modelIsApart && errors.Is(err, secmodel.ErrPortTaken) {
				continue // whose a socket is that closes just now, hostkern can't tell
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	taken, missed := 0, 0
	for i := range 200 {
		protocol := protocols[i%2]
		if got := binds(t, theirs, protocol, "127.0.0.1", kept); got.Error == "" {
			taken++
		}
		if got := binds(t, mine, protocol, "127.0.0.1", kept); got.Error != "" {
			missed++
		}
	}
	close(stop)
	wg.Wait()
	check(t, taken == 0 && missed == 0, "of 200 times another has bound a port that was kept %d times, and its owner failed to %d times", taken, missed)
}

// TestSetsAtOnce: of changes at the same time each is whole; nobody sees a
// mixture.
func TestSetsAtOnce(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	changes := []secmodel.Change{
		{Level: pointer(secmodel.Low), Allow: &[]string{"nice"}, Deny: &[]string{"chroot"}, Strict: pointer(true), Observe: pointer(false), Processes: pointer(uint32(3)), Ports: &[]secmodel.PortRange{{First: 7996, Last: 7996}}},
		{Level: pointer(secmodel.High), Allow: &[]string{"chroot"}, Deny: &[]string{"nice"}, Strict: pointer(false), Observe: pointer(true), Processes: pointer(uint32(4)), Ports: &[]secmodel.PortRange{{First: 7997, Last: 7998}, {First: 7999, Last: 7999}}},
	}
	var whole []string
	var kept []int
	for _, c := range changes {
		j.set(t, c)
		whole = append(whole, fmt.Sprintf("%+v", j.record(t).Config))
		kept = append(kept, j.record(t).NPorts)
	}
	var wg sync.WaitGroup
	for _, c := range changes {
		wg.Go(func() {
			client, err := secmodel.Open()
			if err != nil {
				t.Error(err)
				return
			}
			defer client.Close()
			for range 200 {
				if err := client.Set(j.id, c); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	mixed := 0
	for looking := true; looking; {
		select {
		case <-done:
			looking = false
		default:
		}
		r := j.record(t)
		i := slices.Index(whole, fmt.Sprintf("%+v", r.Config))
		if i < 0 || r.NPorts != kept[i] {
			mixed++
			t.Logf("%+v, %d ports", r.Config, r.NPorts)
		}
	}
	check(t, mixed == 0, "%d times the jail was neither of the two", mixed)
}
