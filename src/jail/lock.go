package jail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/durable"
)

// ErrLocked is what every *Locked is.
var ErrLocked = errors.New("locked")

// Locked says who works on the jail.
type Locked struct {
	Name  string
	PID   int    // 0 if not known
	Doing string // its words for it
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

// Lock is held by the one who changes a jail. It ends with the process.
type Lock struct {
	file *os.File
	path string
}

// LockBases is Lock for the base layers, which have no jail's name.
func (l Layout) LockBases(doing string) (*Lock, error) { return l.Lock("0bases", doing) }

// Lock takes the lock of a jail for doing something, or at once gives a
// *Locked. It makes the directories that it needs, mode 0700.
func (l Layout) Lock(name, doing string) (*Lock, error) {
	for tries := 1; ; tries++ {
		k, err := l.lock(name, doing)
		var held *Locked
		// One that was killed while it started a program has left the lock
		// to its child, until that has closed what it inherited.
		if tries < 100 && errors.As(err, &held) && held.PID > 0 && unix.Kill(held.PID, 0) == unix.ESRCH {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		return k, err
	}
}

func (l Layout) lock(name, doing string) (*Lock, error) {
	if err := os.MkdirAll(l.Runs(), 0o755); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(l.locks(), 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(l.locks(), name)
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
			defer f.Close()
			if !errors.Is(err, unix.EWOULDBLOCK) {
				return nil, fmt.Errorf("lock %s: %w", path, err)
			}
			held := &Locked{Name: name}
			line := make([]byte, 256)
			n, _ := f.ReadAt(line, 0)
			pid, what, _ := strings.Cut(strings.TrimSpace(string(line[:n])), " ")
			if held.PID, err = strconv.Atoi(pid); err == nil {
				held.Doing = what
			}
			return nil, held
		}
		// The one before may have removed the file after we opened it.
		if same(f, path) {
			err := f.Truncate(0)
			if err == nil {
				_, err = fmt.Fprintf(f, "%d %s\n", os.Getpid(), doing)
			}
			// On a full disk others are not told who it is, but jails can be
			// stopped and destroyed, which makes room.
			if err != nil && !durable.Full(err) {
				return nil, errors.Join(err, os.Remove(path), f.Close())
			}
			return &Lock{f, path}, nil
		}
		f.Close()
	}
}

func same(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Lstat(path)
	return err == nil && os.SameFile(a, b)
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			return err
		}
	}
}

// Unlock gives the lock back.
func (k *Lock) Unlock() error {
	err := os.Remove(k.path)
	if e := k.file.Close(); err == nil {
		err = e
	}
	return err
}

// Locked says whether someone works on the jail.
func (l Layout) Locked(name string) bool {
	f, err := os.OpenFile(filepath.Join(l.locks(), name), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	// A shared lock, let go at once: it can make another's attempt fail, but
	// only while this one finds that nobody works.
	return errors.Is(flock(f, unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}
