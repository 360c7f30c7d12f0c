package jail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/lock"
)

// ErrLocked is what every *Locked is.
var ErrLocked = errors.New("locked")

// Locked says who works on the jail.
type Locked struct {
	Name string
	lock.HeldError
}

func (e *Locked) Error() string {
	what := "jail " + e.Name
	if CheckName(e.Name) != nil {
		what = "the bases"
	}
	if e.PID == 0 {
		return fmt.Sprintf("another jailmgr works on %s; try again later", what)
	}
	return fmt.Sprintf("process %d works on %s (%s); try again later", e.PID, what, e.Doing)
}

// Is makes errors.Is(err, ErrLocked) true.
func (e *Locked) Is(target error) bool { return target == ErrLocked }

// LockBases is Lock for the base layers, which have no jail's name.
func (l Layout) LockBases(doing string) (*lock.Lock, error) { return l.Lock("0bases", doing) }

// Lock takes the lock of a jail for doing something, or at once gives a
// *Locked. It makes the directories that it needs, mode 0700.
func (l Layout) Lock(name, doing string) (*lock.Lock, error) {
	if err := os.MkdirAll(l.Runs(), 0o755); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(l.locks(), 0o700); err != nil {
		return nil, err
	}
	for tries := 1; ; tries++ {
		k, err := lock.Take(l.lock(name), doing)
		held, is := errors.AsType[*lock.HeldError](err)
		if !is {
			return k, err
		}
		// One that was killed while it started a program has left the lock
		// to its child, until that has closed what it inherited.
		if tries < 100 && held.PID > 0 && unix.Kill(held.PID, 0) == unix.ESRCH {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		return nil, &Locked{name, *held}
	}
}

// LockRunning is Lock for a jail that runs while the file system of the locks
// takes nothing: who held one before that holds it still, and others lock the
// running jail's directory.
func (l Layout) LockRunning(name string) (*lock.Lock, error) {
	k, err := lock.Borrow(l.lock(name))
	if errors.Is(err, os.ErrNotExist) {
		k, err = lock.Borrow(l.Run(name))
	}
	if held, is := errors.AsType[*lock.HeldError](err); is {
		err = &Locked{name, *held}
	}
	return k, err
}

// Locked says whether someone works on the jail.
func (l Layout) Locked(name string) bool { return lock.Held(l.lock(name)) }

func (l Layout) lock(name string) string { return filepath.Join(l.locks(), name) }
