package conformance

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() {
	onSocket := func(domain int, do func(s int) error) func(int) error {
		return func(int) error { return socket(domain, unix.SOCK_DGRAM, 0, do) }
	}
	register(
		attempt{name: "socket raw", rules: []string{"network socket.open.raw"}, do: func(int) error {
			return socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP, nil)
		}},
		attempt{name: "socket raw 6", rules: []string{"network socket.open.raw"}, do: func(int) error {
			return socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6, nil)
		}},
		attempt{name: "socket route", rules: []string{"network socket.open.route"}, do: func(int) error {
			return socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE, nil)
		}},
		attempt{name: "socket netlink", rules: []string{"network socket.open.key"}, do: func(int) error {
			return socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_XFRM, nil)
		}},
		attempt{name: "socket packet", rules: []string{"network socket.open.key"}, do: func(int) error {
			return socket(unix.AF_PACKET, unix.SOCK_RAW, 0, nil)
		}},
		attempt{name: "socket bluetooth", rules: []string{"network socket.open.family"}, do: func(int) error {
			return socket(unix.AF_BLUETOOTH, unix.SOCK_STREAM, unix.BTPROTO_RFCOMM, nil)
		}},
		attempt{name: "socket stream", rules: []string{"network socket.open"}, do: func(int) error {
			return socket(unix.AF_INET, unix.SOCK_STREAM, 0, nil)
		}},
		attempt{name: "socket local", rules: []string{"network socket.open"}, do: func(int) error {
			return socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0, nil)
		}},
		attempt{name: "IP_TRANSPARENT", rules: []string{"network bind.anyaddr"}, do: onSocket(unix.AF_INET, func(s int) error {
			return unix.SetsockoptInt(s, unix.SOL_IP, unix.IP_TRANSPARENT, 1)
		})},
		attempt{name: "IPV6_FREEBIND", rules: []string{"network bind.anyaddr"}, do: onSocket(unix.AF_INET6, func(s int) error {
			return unix.SetsockoptInt(s, unix.SOL_IPV6, unix.IPV6_FREEBIND, 1)
		})},
		attempt{name: "IPV6_HOPOPTS", rules: []string{"network ipv6.hopbyhop"}, do: onSocket(unix.AF_INET6, func(s int) error {
			return unix.SetsockoptString(s, unix.SOL_IPV6, unix.IPV6_HOPOPTS, "")
		})},
		attempt{name: "IP_IPSEC_POLICY", rules: []string{"network ipsec.bypass"}, do: onSocket(unix.AF_INET, func(s int) error {
			return unix.SetsockoptInt(s, unix.SOL_IP, unix.IP_IPSEC_POLICY, 0)
		})},
		attempt{name: "packet filter's table", rules: []string{"network firewall.fw"}, do: onSocket(unix.AF_INET, func(s int) error {
			return unix.SetsockoptInt(s, unix.SOL_IP, 64, 0) // too short to be one
		})},
		attempt{name: "SIOCSIFFLAGS", rules: []string{"network interface.setpriv"}, do: onSocket(unix.AF_INET, noInterface(unix.SIOCSIFFLAGS))},
		attempt{name: "SIOCSIFADDR", rules: []string{"network interface.setpriv"}, do: onSocket(unix.AF_INET, noInterface(unix.SIOCSIFADDR))},
		attempt{name: "SIOCADDRT", rules: []string{"network route.change"}, do: onSocket(unix.AF_INET, noInterface(unix.SIOCADDRT))},
		attempt{name: "SIOCBRDELBR", rules: []string{"network bridge.setpriv"}, do: onSocket(unix.AF_INET, noInterface(unix.SIOCBRDELBR))},
		attempt{name: "TUNSETIFF", rules: []string{"network tun.add"}, do: onSocket(unix.AF_INET, noInterface(unix.TUNSETIFF))},
	)
}

// noInterface names an interface that there isn't.
func noInterface(request uintptr) func(int) error {
	return func(s int) error {
		var req [64]byte
		copy(req[:], "no-such-if")
		return raw(unix.SYS_IOCTL, uintptr(s), request, uintptr(unsafe.Pointer(&req)))
	}
}
