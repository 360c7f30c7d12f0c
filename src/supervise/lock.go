package supervise

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/exit"
	"jails/src/jail"
)

// Files in the jail's run directory, beside the control socket and the lock.
const (
	socketName = "supervisor.sock"
	idName     = "id" // the kernel's id of the jail that jail-init was put into
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

// lock is held by the one supervisor of a jail for as long as it lives: the
// kernel lets go of it however the process ends.
type lock struct {
	file *os.File
	path string
}

// lockSupervisor takes the lock. It has patience with a supervisor that holds
// it: one whose starter was killed is about to end.
func lockSupervisor(l jail.Layout, name string, patience time.Duration) (*lock, error) {
	deadline := time.Now().Add(patience)
	path := l.SupervisorLock(name)
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
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
			if errors.Is(err, unix.EWOULDBLOCK) && time.Now().Before(deadline) {
				f.Close()
				time.Sleep(10 * time.Millisecond)
				continue
			}
			defer f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, &LockedError{name, readPID(f)}
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		// It may have removed the file in between.
		if !isAt(f, path) {
			f.Close()
			continue
		}
		err = f.Truncate(0)
		if err == nil {
			_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		return &lock{f, path}, nil
	}
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			return err
		}
	}
}

func isAt(f *os.File, path string) bool {
	mine, err1 := f.Stat()
	there, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(mine, there)
}

func readPID(f *os.File) int {
	var b [16]byte
	n, _ := f.ReadAt(b[:], 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

// release removes the lock's file, and the run directory if nothing else is
// in it.
func (k *lock) release() error {
	err := os.Remove(k.path)
	// Others may keep files there.
	_ = os.Remove(filepath.Dir(k.path))
	return errors.Join(err, k.file.Close())
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
