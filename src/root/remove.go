package root

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrMounted is a directory that can not be removed as something is mounted
// there or below.
var ErrMounted = errors.New("mounted")

// removeTree removes a directory with all in it, and nothing else, however
// the tree is made: no symbolic link is followed, nothing below a mount point
// is touched, and no depth runs out of descriptors. A path that does not
// exist is fine.
func (s *Store) removeTree(path string) error {
	path, err := real(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if below, err := s.mounter().Below(path); err != nil {
		return err
	} else if len(below) > 0 {
		return fmt.Errorf("%s is not removed: %s is %w", path, strings.Join(below, ", "), ErrMounted)
	}
	parent, err := os.OpenFile(filepath.Dir(path), os.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer parent.Close()
	name := filepath.Base(path)
	top, err := openSame(int(parent.Fd()), name, path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer top.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(top.Fd()), &st); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if _, err := loosen(path, &st); err != nil {
		return err
	}
	r := &remover{top: top}
	if err := r.empty(top, 0); err != nil {
		return err
	}
	if err := unix.Unlinkat(int(parent.Fd()), name, unix.AT_REMOVEDIR); err != nil {
		return &os.PathError{Op: "remove", Path: path, Err: err}
	}
	return nil
}

type remover struct {
	top   *os.File
	moved int
}

// deepest is how many directories are open at one time, and longest how many
// bytes the path of one has, so that those of its files are not too long. What
// is deeper is first moved to the top.
const (
	deepest = 32
	longest = 512
)

func (r *remover) empty(dir *os.File, depth int) error {
	fd := int(dir.Fd())
	for {
		if _, err := dir.Seek(0, io.SeekStart); err != nil {
			return err
		}
		names, err := dir.Readdirnames(1024)
		if err == io.EOF || err == nil && len(names) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := r.remove(fd, dir.Name()+"/"+name, name, depth); err != nil {
				return err
			}
		}
	}
}

func (r *remover) remove(fd int, path, name string, depth int) error {
	err := unix.Unlinkat(fd, name, 0)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	// Of a directory the error differs from system to system.
	var st unix.Stat_t
	if e := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); e != nil {
		return &os.PathError{Op: "stat", Path: path, Err: e}
	}
	loose, e := loosen(path, &st)
	if e != nil {
		return e
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		if loose {
			if err = unix.Unlinkat(fd, name, 0); err == nil || err == unix.ENOENT {
				return nil
			}
		}
		return &os.PathError{Op: "remove", Path: path, Err: err}
	}
	if depth >= deepest || depth > 0 && len(path) > longest {
		return r.raise(fd, path, name)
	}
	if os.Geteuid() != 0 {
		// Root needs no permission; others need it where they are owner.
		if err := unix.Fchmodat(fd, name, 0o700, 0); err != nil {
			return &os.PathError{Op: "chmod", Path: path, Err: err}
		}
	}
	sub, err := openSame(fd, name, path)
	if err != nil {
		return err
	}
	defer sub.Close()
	if err := r.empty(sub, depth+1); err != nil {
		return err
	}
	if err := unix.Unlinkat(fd, name, unix.AT_REMOVEDIR); err != nil {
		return &os.PathError{Op: "remove", Path: path, Err: err}
	}
	return nil
}

// raise moves a directory to the top, where it is found again.
func (r *remover) raise(fd int, path, name string) error {
	for {
		r.moved++
		err := unix.Renameat(fd, name, int(r.top.Fd()), fmt.Sprintf(".raised-%d", r.moved))
		switch err {
		case nil:
			return nil
		case unix.EEXIST, unix.ENOTEMPTY, unix.ENOTDIR:
		default:
			return &os.PathError{Op: "rename", Path: path, Err: err}
		}
	}
}

// openSame opens a directory that is on the same mount as the one it is in.
func openSame(at int, name, path string) (*os.File, error) {
	f, err := openBeneath(at, name, path)
	if err != nil {
		return nil, err
	}
	var a, b unix.Stat_t
	if err := errors.Join(unix.Fstat(at, &a), unix.Fstat(int(f.Fd()), &b)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if a.Dev != b.Dev {
		return nil, errors.Join(fmt.Errorf("%s is not removed: it is on another device: %w", path, ErrMounted), f.Close())
	}
	return f, nil
}
