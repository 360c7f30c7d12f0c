// Package lock is files that one process at a time holds, and that say who
// does. The kernel lets go of a lock however its holder ends.
package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jails/src/durable"
)

// HeldError says that another holds a lock.
type HeldError struct {
	PID   int    // 0 if it is not known
	Doing string // its words for what it does, or ""
}

func (e *HeldError) Error() string { return fmt.Sprintf("locked by process %d", e.PID) }

// Lock is held until Unlock, or until the process ends.
type Lock struct {
	file *os.File
	path string // "": it is borrowed
}

// Take takes the lock at path, or at once gives a *HeldError. The directory
// must be there: os.ErrNotExist. doing is for others to read.
func Take(path, doing string) (*Lock, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
			defer f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, holder(f)
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		// The one before may have removed the file after we opened it.
		if !isAt(f, path) {
			f.Close()
			continue
		}
		err = f.Truncate(0)
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
}

// Borrow is Take where a file system takes nothing any more: it locks what is
// there, a file or a directory, and leaves it as it is.
func Borrow(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, holder(f)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &Lock{file: f}, nil
}

func holder(f *os.File) *HeldError {
	line := make([]byte, 256)
	n, _ := f.ReadAt(line, 0) // what can not be read is not known
	first, doing, _ := strings.Cut(strings.TrimSpace(string(line[:n])), " ")
	pid, err := strconv.Atoi(first)
	if err != nil || pid < 0 {
		return &HeldError{}
	}
	return &HeldError{pid, doing}
}

func isAt(f *os.File, path string) bool {
	mine, err1 := f.Stat()
	there, err2 := os.Lstat(path)
	return err1 == nil && err2 == nil && os.SameFile(mine, there)
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			return err
		}
	}
}

// Unlock gives the lock back, and removes its file, unless it is borrowed or
// the file system has become read-only.
func (k *Lock) Unlock() error {
	var err error
	if k.path != "" {
		if err = os.Remove(k.path); durable.ReadOnly(err) {
			err = nil
		}
	}
	return errors.Join(err, k.file.Close())
}

// Held says whether someone holds the lock at path.
func Held(path string) bool { return Holder(path) != nil }

// Holder is who holds the lock at path, or nil.
func Holder(path string) *HeldError {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	// A shared lock, let go at once: it can make another's attempt fail, but
	// only while this one finds that nobody has it.
	if !errors.Is(flock(f, unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK) {
		return nil
	}
	return holder(f)
}

// Wait returns when the one who holds the lock at path now, if there is one,
// holds it no more, or with ctx's error.
func Wait(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// flock(2) can not be called off: after ctx's end it goes on beside us, and
	// lets go as soon as it has the lock.
	free := make(chan error, 1)
	go func() { free <- errors.Join(flock(f, unix.LOCK_EX), f.Close()) }()
	select {
	case err := <-free:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
