package conformance

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

var (
	protocols = []string{"tcp", "udp"}
	addresses = []string{"127.0.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"}
)

// A quay is jails with ports, and actors at them.
type quay struct {
	owner, stranger       *jail
	root, user            *actor // of the owner
	strangerRoot          *actor
	hostRoot, hostUser    *actor
	everyone, notTheOwner map[string]*actor
}

// The owner's ports. Low ones for what only root may bind.
var berths = []secmodel.PortRange{
	{Protocol: secmodel.TCP, First: 7100, Last: 7100},
	{Protocol: secmodel.UDP, First: 7101, Last: 7101},
	{Protocol: secmodel.AnyProtocol, First: 7102, Last: 7102},
	{Protocol: secmodel.TCP, First: 7110, Last: 7119},
	{Protocol: secmodel.AnyProtocol, First: 700, Last: 700},
}

func newQuay(t *testing.T, level secmodel.Level) *quay {
	t.Helper()
	q := &quay{
		owner:    newJail(t, secmodel.Config{Level: level, Ports: berths}),
		stranger: newJail(t, secmodel.Config{Level: level}),
	}
	q.root, q.user = q.owner.actor(t, 0), q.owner.actor(t, user)
	q.strangerRoot = q.stranger.actor(t, 0)
	q.hostRoot, q.hostUser = start(t, part{Observe: true}), start(t, part{Observe: true, UID: user})
	q.notTheOwner = map[string]*actor{"another jail's root": q.strangerRoot, "the host's root": q.hostRoot, "the host's user": q.hostUser}
	q.everyone = map[string]*actor{"the owner's root": q.root, "the owner's user": q.user}
	for name, a := range q.notTheOwner {
		q.everyone[name] = a
	}
	return q
}

// binds tries once and lets go.
func binds(t testing.TB, a *actor, protocol, address string, port int, more ...string) answer {
	t.Helper()
	got := a.do(t, "bind", append([]string{protocol, address, strconv.Itoa(port)}, more...)...)
	if closed := a.do(t, "close"); closed.Error != "" {
		t.Fatalf("close: %s", closed.Error)
	}
	return got
}

func TestReservedPortsAreTheOwners(t *testing.T) {
	need(t)
	for name, level := range levels {
		t.Run(name, func(t *testing.T) {
			q := newQuay(t, level)
			for _, protocol := range protocols {
				for _, port := range []int{7100, 7101, 7102, 7109, 7110, 7115, 7119, 7120} {
					mine := reserved(berths, protocol, port)
					for _, address := range addresses {
						for who, a := range q.everyone {
							outsider := q.notTheOwner[who] != nil
							got := binds(t, a, protocol, address, port)
							what := fmt.Sprintf("%s binds %s port %d at %s", who, protocol, port, address)
							if mine && outsider {
								check(t, got.errno() == unix.EACCES, "%s: %s, want EACCES", what, got)
							} else {
								check(t, got.Error == "", "%s: %s (%s), want done", what, got, got.Error)
							}
						}
					}
				}
			}
		})
	}
}

// reserved says whether a list of ranges has a port.
func reserved(list []secmodel.PortRange, protocol string, port int) bool {
	for _, r := range list {
		if int(r.First) <= port && port <= int(r.Last) && (r.Protocol == secmodel.AnyProtocol || r.Protocol == secmodel.TCP && protocol == "tcp" || r.Protocol == secmodel.UDP && protocol == "udp") {
			return true
		}
	}
	return false
}

// TestTakenPortsStayTaken: the more specific address, or the same one shared,
// goes past the owner nowhere, whichever the owner has.
func TestTakenPortsStayTaken(t *testing.T) {
	need(t)
	q := newQuay(t, secmodel.Low)
	for _, protocol := range protocols {
		port := map[string]int{"tcp": 7100, "udp": 7101}[protocol]
		for _, mine := range addresses {
			if got := q.root.do(t, "bind", protocol, mine, strconv.Itoa(port), "reuse"); got.Error != "" {
				t.Fatal(got.Error)
			}
			for who, a := range q.notTheOwner {
				for _, address := range addresses {
					got := binds(t, a, protocol, address, port, "reuse")
					check(t, got.errno() == unix.EACCES, "%s binds %s %s over the owner's %s: %s, want EACCES", who, protocol, address, mine, got)
				}
			}
			got := q.root.do(t, "bind", protocol, mine, strconv.Itoa(port), "reuse")
			check(t, got.Error == "", "the owner shares its %s %s: %s", protocol, mine, got)
			q.root.do(t, "close")
		}
	}
}

// TestOthersPortsAreNotStolen: nobody has reserved it, but it is bound at every
// address, and a jail wants one of these, or the same one once more.
func TestOthersPortsAreNotStolen(t *testing.T) {
	need(t)
	thief, other := newJail(t, secmodel.Config{Level: secmodel.Low}), newJail(t, secmodel.Config{Level: secmodel.Low})
	a, hosts := thief.actor(t, 0), start(t, part{Observe: true})
	for _, protocol := range protocols {
		for who, owner := range map[string]*actor{"the host": hosts, "another jail": other.actor(t, 0), "itself": thief.actor(t, 0)} {
			for _, c := range []struct {
				has, wants string
				more       string // of the owner
			}{
				{"0.0.0.0", "127.0.0.1", "listening"}, {"0.0.0.0", "::ffff:127.0.0.1", "listening"}, {"::", "::1", "listening"},
				{"::", "127.0.0.1", "listening"}, {"127.0.0.1", "127.0.0.1", "reuse"}, {"::1", "::1", "reuse"},
			} {
				if runtime.GOOS == "linux" && c.more == "reuse" {
					continue // sharing is for who has one's uid, and both are root
				}
				if got := owner.do(t, "bind", protocol, c.has, "7141", c.more); got.Error != "" {
					t.Fatal(got.Error)
				}
				got := binds(t, a, protocol, c.wants, 7141, "reuse")
				if who == "itself" {
					// What NetBSD lets one do, a jail may do to its own.
					check(t, got.errno() != unix.EACCES, "%s %s beside its own %s: %s", protocol, c.wants, c.has, got)
				} else {
					check(t, got.Error != "", "%s: a jail binds %s, which %s has at %s", protocol, c.wants, who, c.has)
				}
				got = binds(t, a, protocol, "127.0.0.1", 7142, "reuse")
				check(t, got.Error == "", "a free port beside it: %s", got)
				owner.do(t, "close")
			}
			// Each has an address of its own; the narrower one is not lost.
			if got := owner.do(t, "bind", protocol, "127.0.0.1", "7141", "listening"); got.Error != "" {
				t.Fatal(got.Error)
			}
			got := binds(t, a, protocol, "::1", 7141, "reuse")
			check(t, got.Error == "", "%s ::1 beside 127.0.0.1 of %s: %s", protocol, who, got)
			owner.do(t, "close")
		}
	}
}

// TestChosenPortsAreNotStolen: the same of ports that the kernel chooses for a
// jail, which NetBSD does from above to below.
func TestChosenPortsAreNotStolen(t *testing.T) {
	need(t)
	const next = 8
	a := newJail(t, secmodel.Config{Level: secmodel.Low}).actor(t, 0)
	other := newJail(t, secmodel.Config{Level: secmodel.Low}).actor(t, 0)
	for who, owner := range map[string]*actor{"the host": start(t, part{Observe: true}), "another jail": other} {
		for _, protocol := range protocols {
			for _, c := range []struct{ has, wants string }{{"::", "::1"}, {"::", "127.0.0.1"}, {"0.0.0.0", "::ffff:127.0.0.1"}} {
				latest, err := strconv.Atoi(binds(t, a, protocol, c.wants, 0, "reuse").Value)
				if err != nil {
					t.Fatal(err)
				}
				taken := map[string]bool{}
				for port := latest - next; port < latest; port++ {
					if got := owner.do(t, "bind", protocol, c.has, strconv.Itoa(port), "listening"); got.Error == "" {
						taken[got.Value] = true
					}
				}
				check(t, len(taken) > 0, "%s %s: none of %d ports below %d is free", protocol, c.has, next, latest)
				for range next {
					got := a.do(t, "bind", protocol, c.wants, "0", "reuse")
					check(t, got.Error == "" && !taken[got.Value], "%s: for %s a jail is chosen port %s, which %s has at %s: %s", protocol, c.wants, got.Value, who, c.has, got)
				}
				a.do(t, "close")
				owner.do(t, "close")
			}
		}
	}
}

func TestPortDenialsAreCounted(t *testing.T) {
	need(t)
	q := newQuay(t, secmodel.Medium)
	mine, theirs := q.owner.record(t).Denials, q.stranger.record(t).Denials
	binds(t, q.strangerRoot, "tcp", "127.0.0.1", 7100)
	grown := growth(theirs, q.stranger.record(t).Denials)
	check(t, grown["port"] == 1 && len(grown) == 1, "one refused bind counts %v, want one of port", grown)
	grown = growth(mine, q.owner.record(t).Denials)
	check(t, len(grown) == 0, "another jail's refused bind counts %v here", grown)
}

// TestOwnersAreNotPrivileged: a reservation is no permission to bind a port
// below 1024.
func TestOwnersAreNotPrivileged(t *testing.T) {
	need(t)
	for name, level := range levels {
		t.Run(name, func(t *testing.T) { ownersAreNotPrivileged(t, name, level) })
	}
}

func ownersAreNotPrivileged(t *testing.T, name string, level secmodel.Level) {
	q := newQuay(t, level)
	got := binds(t, q.user, "tcp", "127.0.0.1", 700)
	check(t, got.errno() == unix.EACCES, "%s: the owner's user binds 700: %s, want EACCES", name, got)
	got = binds(t, q.root, "tcp", "127.0.0.1", 700)
	check(t, got.Error == "", "%s: the owner's root binds 700: %s, want done", name, got)
	got = binds(t, q.hostRoot, "tcp", "127.0.0.1", 700)
	check(t, got.errno() == unix.EACCES, "%s: the host's root binds 700: %s, want EACCES", name, got)
	got = binds(t, q.root, "tcp", "127.0.0.1", 701)
	if level == secmodel.High {
		check(t, got.errno() == unix.EACCES, "%s: jailed root binds 701: %s, want EACCES", name, got)
		q.owner.change(t, secmodel.Config{Level: level, Allow: []string{"low-port"}})
		got = binds(t, q.root, "tcp", "127.0.0.1", 701)
		check(t, got.Error == "", "%s, low-port allowed: jailed root binds 701: %s, want done", name, got)
		q.stranger.change(t, secmodel.Config{Level: level, Allow: []string{"low-port"}})
		got = binds(t, q.strangerRoot, "tcp", "127.0.0.1", 700)
		check(t, got.errno() == unix.EACCES, "%s, low-port allowed: another jail's root binds 700: %s, want EACCES", name, got)
		return
	}
	check(t, got.Error == "", "%s: jailed root binds 701: %s, want done", name, got)
}

// TestSwappedPorts: numbers that are a reserved one's with its bytes swapped
// are not reserved, and reserved ones are, in whatever order they are told.
func TestSwappedPorts(t *testing.T) {
	need(t)
	swapped := func(p int) int { return p>>8 | p&0xff<<8 }
	port := 8080
	for !isFree("tcp", port) || !isFree("udp", port) || swapped(port) < 1024 || !isFree("tcp", swapped(port)) || !isFree("udp", swapped(port)) {
		port++
	}
	owner := newJail(t, secmodel.Config{Ports: []secmodel.PortRange{{Protocol: secmodel.AnyProtocol, First: uint16(port), Last: uint16(port)}}})
	owner.actor(t, 0)
	a := newJail(t, secmodel.Config{}).actor(t, 0)
	for _, protocol := range protocols {
		for _, address := range addresses {
			got := binds(t, a, protocol, address, swapped(port))
			check(t, got.Error == "", "%s %s port %d: %s, want done", protocol, address, swapped(port), got)
			got = binds(t, a, protocol, address, port)
			check(t, got.errno() == unix.EACCES, "%s %s port %d: %s, want EACCES", protocol, address, port, got)
			// Right after an automatic port of the same thread.
			a.do(t, "bind", protocol, address, "0")
			got = binds(t, a, protocol, address, port)
			check(t, got.errno() == unix.EACCES, "%s %s port %d after an automatic one: %s, want EACCES", protocol, address, port, got)
		}
	}
}

func TestStrict(t *testing.T) {
	need(t)
	for name, level := range levels {
		t.Run(name, func(t *testing.T) {
			j := newJail(t, secmodel.Config{Level: level, Strict: true, Ports: berths})
			a := j.actor(t, 0)
			try := func(how, protocol string, port int, want bool) {
				t.Helper()
				got := binds(t, a, protocol, "127.0.0.1", port)
				check(t, want == (got.Error == "") && (want || refusedBind(got)), "%s jail binds %s %d: %s, want it to go: %v", how, protocol, port, got, want)
			}
			try("strict", "tcp", 7100, true)
			try("strict", "udp", 7100, false)
			try("strict", "udp", 7101, true)
			try("strict", "tcp", 7115, true)
			try("strict", "tcp", 7120, false)
			try("strict", "tcp", 0, false)
			try("strict", "udp", 0, false)
			j.change(t, secmodel.Config{Level: level, Strict: true, Allow: []string{"auto-port"}})
			try("strict, auto-port", "tcp", 7100, true)
			try("strict, auto-port", "tcp", 7120, false)
			try("strict, auto-port", "tcp", 0, true)
			j.change(t, secmodel.Config{Level: level})
			try("no more strict", "tcp", 7120, true)
		})
	}
}

// refusedBind: an automatic port that no candidate is free for is another
// error.
func refusedBind(a answer) bool {
	switch a.errno() {
	case unix.EACCES, unix.EPERM, unix.EADDRNOTAVAIL, unix.EADDRINUSE, unix.EAGAIN:
		return true
	}
	return false
}

// reserveFree reserves ranges for a jail, but for what others on this machine
// use just now, and returns what it got.
func reserveFree(t testing.TB, j *jail, ports []secmodel.PortRange) []secmodel.PortRange {
	t.Helper()
	for range 1000 {
		err := model.Set(j.id, secmodel.Change{Ports: &ports})
		if err == nil {
			return ports
		}
		refused, ok := errors.AsType[*secmodel.Refused](err)
		if !ok || refused.Reason != secmodel.ReasonPortBound {
			t.Fatal(err)
		}
		var rest []secmodel.PortRange
		for _, r := range ports {
			used := refused.Port.First
			if used < r.First || r.Last < used {
				rest = append(rest, r)
				continue
			}
			if r.First < used {
				rest = append(rest, secmodel.PortRange{Protocol: r.Protocol, First: r.First, Last: used - 1})
			}
			if used < r.Last {
				rest = append(rest, secmodel.PortRange{Protocol: r.Protocol, First: used + 1, Last: r.Last})
			}
		}
		ports = rest
	}
	t.Fatal("too many ports are in use")
	return nil
}

// TestAutomaticPorts: the kernel never chooses a port that is another jail's.
func TestAutomaticPorts(t *testing.T) {
	need(t)
	taken := reserveFree(t, newJail(t, secmodel.Config{}), automaticTaken)
	j := newJail(t, secmodel.Config{})
	actors := map[string]*actor{"jailed root": j.actor(t, 0), "jailed user": j.actor(t, user), "host root": start(t, part{Observe: true})}
	for who, a := range actors {
		for _, protocol := range protocols {
			for _, address := range addresses {
				for _, how := range []string{"bind", "listen"} {
					if how == "listen" && (protocol == "udp" || strings.Contains(who, "host") && !automaticForHost) {
						continue
					}
					wrong := 0
					for range 20 {
						var got answer
						if how == "listen" {
							got = a.do(t, "bind", protocol, address, "0", "listen")
						} else {
							got = a.do(t, "bind", protocol, address, "0")
						}
						port, err := strconv.Atoi(got.Value)
						if got.Error != "" || err != nil || reserved(taken, protocol, port) {
							wrong++
							t.Logf("%s: %s %s at %s: port %q %s", who, how, protocol, address, got.Value, got.Error)
						}
					}
					a.do(t, "close")
					check(t, wrong == 0, "%s: %d of 20 automatic %s ports at %s (%s) went wrong", who, wrong, protocol, address, how)
				}
			}
		}
	}
}

func TestReservationsExclude(t *testing.T) {
	need(t)
	q := newQuay(t, secmodel.High)
	for _, c := range []struct {
		name  string
		ports []secmodel.PortRange
		held  bool
	}{
		{"the same", []secmodel.PortRange{{Protocol: secmodel.TCP, First: 7100, Last: 7100}}, true},
		{"the other protocol", []secmodel.PortRange{{Protocol: secmodel.UDP, First: 7100, Last: 7100}}, false},
		{"any over tcp", []secmodel.PortRange{{Protocol: secmodel.AnyProtocol, First: 7100, Last: 7100}}, true},
		{"tcp under any", []secmodel.PortRange{{Protocol: secmodel.TCP, First: 7102, Last: 7102}}, true},
		{"a range over it", []secmodel.PortRange{{Protocol: secmodel.TCP, First: 7000, Last: 7105}}, true},
		{"inside a range", []secmodel.PortRange{{Protocol: secmodel.TCP, First: 7112, Last: 7113}}, true},
		{"up to it", []secmodel.PortRange{{Protocol: secmodel.TCP, First: 7103, Last: 7109}}, false},
		{"a free one and a held one", []secmodel.PortRange{{Protocol: secmodel.TCP, First: 7300, Last: 7300}, {Protocol: secmodel.TCP, First: 7100, Last: 7100}}, true},
	} {
		err := model.Set(q.stranger.id, secmodel.Change{Ports: &c.ports})
		if !c.held {
			check(t, err == nil, "%s: %v, want it reserved", c.name, err)
			continue
		}
		refused, ok := errors.AsType[*secmodel.Refused](err)
		check(t, ok && refused.Reason == secmodel.ReasonPort && refused.Holder == q.owner.name && refused.HolderID == q.owner.id && errors.Is(err, secmodel.ErrPortTaken),
			"%s: %v, want it refused and the holder named", c.name, err)
		_, err = model.Create("unborn", q.stranger.root, secmodel.Config{Ports: c.ports})
		check(t, errors.Is(err, secmodel.ErrPortTaken), "%s: create: %v", c.name, err)
	}
	// What was refused has changed nothing.
	got := binds(t, q.hostRoot, "tcp", "127.0.0.1", 7300)
	check(t, got.Error == "", "a refused change has reserved a port: %s", got)
	if _, err := model.Lookup("unborn"); !errors.Is(err, secmodel.ErrNoJail) {
		check(t, false, "a refused create has left a jail: %v", err)
	}
	// What is given back is free.
	if err := model.Set(q.owner.id, secmodel.Change{Ports: &[]secmodel.PortRange{}}); err != nil {
		t.Fatal(err)
	}
	for _, port := range []int{7100, 7102, 7115} {
		got := binds(t, q.strangerRoot, "tcp", "127.0.0.1", port)
		check(t, got.Error == "", "port %d was given back, but another jail gets %s", port, got)
	}
}

// TestBoundBefore: a port in use can't be reserved for someone else.
func TestBoundBefore(t *testing.T) {
	need(t)
	owner, stranger := newJail(t, secmodel.Config{}), newJail(t, secmodel.Config{})
	mine, theirs, hosts := owner.actor(t, 0), stranger.actor(t, 0), start(t, part{Observe: true})
	for _, protocol := range protocols {
		for _, address := range addresses {
			for who, c := range map[string]struct {
				a      *actor
				holder string
				free   bool
			}{"the host": {hosts, "", false}, "another jail": {theirs, stranger.name, false}, "the jail itself": {mine, "", true}} {
				if got := c.a.do(t, "bind", protocol, address, "7400", "listening"); got.Error != "" {
					t.Fatalf("%s: %s", who, got.Error)
				}
				err := model.Set(owner.id, secmodel.Change{Ports: &[]secmodel.PortRange{{First: 7390, Last: 7410}}})
				refused, ok := errors.AsType[*secmodel.Refused](err)
				if c.free {
					check(t, err == nil, "%s %s bound by %s: %v, want it reserved", protocol, address, who, err)
				} else {
					check(t, ok && refused.Reason == secmodel.ReasonPortBound && refused.Holder == c.holder && refused.Port.First == 7400,
						"%s %s bound by %s: %v, want it refused and the holder named", protocol, address, who, err)
				}
				c.a.do(t, "close")
				if err := model.Set(owner.id, secmodel.Change{Ports: &[]secmodel.PortRange{}}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func TestPortsAreListed(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{Ports: berths})
	owners, err := model.Ports()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range berths {
		found := false
		for _, o := range owners {
			found = found || o.Jail == j.id && o.Port == want
		}
		check(t, found, "%v of jail %d is not in the list", want, j.id)
	}
	check(t, j.record(t).NPorts == len(berths), "the record says %d ranges, want %d", j.record(t).NPorts, len(berths))
	if err := j.end(); err != nil {
		t.Fatal(err)
	}
	if owners, err = model.Ports(); err != nil {
		t.Fatal(err)
	}
	for _, o := range owners {
		check(t, o.Jail != j.id, "%v is still listed as the destroyed jail's", o.Port)
	}
}
