package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/lock"
)

// Files in the jail's run directory, beside the control socket and the lock.
const (
	socketName = "supervisor.sock"
	idName     = "id"    // the kernel's id of the jail that jail-init was put into
	spoolName  = "spool" // see logs.Spool
)

// Socket is where the supervisor of a jail answers.
func Socket(l jail.Layout, name string) string { return filepath.Join(l.Run(name), socketName) }

// LockedError says that a jail has a supervisor already.
type LockedError struct {
	Jail string
	PID  int // 0 if it is not known
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("jail %s has a supervisor already", e.Jail)
	}
	return fmt.Sprintf("jail %s has a supervisor already, process %d", e.Jail, e.PID)
}

// ExitCode makes it an exit.Coder.
func (e *LockedError) ExitCode() int { return exit.Temporary }

// ExitHint makes it an exit.Hinter.
func (e *LockedError) ExitHint() string { return "see: jailmgr status " + e.Jail }

// lockSupervisor takes the lock that the one supervisor of a jail holds for as
// long as it lives. It has patience with a supervisor that holds it: one whose
// starter was killed is about to end.
func lockSupervisor(l jail.Layout, name string, patience time.Duration) (*lock.Lock, error) {
	deadline := time.Now().Add(patience)
	for {
		// One who ends removes the file and then the directory, which MkdirAll
		// may just have found there.
		err := os.MkdirAll(l.Run(name), 0o700)
		if st, e := os.Lstat(l.Run(name)); errors.Is(err, os.ErrExist) && (e != nil || st.IsDir()) {
			continue
		}
		if err != nil {
			return nil, err
		}
		k, err := lock.Take(l.SupervisorLock(name), "")
		held, is := errors.AsType[*lock.HeldError](err)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case !is:
			return k, err
		case time.Now().Before(deadline):
			time.Sleep(10 * time.Millisecond)
		default:
			return nil, &LockedError{name, held.PID}
		}
	}
}

// unlockSupervisor gives the lock back, and removes the run directory if
// nothing else is in it.
func unlockSupervisor(l jail.Layout, name string, k *lock.Lock) error {
	err := k.Unlock()
	// Others may keep files there.
	_ = os.Remove(l.Run(name))
	return err
}

// Running says whether the jail has a supervisor. It asks its socket, not the
// lock: to try that could keep a supervisor from starting.
func Running(name string) bool {
	fd, err := control.Connect(Socket(jail.Paths(), name))
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

// Gone returns when the jail has no supervisor any more, or with ctx's error.
// One that has lost its jail, or is so young that it does not answer yet, holds
// its lock as long as it lives.
func Gone(ctx context.Context, name string) error {
	if err := lock.Wait(ctx, jail.Paths().SupervisorLock(name)); err != nil {
		return fmt.Errorf("the supervisor of jail %s does not end: %w", name, err)
	}
	return nil
}
