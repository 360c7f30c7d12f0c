package root

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrLink is a symbolic link, or something else that is no directory, in the
// way of a path in a jail's tree.
var ErrLink = errors.New("not a directory, or a symbolic link")

// descend opens the directory rel below dir with no symbolic link followed,
// and with create makes what is missing. Only dir itself is trusted.
func descend(dir, rel string, create bool) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	path := dir
	for _, name := range strings.Split(filepath.Clean(rel), "/") {
		if name == "" || name == "." {
			continue
		}
		path += "/" + name
		next, err := openDir(int(f.Fd()), name, path)
		if create && errors.Is(err, unix.ENOENT) {
			if err = unix.Mkdirat(int(f.Fd()), name, 0o755); err == nil || err == unix.EEXIST {
				next, err = openDir(int(f.Fd()), name, path)
			} else {
				err = &os.PathError{Op: "mkdir", Path: path, Err: err}
			}
		}
		f.Close()
		if err != nil {
			return nil, err
		}
		f = next
	}
	return f, nil
}

func openDir(at int, name, path string) (*os.File, error) {
	if name == ".." || strings.Contains(name, "/") {
		return nil, fmt.Errorf("%s: %w", path, ErrLink)
	}
	for {
		fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		switch {
		case err == unix.EINTR:
		case err == nil:
			return os.NewFile(uintptr(fd), path), nil
		case linkError(err):
			return nil, fmt.Errorf("%s: %w", path, ErrLink)
		default:
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// safe is dir/rel, when no symbolic link is on the way from dir. It holds as
// long as nobody else writes there: a jail that does not run, below a
// directory with mode 0700.
func safe(dir, rel string, create bool) (string, error) {
	f, err := descend(dir, rel, create)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, rel), f.Close()
}

// follow follows the links of a path of the administrator's as far as where
// jails write, their data and their volumes: what is left is rel, in which no
// link is to be trusted.
func (s *Store) follow(path string) (dir, rel string, err error) {
	var theirs []string
	for _, d := range []string{s.Layout.Jails(), s.Layout.Volumes()} {
		d, err := filepath.EvalSymlinks(d)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", "", err
		}
		theirs = append(theirs, d)
	}
	dir, rel = "/", path
	for links := 0; links < 256; {
		rel = strings.TrimLeft(rel, "/")
		if rel == "" || slices.Contains(theirs, dir) {
			return dir, rel, nil
		}
		name, rest, _ := strings.Cut(rel, "/")
		// dir holds no link, so that its parent is what ".." leads to.
		next := filepath.Join(dir, name)
		target, err := os.Readlink(next)
		switch {
		case err == nil:
			links++
			if filepath.IsAbs(target) {
				dir = "/"
			}
			rel = target + "/" + rest
		case errors.Is(err, unix.EINVAL): // no link
			dir, rel = next, rest
		default:
			return "", "", err
		}
	}
	return "", "", &os.PathError{Op: "open", Path: path, Err: unix.ELOOP}
}
