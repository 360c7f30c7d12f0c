package conformance

import (
	"fmt"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

func init() {
	// divert PROTOCOL ADDRESS PORT FROM ITS-PORT: bound there, and connected to
	// who sends.
	verb("divert", func(args []string) (string, error) {
		port, err := bind(append(args[:3:3], "reuse"))
		if err != nil {
			return "", err
		}
		from, _, err := socketAddress(args[3], args[4])
		if err != nil {
			return "", err
		}
		return port, connect(held[len(held)-1], from)
	})
}

// TestDatagramsAreNotDiverted: a jail that is bound at all addresses, where the
// host is at one, and connects to a peer of the host's, would get what that
// sends to the host. Nobody has reserved the port.
func TestDatagramsAreNotDiverted(t *testing.T) {
	need(t)
	const port, peer = 7141, 7143
	thief := newJail(t, secmodel.Config{Level: secmodel.Low}).actor(t, 0)
	for _, c := range [][2]string{{"127.0.0.1", "0.0.0.0"}, {"::1", "::"}} {
		server, to := datagrams(t, c[0], port)
		client, _ := datagrams(t, c[0], peer)
		got := thief.do(t, "divert", "udp", c[1], strconv.Itoa(port), c[0], strconv.Itoa(peer))
		check(t, got.errno() == unix.EACCES, "a jail is at %s, where the host is at %s: %s, want EACCES", c[1], c[0], got)
		if err := unix.Sendto(client, []byte("for the host"), 0, to); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 64)
		n, _, err := unix.Recvfrom(server, b, 0)
		check(t, err == nil, "the host waits for %s:%d: %q, %v", c[0], port, b[:max(n, 0)], err)
		thief.do(t, "close")
		unix.Close(server)
		unix.Close(client)

		// A connection of TCP has its own, and so that is as ever.
		got = binds(t, thief, "tcp", c[1], port, "reuse")
		check(t, got.Error == "", "tcp at %s: %s", c[1], got)
		must(t, thief.do(t, "bind", "udp", c[0], strconv.Itoa(port+3)))
		got = thief.do(t, "bind", "udp", c[1], strconv.Itoa(port+3), "reuse")
		check(t, got.Error == "", "udp at %s beside its own at %s: %s", c[1], c[0], got)
		thief.do(t, "close")
	}
}

// TestAnswersAreNotDiverted: the kernel lets everyone have a port that it has
// chosen for datagrams of IPv6 as they were sent, for it does not find that.
func TestAnswersAreNotDiverted(t *testing.T) {
	need(t)
	const peer = 7145
	thief := newJail(t, secmodel.Config{Level: secmodel.High}).actor(t, user)
	for _, wants := range []string{"::", "::1", "0.0.0.0"} {
		server, to := datagrams(t, "::1", peer)
		client, _ := datagrams(t, "::1", 0)
		if err := unix.Sendto(client, []byte("a question"), 0, to); err != nil {
			t.Fatal(err)
		}
		port, err := boundTo(client)
		if err != nil {
			t.Fatal(err)
		}
		got := thief.do(t, "bind", "udp", wants, port)
		check(t, got.errno() == unix.EACCES, "a user in a jail is at %s, where the host has sent from: %s, want EACCES", wants, got)
		b := make([]byte, 64)
		_, from, err := unix.Recvfrom(server, b, 0)
		if err != nil {
			t.Fatalf("the question: %v", err)
		}
		if err := unix.Sendto(server, []byte("an answer"), 0, from); err != nil {
			t.Fatal(err)
		}
		n, _, err := unix.Recvfrom(client, b, 0)
		check(t, err == nil, "the host waits for an answer: %q, %v", b[:max(n, 0)], err)
		thief.do(t, "close")
		unix.Close(server)
		unix.Close(client)
	}
}

// TestPortsOfDatagramsAreNotShared: what both of two are bound to at all
// addresses only one of them gets, unless it is for a group.
func TestPortsOfDatagramsAreNotShared(t *testing.T) {
	need(t)
	const port = 7147
	thief := newJail(t, secmodel.Config{Level: secmodel.Low}).actor(t, 0)
	for _, at := range []string{"0.0.0.0", "::"} {
		address, family, err := socketAddress(at, strconv.Itoa(port))
		if err != nil {
			t.Fatal(err)
		}
		server, _ := datagrams(t, at, 0)
		if err := unix.SetsockoptInt(server, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			t.Fatal(err)
		}
		if err := unix.Bind(server, address); err != nil {
			t.Fatal(err)
		}
		got := binds(t, thief, "udp", at, port, "reuse")
		check(t, got.errno() == unix.EACCES, "a jail shares %s, which the host would share with its own: %s, want EACCES", at, got)
		if family == unix.AF_INET {
			err = unix.SetsockoptIPMreq(server, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &unix.IPMreq{Multiaddr: [4]byte{224, 0, 0, 251}, Interface: [4]byte{127, 0, 0, 1}})
		} else {
			err = unix.SetsockoptIPv6Mreq(server, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &unix.IPv6Mreq{Multiaddr: [16]byte{0: 0xff, 1: 2, 15: 0xfb}, Interface: 1})
		}
		if err != nil {
			t.Fatalf("join a group at %s: %v", at, err)
		}
		got = binds(t, thief, "udp", at, port, "reuse")
		check(t, got.Error == "", "a jail does not share %s, where the host listens to a group: %s", at, got)
		unix.Close(server)
	}
}

// datagrams is a socket of the test's own, which waits for a second; it is not
// bound if there is no port.
func datagrams(t *testing.T, address string, port int) (int, unix.Sockaddr) {
	t.Helper()
	at, family, err := socketAddress(address, strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	s, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		t.Fatal(fmt.Errorf("SO_RCVTIMEO: %w", err))
	}
	if family == unix.AF_INET6 {
		if err := unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
			t.Fatal(err)
		}
	}
	if port == 0 {
		return s, at
	}
	if err := unix.Bind(s, at); err != nil {
		t.Fatalf("bind %s:%d: %v", address, port, err)
	}
	return s, at
}
