package conformance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
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

	ksemInit        = 247
	ksemPost        = 251
	ksemGetvalue    = 254
	sharedSemaphore = 0x50535244 // KSEM_PSHARED
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
		a, init := j.actor(t, 0), start(t, part{Jail: j.id, Entry: secmodel.EnterInit})
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

	show("Shared semaphores", func(t *testing.T) {
		a, host := strictest(t).actor(t, user), start(t, part{})
		made := host.do(t, "make-semaphore")
		must(t, made)
		got := a.do(t, "post-semaphore", made.Value)
		value := host.do(t, "value-of-semaphore", made.Value)
		open(t, value.Value == "1", "a user in a jail raises a semaphore of the host to %q (%s)", value.Value, got.Error)
	})
	verb("make-semaphore", func([]string) (string, error) {
		id := uintptr(sharedSemaphore)
		_, _, errno := unix.Syscall(ksemInit, 0, uintptr(unsafe.Pointer(&id)), 0)
		if errno != 0 {
			return "", errno
		}
		return strconv.Itoa(int(id)), nil
	})
	verb("post-semaphore", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		_, err = result(ksemPost, uintptr(n[0]))
		return "", err
	})
	verb("value-of-semaphore", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		var value uint32
		_, _, errno := unix.Syscall(ksemGetvalue, uintptr(n[0]), uintptr(unsafe.Pointer(&value)), 0)
		if errno != 0 {
			return "", errno
		}
		return strconv.Itoa(int(value)), nil
	})

	show("Users of connections", func(t *testing.T) {
		a, server, client := strictest(t).actor(t, user), start(t, part{}), start(t, part{UID: user})
		must(t, server.do(t, "bind", "tcp", "127.0.0.1", "7451", "listening"))
		must(t, client.do(t, "connect-from", "7452", "7451"))
		got := a.do(t, "ident", "7451", "7452")
		open(t, got.Value == strconv.Itoa(user), "whose a connection is, a user in a jail is told %q (%s)", got.Value, got.Error)
	})
	// ident THEIRS OURS: the uid of who has that connection of the loopback.
	verb("ident", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		mib, err := node("net.inet.tcp.ident")
		if err != nil {
			return "", err
		}
		for _, port := range n {
			at := []byte{127, 0, 0, 1, byte(port >> 8), byte(port)}
			mib = append(mib, int32(binary.NativeEndian.Uint32(at)), int32(binary.NativeEndian.Uint16(at[4:])))
		}
		uid := make([]byte, 4)
		_, err = sysctl(mib, uid, nil)
		return strconv.Itoa(int(binary.NativeEndian.Uint32(uid))), err
	})

	show("Terminals", func(t *testing.T) {
		j := strictest(t)
		a := j.actor(t, 0)
		withoutPtyfs(t, "/dev/pts")
		err := withTerminal(func(_ int, name string) error {
			got := a.do(t, "open-rw", "/dev/pts/"+filepath.Base(name))
			open(t, got.Error == "", "without ptyfs of its own the host's terminal %s is in a jail's: %s", name, got.Error)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})

	show("State of the kernel", func(t *testing.T) {
		a := strictest(t).actor(t, user)
		for _, name := range []string{"kern.msgbuf", "net.inet.ip.stats", "vm.uvmexp2", "kern.boottime", "kern.vnode"} {
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

// withoutPtyfs unmounts it, if it is there, until the test ends.
func withoutPtyfs(t *testing.T, at string) {
	t.Helper()
	err := unix.Unmount(at, 0x00080000) // MNT_FORCE
	if err == unix.EINVAL {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mountFS("ptyfs", at, ptyfsArgs); err != nil {
			t.Error(err)
		}
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
