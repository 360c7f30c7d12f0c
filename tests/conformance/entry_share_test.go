package conformance

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// What a process may share with its child, by the flags of clone(2), which
// NetBSD has with Linux's numbers, and why it may not enter then.
var shares = map[string]struct {
	flags  uintptr
	reason secmodel.Reason
}{
	"nothing":     {0, secmodel.ReasonNone},
	"directories": {0x200, secmodel.ReasonSharedCwd},
	"descriptors": {0x400, secmodel.ReasonSharedFDs},
	"memory":      {0x100 | 0x4000, secmodel.ReasonVfork},
}

// vforked is the child that shares memory with us.
var vforked atomic.Int32

// vforkCall is a system call that the child makes first, its number before its
// arguments. The child may call nothing that looks at the stack's bounds: the
// thread that it stands in for may have been told to stop there.
var vforkCall [7]uintptr

// share makes a child that shares something with this process and sleeps. A
// thread that lends its memory does not go on before the child is gone, and
// maybe not then.
func share(flags uintptr) (pid int, err error) {
	if flags&0x4000 == 0 {
		pid, err = clone(flags)
		return pid, err
	}
	// That thread can't be stopped for the collector, and keeps a processor.
	debug.SetGCPercent(-1)
	runtime.GOMAXPROCS(4)
	go func() {
		runtime.LockOSThread()
		if _, err := clone(flags); err != nil {
			vforked.Store(-1)
		}
	}()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if pid := int(vforked.Load()); pid > 0 {
			return pid, nil
		} else if pid < 0 {
			break
		}
	}
	return 0, errors.New("no child")
}

// clone is a fork in which the child sleeps, and ends if nobody ends it.
//
//go:norace
//go:nocheckptr
func clone(flags uintptr) (int, error) {
	pid, _, errno := unix.RawSyscall6(sysClone, flags|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	if pid == 0 {
		self, _, _ := unix.RawSyscall(unix.SYS_GETPID, 0, 0, 0)
		if c := &vforkCall; c[0] != 0 {
			unix.RawSyscall6(c[0], c[1], c[2], c[3], c[4], c[5], c[6])
		}
		vforked.Store(int32(self))
		for {
			unix.RawSyscall(sysNap, nap, 0, 0)
			unix.RawSyscall(unix.SYS_KILL, self, uintptr(unix.SIGKILL), 0)
		}
	}
	return int(pid), nil
}

func init() {
	// enter-sharing WHAT ID: entry while a child shares that; the child's
	// process id. Who has entered can't end it.
	verb("enter-sharing", func(args []string) (string, error) {
		n, err := numbers(args[1:])
		if err != nil {
			return "", err
		}
		pid, err := share(shares[args[0]].flags)
		if err != nil {
			return "", fmt.Errorf("clone: %w", err)
		}
		return strconv.Itoa(pid), enter(secmodel.ID(n[0]), 0)
	})
}

// TestEntryShared: who has in common with another process what would lead out
// of the jail, or into it, does not enter.
func TestEntryShared(t *testing.T) {
	need(t)
	for what, c := range shares {
		if err := unseen(); err != nil && c.reason != secmodel.ReasonNone {
			t.Run(what, func(t *testing.T) { skip(t, err.Error()) })
			continue
		}
		j := newJail(t, secmodel.Config{})
		a := start(t, part{})
		got := a.do(t, "enter-sharing", what, j.id.String())
		check(t, got.Reason == int(c.reason) && (got.Error == "") == (c.reason == secmodel.ReasonNone), "entering while a child shares %s: reason %d (%s), want reason %d", what, got.Reason, got.Error, c.reason)
		// As long as it has our memory, nobody can end us.
		if pid, err := strconv.Atoi(got.Value); err != nil || unix.Kill(pid, unix.SIGKILL) != nil {
			t.Fatalf("the child that shares %s is %q", what, got.Value)
		}
		a.end()
		if c.reason != secmodel.ReasonNone {
			check(t, j.record(t).Entries == 0, "sharing %s, an entry counts: %+v", what, j.record(t))
		}
	}
}
