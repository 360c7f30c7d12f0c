package conformance

import (
	"errors"
	"fmt"
	"os"
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
	// choose FAMILY ALGORITHM [high|THEN]: the port that the kernel chooses from
	// the low or the high range; or with THEN, another one asked for afterwards.
	verb("choose", func(args []string) (string, error) {
		high := len(args) > 2 && args[2] == "high"
		if high {
			args = args[:2]
		}
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
		if !high {
			if err := unix.SetsockoptInt(s, o[0], o[1], lowRange); err != nil {
				return "", fmt.Errorf("range: %v", err)
			}
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

// TestFallbackOfChoice: nor the one below the last, which the kernel takes then,
// if someone else has it.
func TestFallbackOfChoice(t *testing.T) {
	need(t)
	const first, last = 7660, 7669
	for _, c := range []struct{ family, address, least, most string }{
		{"4", "0.0.0.0", "net.inet.ip.anonportmin", "net.inet.ip.anonportmax"},
		{"6", "::", "net.inet6.ip6.anonportmin", "net.inet6.ip6.anonportmax"},
	} {
		setNumber(t, c.least, first)
		setNumber(t, c.most, last)
		a := newJail(t, secmodel.Config{Level: secmodel.High}).actor(t, 0)
		host := start(t, part{Observe: true})
		for port := first + 1; port <= last; port++ {
			must(t, a.do(t, "bind", "tcp", c.address, strconv.Itoa(port)))
		}
		for port := first - 5; port < first; port++ {
			must(t, host.do(t, "bind", "tcp", c.address, strconv.Itoa(port), "listening"))
		}
		got := a.do(t, "bind", "tcp", c.address, "0")
		check(t, got.Value == strconv.Itoa(first), "IPv%s: of ports from %d, the only one is %s: %s", c.family, first, got.Value, got)
		for range 5 {
			got = a.do(t, "choose", c.family, strconv.Itoa(randomPick), "high")
			check(t, got.errno() == unix.EACCES, "IPv%s: a jail is chosen port %s, which the host has: %s, want EACCES", c.family, got.Value, got)
		}
		a.do(t, "close")
		host.do(t, "close")
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

func init() {
	// where says by its status whether this process is in a jail: from there
	// no other jail is to be seen.
	roles["where"] = func() {
		c, err := secmodel.Open()
		if err != nil {
			os.Exit(4)
		}
		s, err := c.Jails()
		switch {
		case err != nil:
			os.Exit(4)
		case len(s.Jails) != 1:
			os.Exit(3)
		}
	}
	// enter-and-exec ID: one thread enters, while another is ever in
	// execve(2), with the credential that it came with. The program is one
	// that is in the jail only.
	verb("enter-and-exec", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		c, err := secmodel.Open()
		if err != nil {
			return "", err
		}
		go func() {
			runtime.LockOSThread()
			for {
				// It does not return once it is right.
				_ = unix.Exec(program, []string{program}, []string{roleVariable + "=where"})
			}
		}()
		runtime.LockOSThread()
		for {
			err := c.Enter(secmodel.ID(n[0]), 0)
			refused, ok := errors.AsType[*secmodel.Refused](err)
			switch {
			case ok && refused.Reason == secmodel.ReasonExec:
				continue
			case err != nil:
				return "", err
			}
			select {} // the other one ends this
		}
	})
}

// TestEntryDuringExec: execve(2) gives a process the credential of the thread
// that called it; that must not take it out of the jail which another thread
// has entered meanwhile.
func TestEntryDuringExec(t *testing.T) {
	need(t)
	newJail(t, secmodel.Config{}) // the one that is not to be seen
	for range 30 {
		j := newJail(t, secmodel.Config{})
		a := start(t, part{})
		if got, err := a.ask("enter-and-exec", j.id.String()); err == nil {
			t.Fatalf("%s", got.Error)
		}
		err := a.cmd.Wait()
		check(t, err == nil, "after entry during execve: %v; status 3 is: on the host", err)
	}
}
