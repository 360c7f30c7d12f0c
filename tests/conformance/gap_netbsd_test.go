package conformance

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

const (
	kernMsgbuf   = 53
	kernLwp      = 64
	lwpSize      = 160 // more than the process id in a struct kinfo_lwp
	localPeer    = 3   // LOCAL_PEEREID
	numberOfUser = 7   // RLIMIT_NPROC
)

// peer is the effective uid of who has connected.
func peer(s int) (int, error) {
	var id struct{ pid, euid, egid int32 } // struct unpcbid
	size := uint32(unsafe.Sizeof(id))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s), 0, localPeer, uintptr(unsafe.Pointer(&id)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, errno
	}
	return int(id.euid), nil
}

// heard are the SIGIO that have come.
var heard atomic.Int32

func init() {
	show("Threads of others", func(t *testing.T) {
		a, host := strictest(t).actor(t, 0), start(t, part{})
		got := a.do(t, "threads", strconv.Itoa(host.pid))
		n, err := strconv.Atoi(got.Value)
		open(t, err == nil && n > 0, "of the host's process a jail sees %q threads (%s)", got.Value, got.Error)
	})
	verb("threads", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		size, err := sysctl([]int32{unix.CTL_KERN, kernLwp, int32(n[0]), lwpSize, 100}, make([]byte, 100*lwpSize), nil)
		return strconv.Itoa(size / lwpSize), err
	})

	show("Signals by descriptors", func(t *testing.T) {
		j := strictest(t)
		a, init := j.actor(t, 0), start(t, part{Jail: j.id, Init: true})
		for who, target := range map[string]*actor{"the host": start(t, part{}), "another jail": strictest(t).actor(t, 0), "the jail's init": init} {
			must(t, target.do(t, "hear"))
			got := a.do(t, "announce", strconv.Itoa(target.pid))
			if got.Error != "" {
				open(t, false, "a jail has SIGIO sent to %s: %s", who, got.Error)
				continue
			}
			eventually(t, "SIGIO, sent by a jail to "+who+", is heard", func() bool { return target.do(t, "heard").Value != "0" })
		}
	})
	verb("hear", func([]string) (string, error) {
		c := make(chan os.Signal, 1)
		signal.Notify(c, unix.SIGIO)
		go func() {
			for range c {
				heard.Add(1)
			}
		}()
		return "", nil
	})
	verb("heard", func([]string) (string, error) { return strconv.Itoa(int(heard.Load())), nil })
	// announce PID: that process is told of what comes on a socket of ours.
	verb("announce", func(args []string) (string, error) {
		pid, err := numbers(args)
		if err != nil {
			return "", err
		}
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return "", err
		}
		defer unix.Close(pair[0])
		defer unix.Close(pair[1])
		if _, err := unix.FcntlInt(uintptr(pair[0]), unix.F_SETOWN, pid[0]); err != nil {
			return "", fmt.Errorf("F_SETOWN: %w", err)
		}
		if _, err := unix.FcntlInt(uintptr(pair[0]), unix.F_SETFL, unix.O_ASYNC); err != nil {
			return "", fmt.Errorf("O_ASYNC: %w", err)
		}
		_, err = unix.Write(pair[1], []byte{0})
		time.Sleep(10 * time.Millisecond)
		return "", err
	})

	show("State of the kernel", func(t *testing.T) {
		a := strictest(t).actor(t, user)
		for _, name := range []string{"kern.msgbuf", "net.inet.ip.stats", "vm.uvmexp2", "kern.boottime"} {
			got := a.do(t, "node", name)
			open(t, got.Error == "", "a user in a jail reads %s: %s", name, got.Error)
		}
	})
	verb("node", func(args []string) (string, error) {
		mib, err := node(args[0])
		if err != nil {
			return "", err
		}
		n, err := sysctl(mib, nil, nil)
		if err == nil {
			n, err = sysctl(mib, make([]byte, n+1024), nil)
		}
		return strconv.Itoa(n), err
	})

	show("Numbers of users", func(t *testing.T) {
		j := strictest(t, func(c *secmodel.Config) { c.Limits = []secmodel.Limit{{Resource: numberOfUser, Soft: 3, Hard: 3}} })
		a := j.actor(t, user)
		must(t, a.do(t, "run", "exit"))
		for range 4 {
			start(t, part{UID: user})
		}
		got := a.do(t, "run", "exit")
		open(t, got.errno() == unix.EAGAIN, "the host's processes of the same uid do not count: %s", got)
	})

	show("Other algorithms for ports", func(t *testing.T) {
		const name = "net.inet.ip.anonportalgo.selected"
		newJail(t, secmodel.Config{Ports: []secmodel.PortRange{{First: 1, Last: 1023}}})
		a := newJail(t, secmodel.Config{Level: secmodel.Low}).actor(t, 0)
		if err := setNode(name, "random_start"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := setNode(name, "bsd"); err != nil {
				t.Error(err)
			}
		})
		got := a.do(t, "choose", "4", strconv.Itoa(byDefault))
		port, err := strconv.Atoi(got.Value)
		open(t, err == nil && 0 < port && port < 1024, "with another algorithm for all, a jail is given another's port: %q (%s)", got.Value, got.Error)
	})

	show("Strict jails that choose ports", func(t *testing.T) {
		a := strictest(t, func(c *secmodel.Config) { c.Level, c.Allow = secmodel.Medium, []string{"auto-port"} }).actor(t, user)
		got := a.do(t, "choose", "4", strconv.Itoa(byDefault), strconv.Itoa(strictlyChosen))
		open(t, got.Value == strconv.Itoa(strictlyChosen), "after a failed choice a user of a strict jail binds %d: %q %s", strictlyChosen, got.Value, got.Error)
	})

	show("SCTP", func(t *testing.T) {
		taken := reserveFree(t, newJail(t, secmodel.Config{}), []secmodel.PortRange{{First: 1024, Last: 65535}})
		a := strictest(t).actor(t, 0)
		got := a.do(t, "bind", "sctp", "0.0.0.0", "0")
		if got.errno() == unix.EPROTONOSUPPORT {
			skip(t, "no SCTP here; boot a kernel with options SCTP")
		}
		port, err := strconv.Atoi(got.Value)
		open(t, err == nil && reserved(taken, "", port), "a strict jail is given a port of SCTP that is another's: %q (%s)", got.Value, got.Error)
	})
}

// setNode writes a text to a sysctl node.
func setNode(name, value string) error {
	mib, err := node(name)
	if err != nil {
		return err
	}
	if _, err := sysctl(mib, nil, append([]byte(value), 0)); err != nil {
		return errors.Join(fmt.Errorf("%s", name), err)
	}
	return nil
}
