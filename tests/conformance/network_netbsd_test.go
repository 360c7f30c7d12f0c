package conformance

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

const (
	pfRoute       = 34
	pfKey         = 29
	pfLocal       = 1
	ipBindAny     = 27
	ip6BindAny    = 64
	ip6RecvHop    = 39
	ip6JoinGroup  = 12
	getFlags      = 0xc0906911 // SIOCGIFFLAGS
	setFlags      = 0x80906910 // SIOCSIFFLAGS
	delPolicy     = 0x8048756d // SIOCDADDRCTL_POLICY
	ifCreate      = 0x8090697a // SIOCIFCREATE
	ifDestroy     = 0x80906979 // SIOCIFDESTROY
	getSpec       = 0xc028697b // SIOCGDRVSPEC
	ipIPsecPolicy = 22
	bridge        = "bridge77"
	sysNfssvc     = 155
	rtmGet        = 4
	rtmDelete     = 2
	rtmVersion    = 4
	rtmHeaderSize = 120
)

func init() {
	register(
		attempt{name: "socket raw", rules: []string{"network socket.open.raw"}, do: func(int) error {
			return socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP, nil)
		}},
		attempt{name: "socket raw 6", rules: []string{"network socket.open.raw", "network socket.rawsock"}, do: func(int) error {
			return socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6, nil)
		}},
		attempt{name: "socket route", rules: []string{"network socket.open.route"}, do: func(int) error {
			return socket(pfRoute, unix.SOCK_RAW, 0, nil)
		}},
		attempt{name: "socket key", rules: []string{"network socket.open.key"}, do: func(int) error {
			return socket(pfKey, unix.SOCK_RAW, 2, nil)
		}},
		attempt{name: "socket stream", rules: []string{"network socket.open"}, do: func(int) error {
			return socket(unix.AF_INET, unix.SOCK_STREAM, 0, nil)
		}},
		attempt{name: "socket local", rules: []string{"network socket.open"}, do: func(int) error {
			return socket(pfLocal, unix.SOCK_DGRAM, 0, nil)
		}},
		attempt{name: "IP_BINDANY", rules: []string{"network bind.anyaddr"}, do: func(int) error {
			return socket(unix.AF_INET, unix.SOCK_DGRAM, 0, func(s int) error {
				return unix.SetsockoptInt(s, unix.IPPROTO_IP, ipBindAny, 1)
			})
		}},
		attempt{name: "IPV6_BINDANY", rules: []string{"network bind.anyaddr"}, do: func(int) error {
			return socket(unix.AF_INET6, unix.SOCK_DGRAM, 0, func(s int) error {
				return unix.SetsockoptInt(s, unix.IPPROTO_IPV6, ip6BindAny, 1)
			})
		}},
		attempt{name: "IPV6_RECVHOPOPTS", rules: []string{"network ipv6.hopbyhop"}, do: func(int) error {
			return socket(unix.AF_INET6, unix.SOCK_DGRAM, 0, func(s int) error {
				return unix.SetsockoptInt(s, unix.IPPROTO_IPV6, ip6RecvHop, 1)
			})
		}},
		attempt{name: "IPV6_JOIN_GROUP of all", rules: []string{"network ipv6.joinmulticast"}, do: func(int) error {
			return socket(unix.AF_INET6, unix.SOCK_DGRAM, 0, func(s int) error {
				any, _ := buffer(20)
				return call(unix.SYS_SETSOCKOPT, uintptr(s), unix.IPPROTO_IPV6, ip6JoinGroup, any, 20)
			})
		}},
		attempt{name: "SIOCSIFFLAGS", rules: []string{"network interface.setpriv"}, do: func(int) error {
			return socket(unix.AF_INET, unix.SOCK_DGRAM, 0, func(s int) error {
				var req [144]byte
				copy(req[:], "lo0")
				if err := ioctl(s, getFlags, unsafe.Pointer(&req)); err != nil {
					return err
				}
				return ioctl(s, setFlags, unsafe.Pointer(&req))
			})
		}},
		attempt{name: "SIOCDADDRCTL_POLICY", rules: []string{"network socket.setpriv"}, do: func(int) error {
			return socket(unix.AF_INET6, unix.SOCK_DGRAM, 0, func(s int) error {
				var policy [72]byte // of no address
				return ioctl(s, delPolicy, unsafe.Pointer(&policy))
			})
		}},
		attempt{name: "net.bpf.peers", rules: []string{"network interface.getpriv"}, do: func(int) error {
			mib, err := node("net.bpf.peers")
			if err != nil {
				return err
			}
			_, err = sysctl(append(mib, 256, 0), make([]byte, 4096), nil)
			return err
		}},
		attempt{name: "nfssvc", rules: []string{"network nfs.svc"}, do: func(int) error {
			return call(sysNfssvc, 0, 0)
		}},
		attempt{name: "SIOCGDRVSPEC of a bridge", rules: []string{"network bridge.getpriv"}, lacks: unix.ENXIO, do: func(int) error {
			return socket(unix.AF_INET, unix.SOCK_DGRAM, 0, func(s int) error {
				// A command that only root may give, and not this way.
				var spec struct { // struct ifdrv
					name            [16]byte
					command, length uint
					data            uintptr
				}
				copy(spec.name[:], bridge)
				return ioctl(s, getSpec, unsafe.Pointer(&spec))
			})
		}},
		attempt{name: "IP_IPSEC_POLICY bypass", rules: []string{"network ipsec.bypass"}, lacks: unix.ENOPROTOOPT, do: func(int) error {
			return socket(unix.AF_INET, unix.SOCK_DGRAM, 0, func(s int) error {
				// struct sadb_x_policy: its length in words of eight
				// bytes, and what it is; to bypass, inbound.
				policy, b := buffer(16)
				binary.NativeEndian.PutUint16(b, 2)
				binary.NativeEndian.PutUint16(b[2:], 18)
				binary.NativeEndian.PutUint16(b[4:], 4)
				b[6] = 1
				return call(unix.SYS_SETSOCKOPT, uintptr(s), unix.IPPROTO_IP, ipIPsecPolicy, policy, 16)
			})
		}},
		attempt{name: "socket link", rules: []string{"network socket.open.family"}, do: func(int) error {
			return socket(unix.AF_LINK, unix.SOCK_DGRAM, 0, nil)
		}},
		attempt{name: "tcpdrop", rules: []string{"network bind.auto", "network socket.drop"}, do: tcpdrop},
		attempt{name: "RTM_GET", rules: []string{"network socket.open.route", "network route.get"}, do: func(int) error {
			return route(rtmGet)
		}},
		attempt{name: "RTM_DELETE", rules: []string{"network socket.open.route", "network route.change"}, do: func(int) error {
			return route(rtmDelete)
		}},
	)
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
	if errno != 0 {
		return errno
	}
	return nil
}

// route asks something of the route to 192.0.2.1, which there is none of.
func route(what byte) error {
	return socket(pfRoute, unix.SOCK_RAW, 0, func(s int) error {
		b := make([]byte, rtmHeaderSize+16)
		binary.LittleEndian.PutUint16(b, uint16(len(b)))
		b[2], b[3] = rtmVersion, what
		binary.LittleEndian.PutUint32(b[12:], 1) // RTA_DST
		copy(b[rtmHeaderSize:], []byte{16, unix.AF_INET, 0, 0, 192, 0, 2, 1})
		_, err := unix.Write(s, b)
		return err
	})
}

// tcpdrop drops a connection of its own.
func tcpdrop(int) error {
	return socket(unix.AF_INET, unix.SOCK_STREAM, 0, func(server int) error {
		if err := unix.Bind(server, &unix.SockaddrInet4{Addr: loopback}); err != nil {
			return err
		}
		if err := unix.Listen(server, 1); err != nil {
			return fmt.Errorf("listen: %v", err)
		}
		there, err := port(server)
		if err != nil {
			return err
		}
		return socket(unix.AF_INET, unix.SOCK_STREAM, 0, func(client int) error {
			if err := connect(client, &unix.SockaddrInet4{Addr: loopback, Port: there}); err != nil {
				return err
			}
			here, err := port(client)
			if err != nil {
				return err
			}
			return drop(here, there)
		})
	})
}

// drop drops the connection from one port to another.
func drop(here, there int) error {
	mib, err := node("net.inet.tcp.drop")
	if err != nil {
		return err
	}
	address := int32(binary.LittleEndian.Uint32(loopback[:]))
	mib = append(mib, address, swap(there), address, swap(here))
	_, _, errno := unix.Syscall6(unix.SYS___SYSCTL, uintptr(unsafe.Pointer(&mib[0])), uintptr(len(mib)), 0, bytesAt(make([]byte, 8)), bytesAt(make([]byte, 256)), 256)
	if errno != 0 {
		return errno
	}
	return nil
}

func init() {
	// drop HERE THERE: a connection of whoever it is.
	verb("drop", func(args []string) (string, error) {
		ports, err := numbers(args)
		if err != nil {
			return "", err
		}
		return "", drop(ports[0], ports[1])
	})
}

// TestConnectionsAreKept: who has the same number on the host, or in another
// jail, drops no connection of a jail, whatever that one's words are.
func TestConnectionsAreKept(t *testing.T) {
	need(t)
	port := 7694
	for who, uid := range uids {
		port++
		j, other := newJail(t, secmodel.Config{}), newJail(t, secmodel.Config{Allow: []string{"socket-drop"}})
		a := j.actor(t, uid)
		if got := a.do(t, "bind", "tcp", "127.0.0.1", strconv.Itoa(port), "listening", "reuse"); got.Error != "" {
			t.Fatal(got.Error)
		}
		client := j.actor(t, uid)
		got := client.do(t, "connect", strconv.Itoa(port))
		if got.Error != "" {
			t.Fatal(got.Error)
		}
		here := got.Value
		outside := map[string]*actor{"another jail's " + who: other.actor(t, uid)}
		if uid != 0 {
			outside["the host's "+who] = start(t, part{UID: uid})
		}
		for name, o := range outside {
			got := o.do(t, "drop", here, strconv.Itoa(port))
			check(t, got.errno() == unix.EPERM, "%s drops a connection of jailed %s: %s (%s), want EPERM", name, who, got, got.Error)
		}
		j.change(t, high)
		got = a.do(t, "drop", here, strconv.Itoa(port))
		check(t, got.errno() == unix.EPERM, "high: jailed %s drops its connection: %s, want EPERM", who, got)
		j.change(t, secmodel.Config{})
		got = a.do(t, "drop", here, strconv.Itoa(port))
		check(t, got.Error == "", "low: jailed %s drops its connection: %s (%s)", who, got, got.Error)
		got = a.do(t, "drop", here, strconv.Itoa(port))
		check(t, got.errno() == unix.ESRCH, "it is dropped, and there still: %s", got)
	}
}

var loopback = [4]byte{127, 0, 0, 1}

// swap is a port in the network's order.
func swap(port int) int32 { return int32(port>>8 | port&0xff<<8) }

// port is a socket's own.
func port(s int) (int, error) {
	at, err := unix.Getsockname(s)
	if err != nil {
		return 0, err
	}
	return at.(*unix.SockaddrInet4).Port, nil
}
