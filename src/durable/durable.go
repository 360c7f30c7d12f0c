// Package durable writes files that survive a power loss, whole or not at all.
package durable

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// WriteFile puts data at path so that, whatever happens, either the old file
// or the whole new one is there: written beside it, synced, renamed, and the
// directory synced. With create, a file that is there already stays as it is
// and the error is os.ErrExist. The new file's mode is perm.
func WriteFile(path string, data []byte, perm os.FileMode, create bool) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Chmod(perm); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if create {
		// A link, unlike a rename, refuses to replace.
		if err = os.Link(f.Name(), path); err != nil {
			return err
		}
		if err = os.Remove(f.Name()); err != nil {
			return err
		}
	} else if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// Sweep removes what a WriteFile to path that was killed has left beside
// it. Nobody else must be writing there.
func Sweep(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if rest, ok := strings.CutPrefix(e.Name(), "."+filepath.Base(path)+"."); ok && strings.Trim(rest, "0123456789") == "" {
			if err := os.Remove(filepath.Join(filepath.Dir(path), e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// SyncDir makes a directory's entries survive a power loss.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some file systems have nothing to sync for a directory.
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// Full says whether an error is that the disk, or a share of it, is full.
func Full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// ReadOnly says whether an error is that the file system is, or has become,
// read-only.
func ReadOnly(err error) bool { return errors.Is(err, unix.EROFS) }
