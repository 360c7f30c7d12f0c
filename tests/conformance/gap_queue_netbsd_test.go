package conformance

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	sysMqNotify = 262
	sysMqSend   = 263
	addressIn   = 16 // of p_paddr in a struct kinfo_proc2
	watched     = "/conformance"
)

func init() {
	show("Message queues", func(t *testing.T) {
		j := strictest(t)
		if err := os.Chmod(filepath.Join(j.root, "tmp"), 0o1777); err != nil {
			t.Fatal(err)
		}
		setNumber(t, "kern.expose_address", 2)
		a := j.actor(t, user)
		if _, err := node("kern.mqueue"); err != nil {
			skip(t, "no message queues here; load the module mqueue")
		}
		got := a.do(t, "watch-queue")
		must(t, got)
		t.Cleanup(func() {
			if err := call(sysMqUnlink, text(watched)); err != nil {
				t.Errorf("mq_unlink: %v", err)
			}
		})
		eventually(t, "a process waits for messages", func() bool {
			_, err := os.Stat(filepath.Join(j.root, "tmp/watches"))
			return err == nil
		})
		pid, err := strconv.Atoi(got.Value)
		if err != nil {
			t.Fatal(err)
		}
		was := processAddress(t, pid)
		must(t, a.do(t, "reap", got.Value))

		// The kernel's record of who has ended is soon another's.
		var victim *sleeper
		for range 200 {
			victim = newSleeper(t)
			if processAddress(t, victim.pid) == was {
				break
			}
			victim = nil
		}
		if victim == nil {
			t.Fatalf("no process of 200 has the record at %#x", was)
		}
		got = a.do(t, "kill", strconv.Itoa(victim.pid), "9")
		check(t, got.Error != "", "a user in a jail kills a process of the host")
		must(t, a.do(t, "send-message"))
		open(t, victim.killed(), "a message of a user in a jail does not kill a process of the host")

		setNumber(t, "kern.mqueue.mq_open_max", 0)
		got = a.do(t, "send-message")
		check(t, got.errno() == unix.EMFILE, "with none allowed, a queue is opened: %s", got)
	})
	roles["watch-queue"] = func() {
		d, err := result(sysMqOpen, text(watched), unix.O_CREAT|unix.O_RDWR, 0o600, 0)
		event, b := buffer(32)              // a struct sigevent
		binary.LittleEndian.PutUint32(b, 1) // SIGEV_SIGNAL
		binary.LittleEndian.PutUint32(b[4:], uint32(unix.SIGKILL))
		if err == nil && call(sysMqNotify, uintptr(d), event) == nil && os.WriteFile("/tmp/watches", nil, 0o600) == nil {
			sleep()
		}
		os.Exit(1)
	}
	verb("watch-queue", func([]string) (string, error) {
		pid, err := spawn("watch-queue")
		return strconv.Itoa(pid), err
	})
	verb("send-message", func([]string) (string, error) {
		d, err := result(sysMqOpen, text(watched), unix.O_RDWR, 0, 0)
		if err != nil {
			return "", err
		}
		defer unix.Close(d)
		return "", call(sysMqSend, uintptr(d), text("x"), 1, 0)
	})
}

// A sleeper is a process of the host.
type sleeper struct {
	pid   int
	ended chan error
}

func newSleeper(t *testing.T) *sleeper {
	t.Helper()
	cmd := exec.Command(self)
	cmd.Env = []string{roleVariable + "=sleep"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &sleeper{cmd.Process.Pid, make(chan error, 1)}
	go func() { s.ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return s
}

// killed says whether it has ended, or does within a second.
func (s *sleeper) killed() bool {
	select {
	case <-s.ended:
		return true
	case <-time.After(time.Second):
		return false
	}
}

// processAddress is where the kernel has the record of a process.
func processAddress(t *testing.T, pid int) uint64 {
	t.Helper()
	b, err := kinfo(pid)
	if err != nil {
		t.Fatalf("process %d: %v", pid, err)
	}
	address := binary.NativeEndian.Uint64(b[addressIn:])
	if address == 0 {
		t.Fatalf("the kernel does not tell where process %d is", pid)
	}
	return address
}

// setNumber sets a sysctl node, until the test ends.
func setNumber(t *testing.T, name string, value uint32) {
	t.Helper()
	mib, err := node(name)
	if err != nil {
		t.Fatal(err)
	}
	old := make([]byte, 4)
	if _, err := sysctl(mib, old, binary.NativeEndian.AppendUint32(nil, value)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() {
		if _, err := sysctl(mib, nil, old); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
}
