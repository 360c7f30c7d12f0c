package conformance

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// TestChildOfInit: whom a jail's init has forked is guarded as init is until it
// executes a program, and any other's child is not. Linux tells hostkern too
// late of an execution, so there it is not guarded.
func TestChildOfInit(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{Level: secmodel.Low})
	init, a := start(t, part{Jail: j.id, Entry: secmodel.EnterInit}), j.actor(t, 0)
	guarded, free := init.do(t, "fork-and-hold"), a.do(t, "fork-and-hold")
	if guarded.Error != "" || free.Error != "" {
		t.Fatalf("%s %s", guarded, free)
	}
	core := strconv.Itoa(unix.RLIMIT_CORE + 1)
	for _, c := range []struct {
		verb    string
		more    []string
		refusal unix.Errno
	}{{"kill", []string{"0"}, unix.EPERM}, {"kill", []string{"17"}, unix.EPERM}, {"limit-core", []string{core}, unix.EPERM}, {"attach", nil, unix.ESRCH}} {
		got := a.do(t, c.verb, append([]string{guarded.Value}, c.more...)...)
		check(t, got.errno() == c.refusal, "%s of a child of init: %s, want %s", c.verb, got, c.refusal)
		got = a.do(t, c.verb, append([]string{free.Value}, c.more...)...)
		check(t, got.Error == "", "%s of another's child: %s", c.verb, got)
	}
	got := init.do(t, "kill", guarded.Value, strconv.Itoa(int(unix.SIGKILL)))
	check(t, got.Error == "", "init kills its child: %s", got)
}

// TestEntering: who enters to execute a program, as jailctl exec does, is
// guarded as init is until it has, whatever user it becomes before.
func TestEntering(t *testing.T) {
	need(t)
	for _, uid := range []int{0, user} {
		j := newJail(t, secmodel.Config{Level: secmodel.Low})
		a, entering := j.actor(t, 0), start(t, part{Jail: j.id, Entry: secmodel.EnterExec, UID: uid})
		pid := strconv.Itoa(entering.pid)
		for _, c := range []struct {
			verb    string
			more    []string
			refusal unix.Errno
		}{{"kill", []string{"0"}, unix.EPERM}, {"kill", []string{"17"}, unix.EPERM}, {"limit-core", []string{strconv.Itoa(unix.RLIMIT_CORE + 1)}, unix.EPERM}, {"attach", nil, unix.ESRCH}} {
			got := a.do(t, c.verb, append([]string{pid}, c.more...)...)
			check(t, got.errno() == c.refusal, "%s of who enters as uid %d: %s, want %s", c.verb, uid, got, c.refusal)
		}
		got := a.do(t, "chmod", "/proc/"+pid+"/file", "755")
		check(t, got.Error != "", "the mode of the program of who enters as uid %d is changed", uid)
		check(t, start(t, part{}).do(t, "kill", pid, "0").Error == "", "the host's root does not reach it")

		_, _ = entering.ask("exec-and-sleep")
		eventually(t, "it can be signalled once it has executed", func() bool { return a.do(t, "kill", pid, "0").Error == "" })
		got = a.do(t, "kill", pid, strconv.Itoa(int(unix.SIGKILL)))
		check(t, got.Error == "", "kill of who has executed: %s", got)
	}
}

func init() {
	verb("exec-and-sleep", func([]string) (string, error) {
		return "", unix.Exec(program, []string{program}, []string{roleVariable + "=sleep"})
	})
	// The child runs no Go: it only waits.
	verb("fork-and-hold", func([]string) (string, error) {
		pid, _, errno := syscall.RawSyscall(unix.SYS_FORK, 0, 0, 0)
		if errno != 0 {
			return "", errno
		}
		for pid == 0 {
			_, _, _ = syscall.RawSyscall6(unix.SYS_SELECT, 0, 0, 0, 0, 0, 0)
		}
		return fmt.Sprint(pid), nil
	})
	verb("limit-core", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		_, err = sysctl([]int32{ctlProc, int32(n[0]), procLimit, int32(n[1]), 1}, nil, make([]byte, 8))
		return "", err
	})
	verb("attach", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		if _, _, errno := syscall.RawSyscall6(unix.SYS_PTRACE, ptAttach, uintptr(n[0]), 0, 0, 0, 0); errno != 0 {
			return "", errno
		}
		return "", nil
	})
}
