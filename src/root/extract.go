package root

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrHostile is an archive that reaches outside of where it is extracted.
var ErrHostile = errors.New("refused: the archive reaches outside of its directory")

// ErrTooLarge is an archive beyond the limit.
var ErrTooLarge = errors.New("too large")

// extractor writes an archive's entries below one directory and nowhere
// else. Every component of a name must be a real directory: a symbolic link
// that the archive has made is never walked through.
type extractor struct {
	root  *os.Root
	owner bool  // give files their owners: we are root
	limit int64 // bytes that all files together may have
	free  int64 // bytes that the file system has

	bytes   int64
	entries int
	skipped int // device nodes, which only we make
	unowned int // files whose owner this user namespace does not have
	dirs    map[string]dirMeta
}

const (
	maxEntries = 2 << 20
	maxDepth   = 64
)

// dirMeta is set at the end, so that a directory that is not writable, or its
// time, does not stand in the way of what comes into it.
type dirMeta struct {
	mode     fs.FileMode
	time     time.Time
	uid, gid int
}

func newExtractor(dir string, limit int64) (*extractor, error) {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	free, err := freeBytes(dir)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return &extractor{root: r, owner: os.Geteuid() == 0, limit: limit, free: free, dirs: map[string]dirMeta{}}, nil
}

// extract reads a whole tar stream.
func (x *extractor) extract(ctx context.Context, r io.Reader) error {
	t := tar.NewReader(r)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if err == io.EOF {
			// The rest is padding, but the checksum is over all of it.
			_, err = io.Copy(io.Discard, io.LimitReader(r, 1<<30))
			return err
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if x.entries++; x.entries > maxEntries {
			return fmt.Errorf("more than %d files: %w", maxEntries, ErrTooLarge)
		}
		if err := x.entry(h, t); err != nil {
			return fmt.Errorf("%q: %w", h.Name, err)
		}
	}
}

// local is an entry's name without "./" and the like; "" is the top.
func local(name string) (string, error) {
	if strings.HasPrefix(name, "/") || strings.ContainsRune(name, 0) {
		return "", ErrHostile
	}
	for _, c := range strings.Split(name, "/") {
		if c == ".." {
			return "", ErrHostile
		}
	}
	name = path.Clean(name)
	if name == "." {
		return "", nil
	}
	if strings.Count(name, "/") >= maxDepth {
		return "", fmt.Errorf("deeper than %d directories: %w", maxDepth, ErrTooLarge)
	}
	return name, nil
}

func (x *extractor) entry(h *tar.Header, content io.Reader) error {
	name, err := local(h.Name)
	if err != nil {
		return err
	}
	mode := h.FileInfo().Mode()
	if h.Typeflag == tar.TypeDir {
		return x.directory(name, h, mode)
	}
	if name == "" {
		return ErrHostile
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeLink, tar.TypeSymlink:
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		x.skipped++
		return nil
	default:
		return fmt.Errorf("an entry of type %q is not known", h.Typeflag)
	}
	if err := x.parents(name); err != nil {
		return err
	}
	if err := x.clear(name); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeSymlink:
		// Where it points is for those to whom this directory is "/".
		if err := x.root.Symlink(h.Linkname, name); err != nil {
			return err
		}
		if x.owner {
			_, err = x.owned(x.root.Lchown(name, h.Uid, h.Gid))
		}
		return err
	case tar.TypeLink:
		return x.link(name, h.Linkname)
	}
	return x.file(name, h, mode, content)
}

func (x *extractor) directory(name string, h *tar.Header, mode fs.FileMode) error {
	if name != "" {
		if err := x.parents(name); err != nil {
			return err
		}
		switch st, err := x.root.Lstat(name); {
		case errors.Is(err, fs.ErrNotExist):
			if err := x.root.Mkdir(name, 0o700); err != nil {
				return err
			}
		case err != nil:
			return err
		case !st.IsDir():
			return fmt.Errorf("a directory in place of %v: %w", st.Mode().Type(), ErrHostile)
		}
	}
	x.dirs[name] = dirMeta{mode & keptMode, h.ModTime, h.Uid, h.Gid}
	return nil
}

const keptMode = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// parents makes the directories above a name and refuses one that is not a
// directory.
func (x *extractor) parents(name string) error {
	for i := range len(name) {
		if name[i] != '/' {
			continue
		}
		up := name[:i]
		switch st, err := x.root.Lstat(up); {
		case errors.Is(err, fs.ErrNotExist):
			if err := x.root.Mkdir(up, 0o755); err != nil {
				return err
			}
		case err != nil:
			return err
		case !st.IsDir():
			return fmt.Errorf("%q on the way is not a directory: %w", up, ErrHostile)
		}
	}
	return nil
}

// clear removes what a later set replaces, so that nothing is ever written
// through a link.
func (x *extractor) clear(name string) error {
	st, err := x.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.IsDir() {
		return fmt.Errorf("in place of a directory: %w", ErrHostile)
	}
	return x.root.Remove(name)
}

func (x *extractor) link(name, target string) error {
	old, err := local(target)
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", target, err)
	}
	if err := x.parents(old); err != nil {
		return err
	}
	st, err := x.root.Lstat(old)
	if err != nil {
		return fmt.Errorf("hard link: %w", err)
	}
	if !st.Mode().IsRegular() && st.Mode().Type() != fs.ModeSymlink {
		return fmt.Errorf("hard link to %v: %w", st.Mode().Type(), ErrHostile)
	}
	return x.root.Link(old, name)
}

func (x *extractor) file(name string, h *tar.Header, mode fs.FileMode, content io.Reader) (err error) {
	if h.Size < 0 || h.Size > x.limit-x.bytes {
		return fmt.Errorf("the archive's files have more than %d MB: %w", x.limit>>20, ErrTooLarge)
	}
	x.bytes += h.Size
	if x.bytes > x.free {
		return fmt.Errorf("there were only %d MB free: %w", x.free>>20, unix.ENOSPC)
	}
	f, err := x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	in := &reading{r: content}
	switch n, err := io.Copy(f, in); {
	case in.err != nil:
		return fmt.Errorf("%w: %w", ErrDamaged, in.err)
	case err != nil:
		return err
	case n != h.Size:
		return fmt.Errorf("%w: %w", ErrDamaged, io.ErrUnexpectedEOF)
	}
	mode &= keptMode
	owned := x.owner
	if owned {
		if owned, err = x.owned(f.Chown(h.Uid, h.Gid)); err != nil {
			return err
		}
	}
	if !owned {
		// Set-id would be for us, not for whom the archive means.
		mode &^= fs.ModeSetuid | fs.ModeSetgid
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	return x.root.Chtimes(name, h.ModTime, h.ModTime)
}

// reading keeps the error of the reader, to tell it from the writer's.
type reading struct {
	r   io.Reader
	err error
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// owned says whether a change of owner was done. A user namespace has only
// some users, and says EINVAL of others.
func (x *extractor) owned(err error) (bool, error) {
	if errors.Is(err, unix.EINVAL) {
		x.unowned++
		return false, nil
	}
	return err == nil, err
}

// finish gives the directories their modes, owners and times, and closes.
func (x *extractor) finish() error {
	for name, m := range x.dirs {
		if name == "" {
			name = "."
			m.mode |= 0o700
		}
		owned := x.owner
		if owned {
			var err error
			if owned, err = x.owned(x.root.Chown(name, m.uid, m.gid)); err != nil {
				return err
			}
		}
		if !owned {
			m.mode = m.mode&^(fs.ModeSetuid|fs.ModeSetgid) | 0o700
		}
		if err := x.root.Chmod(name, m.mode); err != nil {
			return err
		}
		if err := x.root.Chtimes(name, m.time, m.time); err != nil {
			return err
		}
	}
	return x.root.Close()
}
