package conformance

import "golang.org/x/sys/unix"

// isFree says whether nobody listens at a port, at whatever address.
func isFree(protocol string, port int) bool {
	kind := unix.SOCK_STREAM
	if protocol == "udp" {
		kind = unix.SOCK_DGRAM
	}
	for _, address := range []unix.Sockaddr{&unix.SockaddrInet4{Port: port}, &unix.SockaddrInet6{Port: port}} {
		family := unix.AF_INET
		if _, is := address.(*unix.SockaddrInet6); is {
			family = unix.AF_INET6
		}
		s, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			continue // no such family here
		}
		if protocol == "tcp" { // who is gone may linger
			_ = unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		}
		if family == unix.AF_INET6 {
			_ = unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
		}
		err = unix.Bind(s, address)
		unix.Close(s)
		if err == unix.EADDRINUSE {
			return false
		}
	}
	return true
}
