package conformance

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	fioSetown = 0x8004667c
	tiocGpgrp = 0x40047477
	tiocSig   = 0x2000745f
	lostEach  = 16
)

func init() {
	show("Groups of terminals", func(t *testing.T) {
		a := strictest(t).actor(t, user)
		// The kernel's record of a group that is gone is soon another's.
		var victim *sleeper
		lost := -1
		for i := 0; i < 400 && lost == -1; i++ {
			if i%20 == 0 {
				must(t, a.do(t, "lose-groups"))
			}
			victim = newSleeperOnTerminal(t)
			now := a.do(t, "groups")
			must(t, now)
			lost = slices.Index(strings.Fields(now.Value), strconv.Itoa(victim.pid))
			if lost == -1 {
				eventually(t, "a process of the host ends", func() bool {
					_ = unix.Kill(victim.pid, unix.SIGKILL)
					return victim.killed()
				})
			}
		}
		if lost == -1 {
			t.Fatal("closed, it seems; take it out of jail_security(7): no terminal of the jail has the group of a process of the host")
		}
		got := a.do(t, "kill", strconv.Itoa(victim.pid), "9")
		check(t, got.Error != "", "a user in a jail kills a process of the host")
		must(t, a.do(t, "signal-group", strconv.Itoa(lost), "9"))
		open(t, victim.killed(), "a terminal of a user in a jail does not kill a process of the host")
	})
	// lose-groups: terminals, kept, each with a process group that is gone.
	verb("lose-groups", func([]string) (string, error) {
		for _, fd := range held {
			unix.Close(fd)
		}
		held = nil
		for range lostEach {
			master, slave, _, err := terminal()
			if err != nil {
				return "", err
			}
			unix.CloseOnExec(master)
			unix.CloseOnExec(slave)
			pid, err := syscall.ForkExec(program, []string{program}, &syscall.ProcAttr{
				Env: []string{roleVariable + "=sleep"}, Files: []uintptr{0, 0, 0}, Sys: &syscall.SysProcAttr{Setpgid: true},
			})
			if err != nil {
				return "", fmt.Errorf("fork: %w", err)
			}
			group := int32(-pid)
			err = ioctl(slave, fioSetown, unsafe.Pointer(&group))
			// One that has just executed was seen to miss it.
			for ended := 0; err == nil && ended != pid; time.Sleep(time.Millisecond) {
				if err = unix.Kill(pid, unix.SIGKILL); err == nil {
					ended, err = unix.Wait4(pid, nil, unix.WNOHANG, nil)
				}
			}
			if err != nil {
				return "", err
			}
			held = append(held, slave, master)
		}
		return groups()
	})
	verb("groups", func([]string) (string, error) { return groups() })
	// signal-group N SIGNAL: to the group of the Nth terminal.
	verb("signal-group", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(masters()[n[0]]), tiocSig, uintptr(n[1]))
		if errno != 0 {
			return "", errno
		}
		return "", nil
	})
}

// masters are of the terminals of lose-groups.
func masters() []int {
	var fds []int
	for i := len(held) - 2*lostEach; i < len(held); i += 2 {
		fds = append(fds, held[i+1])
	}
	return fds
}

// groups are of the terminals, as the kernel has them.
func groups() (string, error) {
	var ids []string
	for _, fd := range masters() {
		b := make([]byte, 4)
		if err := ioctl(fd, tiocGpgrp, unsafe.Pointer(&b[0])); err != nil {
			return "", fmt.Errorf("TIOCGPGRP: %w", err)
		}
		ids = append(ids, strconv.Itoa(int(int32(binary.NativeEndian.Uint32(b)))))
	}
	return strings.Join(ids, " "), nil
}

// newSleeperOnTerminal is one as of who has logged in.
func newSleeperOnTerminal(t *testing.T) *sleeper {
	t.Helper()
	master, slave, name, err := terminal()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(master) })
	f := os.NewFile(uintptr(slave), name)
	defer f.Close()
	cmd := exec.Command(self)
	cmd.Env = []string{roleVariable + "=sleep"}
	cmd.Stdin = f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &sleeper{cmd.Process.Pid, make(chan error, 1)}
	go func() { s.ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return s
}
