// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// NetBSD's numbers of domains; the others are as on Linux.
const (
	netbsdINET6 = 24
	netbsdROUTE = 34
	netbsdKEY   = 29
	netbsdLINK  = 18
	netbsdCAN   = 35
)

// netbsdDomain is NetBSD's domain and type for a socket of Linux's; false
// where NetBSD has nothing like it.
func netbsdDomain(domain, stype, protocol int) (d, t int, ok bool) {
	switch domain {
	case unix.AF_UNIX, unix.AF_INET:
		d = domain
	case unix.AF_INET6:
		d = netbsdINET6
	case unix.AF_NETLINK:
		// The routing socket is raw; of the others the security database
		// is PF_KEY, and the rest is nothing that a jail may have.
		switch protocol {
		case unix.NETLINK_ROUTE:
			return netbsdROUTE, unix.SOCK_RAW, true
		default:
			return netbsdKEY, unix.SOCK_RAW, true
		}
	case unix.AF_KEY:
		d = netbsdKEY
	case unix.AF_PACKET:
		return netbsdLINK, unix.SOCK_RAW, true
	case unix.AF_BLUETOOTH:
		d = domain
	case unix.AF_CAN:
		d = netbsdCAN
	default:
		return 0, 0, false
	}
	if stype == unix.SOCK_PACKET {
		stype = unix.SOCK_RAW
	}
	return d, stype, true
}

func doSocket(c *call) answer {
	domain, stype, protocol := c.arg(0), c.arg(1)&0xf, c.arg(2)
	d, t, ok := netbsdDomain(domain, stype, protocol)
	if !ok {
		return fail(unix.EAFNOSUPPORT)
	}
	if err := c.ask(func(k kern.Proc) error { return k.SocketOpen(d, t, protocol) }); err != nil {
		return fail(err)
	}
	if domain == unix.AF_NETLINK && c.l.jail.Load() != 0 {
		return c.routeSocket(stype, protocol)
	}
	return answer{cont: true}
}

// routeSocket makes a routing socket for a jail by a thread without rights
// over the network: Linux then lets it read, as ROUTE's RTM_GET, and
// refuses it changes, as ROUTE's others, whoever writes to it.
func (c *call) routeSocket(stype, protocol int) answer {
	type result struct {
		fd  int
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with its rights
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&hdr, &none[0]); err != nil {
			done <- result{err: err}
			return
		}
		fd, err := unix.Socket(unix.AF_NETLINK, stype|unix.SOCK_CLOEXEC, protocol)
		done <- result{fd, err}
	}()
	r := <-done
	if r.err != nil {
		return fail(r.err)
	}
	defer unix.Close(r.fd)
	if c.arg(1)&unix.SOCK_NONBLOCK != 0 {
		if err := unix.SetNonblock(r.fd, true); err != nil {
			return fail(err)
		}
	}
	a := addFD{ID: c.n.ID, Flags: addFDSend, SrcFD: uint32(r.fd)}
	if c.arg(1)&unix.SOCK_CLOEXEC != 0 {
		a.NewFDFlags = unix.O_CLOEXEC
	}
	if _, err := ioctl(c.l.fd, notifAddFD, unsafe.Pointer(&a)); err != nil {
		return fail(err)
	}
	return answer{sent: true}
}

// sock is a copy of one of the caller's sockets.
type sock struct {
	fd                      int
	domain, stype, protocol int
	ino                     uint64
}

func (c *call) socket(arg int) (*sock, error) {
	fd, err := c.getfd(c.arg(arg))
	if err != nil {
		return nil, err
	}
	s := &sock{fd: fd}
	var st unix.Stat_t
	for _, o := range []struct {
		to  *int
		opt int
	}{{&s.domain, unix.SO_DOMAIN}, {&s.stype, unix.SO_TYPE}, {&s.protocol, unix.SO_PROTOCOL}} {
		if *o.to, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, o.opt); err != nil {
			unix.Close(fd)
			return nil, unix.ENOTSOCK
		}
	}
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, err
	}
	s.ino = st.Ino
	return s, nil
}

func (s *sock) close() { unix.Close(s.fd) }

func (s *sock) inet() bool { return s.domain == unix.AF_INET || s.domain == unix.AF_INET6 }

// ported says whether the socket's numbers are ports that jails may own.
func (s *sock) ported() bool {
	return s.inet() && s.stype != unix.SOCK_RAW && s.stype != unix.SOCK_PACKET &&
		s.protocol != unix.IPPROTO_ICMP && s.protocol != unix.IPPROTO_ICMPV6
}

// kernel is the hosted kernel's socket for it, which lives as long as its
// process, or until that has very many.
func (c *call) kernel(k kern.Proc, s *sock) kern.Socket {
	if c.p.sockets == nil {
		c.p.sockets = map[uint64]kern.Socket{}
	}
	so, ok := c.p.sockets[s.ino]
	if ok {
		return so
	}
	if len(c.p.sockets) >= 1024 {
		for ino, old := range c.p.sockets {
			old.Free()
			delete(c.p.sockets, ino)
			break
		}
	}
	d, t, ok := netbsdDomain(s.domain, s.stype, s.protocol)
	if !ok {
		d, t = s.domain, s.stype
	}
	protocol := s.protocol
	if protocol == unix.IPPROTO_MPTCP {
		protocol = unix.IPPROTO_TCP
	} else if protocol == unix.IPPROTO_UDPLITE {
		protocol = unix.IPPROTO_UDP
	}
	so = k.NewSocket(d, t, protocol)
	c.p.sockets[s.ino] = so
	return so
}

func (s *sock) bind(addr []byte) error {
	var p unsafe.Pointer
	if len(addr) > 0 {
		p = unsafe.Pointer(&addr[0])
	}
	_, _, e := unix.Syscall(unix.SYS_BIND, uintptr(s.fd), uintptr(p), uintptr(len(addr)))
	if e != 0 {
		return e
	}
	return nil
}

// address copies the caller's sockaddr.
func (c *call) address(addr, size uint64) ([]byte, error) {
	n := int(int32(size))
	if n < 0 || n > 128 {
		return nil, unix.EINVAL
	}
	return c.read(addr, n)
}

// doBind binds here, to a copy of the address: the caller could write
// another one after the question.
func doBind(c *call) answer {
	s, err := c.socket(0)
	if err != nil {
		return fail(err)
	}
	defer s.close()
	addr, err := c.address(c.n.Args[1], c.n.Args[2])
	if err != nil {
		return fail(err)
	}
	switch {
	case s.domain == unix.AF_UNIX:
		return answer{err: c.bindUnix(s, addr)}
	case !s.ported() || len(addr) < 4:
		return answer{err: s.bind(addr)}
	}
	port := binary.BigEndian.Uint16(addr[2:])
	if port == 0 {
		if bound(s.fd) {
			return fail(unix.EINVAL)
		}
		return answer{err: c.autobind(s, addr)}
	}
	if err := c.ask(func(k kern.Proc) error { return k.Bind(c.kernel(k, s), port) }); err != nil {
		return fail(err)
	}
	return answer{err: s.bind(addr)}
}

// bound says whether a socket has a port.
func bound(fd int) bool { return boundPort(fd) != 0 }

// boundPort is the port of a socket of IPv4 or IPv6, or 0.
func boundPort(fd int) uint16 {
	var b [128]byte
	n := uint32(len(b))
	_, _, e := unix.Syscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n)))
	if e != 0 || n < 4 {
		return 0
	}
	return binary.BigEndian.Uint16(b[2:])
}

// anyAddress is an address without one, and without a port.
func (s *sock) anyAddress() []byte {
	if s.domain == unix.AF_INET6 {
		b := make([]byte, unix.SizeofSockaddrInet6)
		binary.NativeEndian.PutUint16(b, unix.AF_INET6)
		return b
	}
	b := make([]byte, unix.SizeofSockaddrInet4)
	binary.NativeEndian.PutUint16(b, unix.AF_INET)
	return b
}

// portRange is what automatic ports are chosen from.
func portRange() (first, last int) {
	first, last = 32768, 60999
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return
	}
	return parsePortRange(string(b), first, last)
}

func parsePortRange(s string, first, last int) (int, int) {
	f := strings.Fields(s)
	if len(f) != 2 {
		return first, last
	}
	a, err1 := parsePort(f[0])
	b, err2 := parsePort(f[1])
	if err1 != nil || err2 != nil || a < 1 || b < a {
		return first, last
	}
	return a, b
}

// autobind chooses a port as NetBSD's kernel does: it asks once with port 0,
// then about each candidate.
func (c *call) autobind(s *sock, addr []byte) error {
	c.h.softnet.Lock()
	defer c.h.softnet.Unlock()
	err := c.ask(func(k kern.Proc) error { return k.Autobind(c.kernel(k, s)) })
	if err != nil {
		return err
	}
	addr = append([]byte(nil), addr...)
	first, last := portRange()
	n := last - first + 1
	start := rand.IntN(n)
	for i := range n {
		port := uint16(first + (start+i)%n)
		err := c.ask(func(k kern.Proc) error {
			return k.Candidate(c.kernel(k, s), port, false)
		})
		if err == unix.EACCES {
			continue
		}
		if err != nil {
			return err
		}
		binary.BigEndian.PutUint16(addr[2:], port)
		err = s.bind(addr)
		if err != unix.EADDRINUSE {
			return err
		}
	}
	return unix.EADDRNOTAVAIL
}

// choose gives a socket a port by the model's choice before Linux chooses.
func (c *call) choose(s *sock) error {
	if !s.ported() || bound(s.fd) {
		return nil
	}
	return c.autobind(s, s.anyAddress())
}

// doConnect connects here, on a copy of socket and address, where a port may
// be chosen. A unix socket's peer wants to know who connects, so there the
// kernel goes on; nothing is asked about those.
func doConnect(c *call) answer {
	s, err := c.socket(0)
	if err != nil {
		return fail(err)
	}
	if !s.inet() {
		defer s.close()
		if s.domain == unix.AF_UNIX {
			return answer{cont: true}
		}
		addr, err := c.address(c.n.Args[1], c.n.Args[2])
		if err != nil {
			return fail(err)
		}
		return answer{err: s.connect(addr)}
	}
	addr, err := c.address(c.n.Args[1], c.n.Args[2])
	if err != nil {
		s.close()
		return fail(err)
	}
	if len(addr) >= 2 && binary.NativeEndian.Uint16(addr) != unix.AF_UNSPEC {
		if err := c.choose(s); err != nil {
			s.close()
			return fail(err)
		}
	}
	select {
	case c.l.slots <- struct{}{}:
	default:
		s.close()
		return fail(unix.EAGAIN)
	}
	c.l.mu.Lock()
	c.l.busy[s.fd] = struct{}{}
	c.l.mu.Unlock()
	err = s.connect(addr)
	c.l.mu.Lock()
	delete(c.l.busy, s.fd)
	s.close()
	c.l.mu.Unlock()
	<-c.l.slots
	return answer{err: err}
}

func (s *sock) connect(addr []byte) error {
	var p unsafe.Pointer
	if len(addr) > 0 {
		p = unsafe.Pointer(&addr[0])
	}
	for {
		_, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(s.fd), uintptr(p), uintptr(len(addr)))
		switch e {
		case 0:
			return nil
		case unix.EINTR:
			continue // it is waited for again
		}
		return e
	}
}

// doListen listens here, for the caller could put another socket in place.
func doListen(c *call) answer {
	s, err := c.socket(0)
	if err != nil {
		return fail(err)
	}
	defer s.close()
	if !s.inet() {
		return answer{cont: true} // a unix socket's maker is told by listen
	}
	if s.stype == unix.SOCK_STREAM {
		if err := c.choose(s); err != nil {
			return fail(err)
		}
	}
	return answer{err: unix.Listen(s.fd, c.arg(1))}
}

// doSend gives the socket a port first, if sending would; then the kernel
// goes on, for which it makes no difference what is in the message.
func doSend(c *call) answer {
	s, err := c.socket(0)
	if err != nil {
		return fail(err)
	}
	defer s.close()
	flags := c.arg(3)
	if c.n.Nr == unix.SYS_SENDMSG {
		flags = c.arg(2)
	}
	if s.ported() && (s.stype != unix.SOCK_STREAM || flags&unix.MSG_FASTOPEN != 0) {
		if err := c.choose(s); err != nil {
			return fail(err)
		}
	}
	return answer{cont: true}
}

func doSetsockopt(c *call) answer {
	level, name := c.arg(1), c.arg(2)
	switch {
	case name == 64 || name == 65:
		return network(c, kern.NetworkFirewall, kern.ReqNetworkFirewallFw)
	case level == unix.SOL_IP && (name == unix.IP_TRANSPARENT || name == unix.IP_FREEBIND),
		level == unix.SOL_IPV6 && (name == unix.IPV6_TRANSPARENT || name == unix.IPV6_FREEBIND):
		s, err := c.socket(0)
		if err != nil {
			return fail(err)
		}
		defer s.close()
		return pass(c.ask(func(k kern.Proc) error { return k.BindAnyAddr(c.kernel(k, s)) }))
	case level == unix.SOL_IPV6 && (name == unix.IPV6_HOPOPTS || name == unix.IPV6_RTHDR || name == unix.IPV6_DSTOPTS):
		return network(c, kern.NetworkIpv6, kern.ReqNetworkIpv6Hopbyhop)
	}
	return network(c, kern.NetworkIpsec, kern.ReqNetworkIpsecBypass)
}
