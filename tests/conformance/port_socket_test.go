package conformance

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// Sockets that were made, bound or connected elsewhere, or before.

// connect is connect(2), which goes on when a signal interrupts it.
func connect(s int, to unix.Sockaddr) error {
	err := unix.Connect(s, to)
	if err != unix.EINTR {
		return err
	}
	for err == unix.EINTR || err == unix.EALREADY {
		time.Sleep(time.Millisecond)
		err = unix.Connect(s, to)
	}
	if err == unix.EISCONN {
		return nil
	}
	return err
}

func init() {
	// connect-from PORT TO: a connection from a port of one's own choice.
	verb("connect-from", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return "", fmt.Errorf("socket: %v", err)
		}
		held = append(held, s)
		loopback := [4]byte{127, 0, 0, 1}
		if err := unix.Bind(s, &unix.SockaddrInet4{Port: n[0], Addr: loopback}); err != nil {
			return "", fmt.Errorf("bind: %w", err)
		}
		return "", connect(s, &unix.SockaddrInet4{Port: n[1], Addr: loopback})
	})
	// automatic HOW PROTOCOL ADDRESS PORT: the port that is chosen as a socket
	// connects or sends to that one.
	verb("automatic", func(args []string) (string, error) {
		to, family, err := socketAddress(args[2], args[3])
		if err != nil {
			return "", err
		}
		kind := map[string]int{"tcp": unix.SOCK_STREAM, "udp": unix.SOCK_DGRAM}[args[1]]
		s, err := unix.Socket(family, kind, 0)
		if err != nil {
			return "", fmt.Errorf("socket: %v", err)
		}
		defer unix.Close(s)
		if family == unix.AF_INET6 {
			if err := unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
				return "", fmt.Errorf("IPV6_V6ONLY: %v", err)
			}
		}
		if args[0] == "connect" {
			err = connect(s, to)
		} else {
			err = unix.Sendto(s, []byte{0}, 0, to)
		}
		if err != nil {
			return "", err
		}
		return boundTo(s)
	})
}

// TestPassedSockets: who binds counts, not who has made the socket.
func TestPassedSockets(t *testing.T) {
	need(t)
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) { passedSockets(t, protocol, map[string]int{"tcp": 7100, "udp": 7101}[protocol]) })
	}
}

func passedSockets(t *testing.T, protocol string, mine int) {
	q := newQuay(t, secmodel.Medium)
	strict := newJail(t, secmodel.Config{Strict: true})
	strictRoot, host := strict.actor(t, 0), start(t, part{})
	for _, c := range []struct {
		name     string
		from, to *actor
		in, at   *jail
		port     int
		want     bool
	}{
		{"another jail, of the host's", host, q.strangerRoot, nil, q.stranger, mine, false},
		{"another jail, of the host's", host, q.strangerRoot, nil, q.stranger, 7130, true},
		{"another jail, of the owner's", q.root, q.strangerRoot, q.owner, q.stranger, mine, false},
		{"the host, of the owner's", q.root, q.hostRoot, q.owner, nil, mine, false},
		{"the owner, of another jail's", q.strangerRoot, q.root, q.stranger, q.owner, mine, true},
		{"a strict jail, of the host's", host, strictRoot, nil, strict, 7130, false},
	} {
		if got := c.from.do(t, "open-"+protocol); got.Error != "" {
			t.Fatal(got.Error)
		}
		if got := handOver(t, c.from, c.in, c.to, c.at); got.Error != "" {
			t.Fatalf("%s: take: %s", c.name, got.Error)
		}
		got := c.to.do(t, "bind-last", strconv.Itoa(c.port))
		check(t, (got.Error == "") == c.want && (c.want || got.errno() == unix.EACCES), "%s %d is bound by %s socket: %s, want it to go: %v", protocol, c.port, c.name, got, c.want)
		c.from.do(t, "close")
		c.to.do(t, "close")
	}
}

// TestEntryWithSockets: with a socket nobody brings a port along that he could
// not bind inside. An unbound one is bound by the rules of the jail.
func TestEntryWithSockets(t *testing.T) {
	need(t)
	q := newQuay(t, secmodel.Medium)
	strict := newJail(t, secmodel.Config{Strict: true, Ports: []secmodel.PortRange{{First: 7133, Last: 7133}}})
	server := start(t, part{Observe: true})
	if got := server.do(t, "bind", "tcp", "127.0.0.1", "7134", "listening"); got.Error != "" {
		t.Fatal(got.Error)
	}
	for _, protocol := range protocols {
		mine := map[string]string{"tcp": "7100", "udp": "7101"}[protocol]
		bound := func(a *actor, port string) answer { return a.do(t, "bind", protocol, "127.0.0.1", port, "listening") }
		for _, c := range []struct {
			name    string
			prepare func(*actor) answer
			jail    *jail
			want    bool
			says    string
		}{
			{"unbound", func(a *actor) answer { return a.do(t, "open-"+protocol) }, strict, true, ""},
			{"bound to a free port", func(a *actor) answer { return bound(a, "7131") }, q.stranger, true, ""},
			{"bound to a free port, strict", func(a *actor) answer { return bound(a, "7131") }, strict, false, "7131"},
			{"bound by the owner", func(a *actor) answer {
				if got := bound(q.root, mine); got.Error != "" {
					return got
				}
				return handOver(t, q.root, q.owner, a, nil)
			}, q.stranger, false, q.owner.name},
			{"bound by the owner, home again", func(a *actor) answer {
				return handOver(t, q.root, q.owner, a, nil) // still bound
			}, q.owner, true, ""},
			{"connected", func(a *actor) answer { return a.do(t, "automatic-held", protocol, "7134") }, strict, protocol == "tcp", ""},
		} {
			a := start(t, part{})
			if got := c.prepare(a); got.Error != "" {
				t.Fatalf("%s %s: %s", protocol, c.name, got.Error)
			}
			got := a.do(t, "enter", c.jail.id.String())
			if c.want {
				check(t, got.Error == "", "entering with a %s socket that is %s: %s", protocol, c.name, got.Error)
			} else {
				check(t, got.Reason == int(secmodel.ReasonFDSocket) && strings.Contains(got.Error, c.says),
					"entering with a %s socket that is %s: reason %d (%s), want reason %d and %q", protocol, c.name, got.Reason, got.Error, secmodel.ReasonFDSocket, c.says)
			}
			if c.name == "unbound" {
				got := a.do(t, "bind-last", "7132")
				check(t, got.errno() == unix.EACCES, "a strict jail binds 7132 with a %s socket that was brought: %s, want EACCES", protocol, got)
				got = a.do(t, "bind-last", "7133")
				check(t, got.Error == "", "a strict jail binds its own port with a %s socket that was brought: %s", protocol, got)
			}
			a.end()
		}
		q.root.do(t, "close")
	}
}

func init() {
	// automatic-held PROTOCOL PORT: connected to that one, and held.
	verb("automatic-held", func(args []string) (string, error) {
		to, family, err := socketAddress("127.0.0.1", args[1])
		if err != nil {
			return "", err
		}
		s, err := unix.Socket(family, map[string]int{"tcp": unix.SOCK_STREAM, "udp": unix.SOCK_DGRAM}[args[0]], 0)
		if err != nil {
			return "", fmt.Errorf("socket: %v", err)
		}
		held = append(held, s)
		return "", connect(s, to)
	})
}

// TestBoundAtCreation: nor is a jail made with a port that is in use.
func TestBoundAtCreation(t *testing.T) {
	need(t)
	stranger := newJail(t, secmodel.Config{})
	for holder, a := range map[string]*actor{"": start(t, part{Observe: true}), stranger.name: stranger.actor(t, 0)} {
		for _, protocol := range protocols {
			if got := a.do(t, "bind", protocol, "0.0.0.0", "7410", "listening"); got.Error != "" {
				t.Fatal(got.Error)
			}
			_, err := model.Create("late", stranger.root, secmodel.Config{Ports: []secmodel.PortRange{{First: 7400, Last: 7401}, {First: 7409, Last: 7411}}})
			refused, ok := errors.AsType[*secmodel.Refused](err)
			check(t, ok && refused.Reason == secmodel.ReasonPortBound && refused.Holder == holder && refused.Port.First == 7410,
				"%s bound by %q, a jail made: %v, want it refused and the holder named", protocol, holder, err)
			a.do(t, "close")
			got := binds(t, a, protocol, "127.0.0.1", 7400)
			check(t, got.Error == "", "a jail that was not made has reserved a port: %s", got)
		}
	}
}

// TestConnectionsHoldPorts: an open connection's port is in use as well.
func TestConnectionsHoldPorts(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	server, client := start(t, part{Observe: true}), start(t, part{Observe: true})
	if got := server.do(t, "bind", "tcp", "127.0.0.1", "7415", "listening"); got.Error != "" {
		t.Fatal(got.Error)
	}
	if got := client.do(t, "connect-from", "7416", "7415"); got.Error != "" {
		t.Fatal(got.Error)
	}
	reserve := func() error {
		return model.Set(j.id, secmodel.Change{Ports: &[]secmodel.PortRange{{Protocol: secmodel.TCP, First: 7416, Last: 7416}}})
	}
	err := reserve()
	refused, ok := errors.AsType[*secmodel.Refused](err)
	check(t, ok && refused.Reason == secmodel.ReasonPortBound && refused.HolderID == 0, "reserving a port that a connection has: %v", err)
	client.do(t, "close")
	err = reserve()
	check(t, err == nil, "reserving a port that a connection had: %v", err)
}

// TestAutomaticPortsOfTraffic: nor is another jail's port chosen as a socket
// connects or sends.
func TestAutomaticPortsOfTraffic(t *testing.T) {
	need(t)
	const tries = 8
	taken := reserveFree(t, newJail(t, secmodel.Config{}), automaticTaken)
	j := newJail(t, secmodel.Config{})
	server := start(t, part{Observe: true})
	if got := server.do(t, "bind", "tcp", "::", "7420", "listening"); got.Error != "" {
		t.Fatal(got.Error)
	}
	actors := map[string]*actor{"jailed root": j.actor(t, 0), "jailed user": j.actor(t, user)}
	if automaticForHost {
		actors["host root"] = start(t, part{Observe: true})
	}
	for who, a := range actors {
		for _, c := range [][2]string{{"connect", "tcp"}, {"connect", "udp"}, {"send", "udp"}} {
			for _, address := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1"} {
				wrong := 0
				for range tries {
					got := a.do(t, "automatic", c[0], c[1], address, "7420")
					port, err := strconv.Atoi(got.Value)
					if got.Error != "" || err != nil || port == 0 || reserved(taken, c[1], port) {
						wrong++
						t.Logf("%s: %s %s to %s: port %q %s", who, c[0], c[1], address, got.Value, got.Error)
					}
					if c[1] == "tcp" && got.Error == "" {
						server.do(t, "accept-away")
					}
				}
				check(t, wrong == 0, "%s: %d of %d automatic %s ports as it does %s to %s went wrong", who, wrong, tries, c[1], c[0], address)
			}
		}
	}
}

func init() {
	// accept-away: a connection, closed at once.
	verb("accept-away", func([]string) (string, error) {
		fd, err := last()
		if err != nil {
			return "", err
		}
		s, _, err := unix.Accept(fd)
		if err != nil {
			return "", err
		}
		return "", unix.Close(s)
	})
}

// TestOtherProtocols: of ports with a protocol of their own, only those that
// are reserved for any are kept.
func TestOtherProtocols(t *testing.T) {
	need(t)
	q := newQuay(t, secmodel.Medium)
	if got := binds(t, q.root, "sctp", "127.0.0.1", 7102); got.Error != "" {
		skip(t, "no SCTP here ("+got.Error+"); load or boot a kernel that has it")
	}
	for who, a := range q.notTheOwner {
		got := binds(t, a, "sctp", "127.0.0.1", 7102)
		check(t, got.errno() == unix.EACCES, "%s binds sctp port 7102: %s, want EACCES", who, got)
		got = binds(t, a, "sctp", "127.0.0.1", 7100)
		check(t, got.Error == "", "%s binds sctp port 7100, which is reserved for tcp: %s (%s)", who, got, got.Error)
	}
}
