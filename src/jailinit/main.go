package jailinit

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"jails/src/account"
	"jails/src/control"
	"jails/src/event"
	"jails/src/secmodel"
)

// Enter puts the process into the jail as its init, for good.
type Enter func(id uint32) error

// Main is the command jail-init.
func Main(_ []string, _ io.Reader, _, stderr io.Writer) int {
	return Run(stderr, func(id uint32) error {
		c, err := secmodel.Open()
		if err != nil {
			return err
		}
		return errors.Join(c.Enter(secmodel.ID(id), secmodel.EnterInit), c.Close())
	}, syslogPaths...)
}

// Of package exit, which would bring more than these.
const (
	exitUsage    = 64
	exitSoftware = 70
	exitSystem   = 71
)

// Run is Main with another way to enter the jail, and other places for the
// syslog socket. It returns the exit code.
func Run(stderr io.Writer, enter Enter, syslog ...string) int {
	// All that the jail's policy may look at happens on this thread: on
	// NetBSD the others take on the new credential at their next system
	// call only.
	runtime.LockOSThread()
	debug.SetGCPercent(-1) // see memory.go
	// Without a limit Go takes the heap for a large one then, and has huge
	// pages for its tables.
	debug.SetMemoryLimit(64 << 20)

	if !startedBySupervisor() {
		fmt.Fprintln(stderr, "jail-init: it is started by the supervisor; see: jailctl supervise")
		return exitUsage
	}
	if err := closeFrom(firstFreeFD); err != nil {
		fmt.Fprintln(stderr, "jail-init: close inherited descriptors:", err)
		return exitSystem
	}
	for fd := supervisorFD; fd < firstFreeFD; fd++ {
		unix.CloseOnExec(fd)
	}
	unix.Umask(0o022)
	p, code, err := prepare(enter, syslog)
	if err != nil {
		tellSupervisor(err)
		fmt.Fprintln(stderr, "jail-init:", err)
		return code
	}
	if err := p.loop.Run(); err != nil {
		fmt.Fprintln(stderr, "jail-init:", err)
		return exitSystem
	}
	return 0
}

// startedBySupervisor tells a person who runs it by hand from the supervisor.
func startedBySupervisor() bool {
	for _, fd := range []int{supervisorFD, listenFD} {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
			return false
		}
	}
	return true
}

func prepare(enter Enter, syslog []string) (*process, int, error) {
	if err := unix.SetNonblock(supervisorFD, false); err != nil {
		return nil, exitSystem, err
	}
	var m struct {
		Setup Setup `json:"setup"`
	}
	setup := &m.Setup
	if err := control.Receive(supervisorFD, &m); errors.Is(err, control.ErrProtocol) {
		return nil, exitSoftware, fmt.Errorf("read the setup: %w", err)
	} else if err != nil {
		return nil, exitSystem, fmt.Errorf("receive the setup: %w", err)
	}
	if err := setup.Check(); err != nil {
		return nil, exitSoftware, err
	}
	p := newProcess(*setup, nil)
	p.litter = setupLitter * len(setup.Services)
	var err error
	if p.limits, err = takeLimits(); err != nil {
		return nil, exitSystem, err
	}
	if err := p.limits.raise(setup.Services); err != nil {
		return nil, exitSystem, err
	}
	p.system = host{account.MayRegroup(), &p.limits}
	if err := p.openStreams(); err != nil {
		return nil, exitSystem, err
	}
	if err := unix.Chdir("/"); err != nil {
		return nil, exitSystem, err
	}
	if err := enter(setup.ID); err != nil {
		return nil, exitSystem, err
	}
	if setup.Syslog {
		p.openSyslog(syslog)
	}
	// Only now: an event queue may not be carried into a jail.
	if p.loop, err = event.New(); err != nil {
		return nil, exitSystem, err
	}
	p.loop.Rest(p.rest)
	if err := p.begin(); err != nil {
		return nil, exitSystem, err
	}
	return p, 0, nil
}

// tellSupervisor is for errors before the loop runs.
func tellSupervisor(err error) {
	if unix.SetNonblock(supervisorFD, false) == nil {
		// If this fails, the supervisor sees the connection end.
		_ = control.Transmit(supervisorFD, &control.Message{Op: control.OpError, Error: err.Error()})
	}
}
