package root

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// copier copies a tree of ours, such as a base, to where nothing is yet.
type copier struct {
	ctx      context.Context
	from, to *os.Root
	owner    bool
	links    map[inode]string // first name of a file that has several
	skip     map[string]bool  // names that are left out
}

type inode struct{ dev, ino uint64 }

// copyTree copies what is in from into the directory to: files, directories,
// symbolic and hard links, with owners, modes and times. Device nodes, pipes
// and sockets are left out.
func copyTree(ctx context.Context, from, to string, skip ...string) (err error) {
	c := &copier{ctx: ctx, owner: os.Geteuid() == 0, links: map[inode]string{}, skip: map[string]bool{}}
	for _, s := range skip {
		c.skip[s] = true
	}
	if c.from, err = os.OpenRoot(from); err != nil {
		return err
	}
	defer c.from.Close()
	if c.to, err = os.OpenRoot(to); err != nil {
		return err
	}
	defer func() {
		if e := c.to.Close(); err == nil {
			err = e
		}
	}()
	return c.directory(".")
}

func (c *copier) directory(name string) error {
	d, err := c.from.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	st, err := d.Stat()
	if err != nil {
		return err
	}
	entries, err := d.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := c.entry(path.Join(name, e.Name())); err != nil {
			return err
		}
	}
	return c.meta(name, st)
}

func (c *copier) entry(name string) error {
	if c.skip[name] {
		return nil
	}
	if err := c.ctx.Err(); err != nil {
		return err
	}
	st, err := c.from.Lstat(name)
	if err != nil {
		return err
	}
	switch st.Mode().Type() {
	case fs.ModeDir:
		if err := c.to.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return c.directory(name)
	case fs.ModeSymlink:
		target, err := c.from.Readlink(name)
		if err != nil {
			return err
		}
		if err := c.to.Symlink(target, name); err != nil {
			return err
		}
		if sys, ok := st.Sys().(*syscall.Stat_t); ok && c.owner {
			err = c.to.Lchown(name, int(sys.Uid), int(sys.Gid))
		}
		return err
	case 0:
		return c.file(name, st)
	}
	return nil
}

func (c *copier) file(name string, st fs.FileInfo) (err error) {
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && sys.Nlink > 1 {
		key := inode{uint64(sys.Dev), uint64(sys.Ino)}
		if first, ok := c.links[key]; ok {
			return c.to.Link(first, name)
		}
		c.links[key] = name
	}
	in, err := c.from.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := c.to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(fmt.Errorf("copy %s: %w", name, err), out.Close())
	}
	if err := out.Close(); err != nil {
		return err
	}
	return c.meta(name, st)
}

func (c *copier) meta(name string, st fs.FileInfo) error {
	sys, ok := st.Sys().(*syscall.Stat_t)
	mode := st.Mode() & keptMode
	if ok && c.owner {
		if err := c.to.Chown(name, int(sys.Uid), int(sys.Gid)); err != nil {
			return err
		}
	} else {
		mode &^= fs.ModeSetuid | fs.ModeSetgid
	}
	if err := c.to.Chmod(name, mode); err != nil {
		return err
	}
	return c.to.Chtimes(name, st.ModTime(), st.ModTime())
}
