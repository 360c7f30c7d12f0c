package conformance

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

// roleVariable makes this program play one of the roles, with no pipes.
const roleVariable = "CONFORMANCE_ROLE"

// program is where every jail's root has this program.
const program = "/conformance"

// roles are what an actor's child can be.
var roles = map[string]func(){
	"exit":  func() {},
	"sleep": sleep,
	// burn uses a quarter of a second of processor time.
	"burn": func() {
		var u syscall.Rusage
		for used := time.Duration(0); used < 250*time.Millisecond; {
			for range 1000000 {
				runtime.KeepAlive(used)
			}
			if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
				os.Exit(1)
			}
			used = time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	},
	// daemon leaves a child in a session of its own, and no parent.
	"daemon": func() {
		if _, err := spawnAs("sleep", true); err != nil {
			os.Exit(1)
		}
	},
	// bomb makes children that do the same.
	"bomb": func() {
		for {
			if _, err := spawnAs("bomb", true); err != nil {
				time.Sleep(time.Millisecond)
			}
		}
	},
}

func sleep() {
	for {
		time.Sleep(time.Hour)
	}
}

// spawn starts this program, in a jail or a root like one, in a role.
func spawn(role string) (int, error) { return spawnAs(role, false) }

func spawnAs(role string, session bool) (int, error) {
	return syscall.ForkExec(program, []string{program}, &syscall.ProcAttr{
		Env: []string{roleVariable + "=" + role}, Files: []uintptr{0, 0, 0}, Sys: &syscall.SysProcAttr{Setsid: session},
	})
}

// forkExit runs this program for a moment, and returns its process id.
func forkExit() (int, error) {
	pid, err := spawn("exit")
	if err != nil {
		return 0, err
	}
	for {
		var ws syscall.WaitStatus
		_, err := syscall.Wait4(pid, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return pid, fmt.Errorf("wait: %w", err)
		}
		if ws.ExitStatus() != 0 {
			return pid, fmt.Errorf("the child ended with status %#x", int(ws))
		}
		return pid, nil
	}
}
