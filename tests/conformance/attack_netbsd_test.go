package conformance

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// Options by which a socket's owner says how a port is chosen for it; x/sys
// has not all of them.
var (
	portRange     = map[string][2]int{"4": {unix.IPPROTO_IP, 19}, "6": {unix.IPPROTO_IPV6, 14}}
	portAlgorithm = map[string][2]int{"4": {unix.IPPROTO_IP, 18}, "6": {unix.IPPROTO_IPV6, 17}}
)

const (
	lowRange       = 2
	algorithms     = 6
	randomPick     = 2 // falls back to a port that nobody is asked about
	byDefault      = -1
	strictlyChosen = 7651
)

func init() {
	// choose FAMILY ALGORITHM [THEN]: the port that the kernel chooses from
	// the low range; or with THEN, another one asked for afterwards.
	verb("choose", func(args []string) (string, error) {
		n, err := numbers(args[1:])
		if err != nil {
			return "", err
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		family := map[string]int{"4": unix.AF_INET, "6": unix.AF_INET6}[args[0]]
		s, err := unix.Socket(family, unix.SOCK_STREAM, 0)
		if err != nil {
			return "", fmt.Errorf("socket: %v", err)
		}
		defer unix.Close(s)
		o := portRange[args[0]]
		if err := unix.SetsockoptInt(s, o[0], o[1], lowRange); err != nil {
			return "", fmt.Errorf("range: %v", err)
		}
		if n[0] != byDefault {
			o = portAlgorithm[args[0]]
			if err := unix.SetsockoptInt(s, o[0], o[1], n[0]); err != nil {
				return "", fmt.Errorf("algorithm: %v", err)
			}
		}
		at := func(port int) unix.Sockaddr {
			if family == unix.AF_INET6 {
				return &unix.SockaddrInet6{Port: port}
			}
			return &unix.SockaddrInet4{Port: port}
		}
		err = unix.Bind(s, at(0))
		if len(n) > 1 {
			if err == nil {
				return "", fmt.Errorf("a port was chosen")
			}
			err = unix.Bind(s, at(n[1]))
		}
		if err != nil {
			return "", err
		}
		name, err := unix.Getsockname(s)
		switch a := name.(type) {
		case *unix.SockaddrInet4:
			return strconv.Itoa(a.Port), err
		case *unix.SockaddrInet6:
			return strconv.Itoa(a.Port), err
		}
		return "", err
	})
}

// TestPortAlgorithms: whichever algorithm chooses, a jail gets no low port
// that it may not ask for. All but one of the kernel's take, when every
// candidate was refused, the one below the last that anyone got.
func TestPortAlgorithms(t *testing.T) {
	need(t)
	a := newJail(t, secmodel.Config{Level: secmodel.High}).actor(t, 0)
	for _, family := range []string{"4", "6"} {
		for algorithm := byDefault; algorithm < algorithms; algorithm++ {
			got := a.do(t, "choose", family, strconv.Itoa(algorithm))
			check(t, got.Value == "" || got.Value == "0", "IPv%s, algorithm %d: a jail at high is given port %s", family, algorithm, got.Value)
		}
	}
	// Who may have low ports is given some, but none that is another's.
	newJail(t, secmodel.Config{Ports: []secmodel.PortRange{{First: 1, Last: 1023}}})
	low := newJail(t, secmodel.Config{Level: secmodel.Low}).actor(t, 0)
	host := start(t, part{})
	for _, family := range []string{"4", "6"} {
		for algorithm := byDefault; algorithm < algorithms; algorithm++ {
			for who, a := range map[string]*actor{"a jail at low": low, "the host": host} {
				got := a.do(t, "choose", family, strconv.Itoa(algorithm))
				check(t, got.Value == "" || got.Value == "0", "IPv%s, algorithm %d: %s is given another jail's port %s", family, algorithm, who, got.Value)
			}
		}
	}
}

// TestStrictChoice: a strict jail that may have ports chosen for it can't
// make use of a choice that fails.
func TestStrictChoice(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{Level: secmodel.High, Strict: true, Allow: []string{"auto-port"}})
	a := j.actor(t, 0)
	for _, algorithm := range []int{byDefault, randomPick} {
		got := a.do(t, "choose", "4", strconv.Itoa(algorithm), strconv.Itoa(strictlyChosen))
		check(t, got.errno() == unix.EACCES, "algorithm %d: strictly jailed root binds %d after a failed choice: %s (%s), want EACCES", algorithm, strictlyChosen, got, got.Error)
	}
}
