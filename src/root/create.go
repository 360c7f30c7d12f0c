package root

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"jails/src/durable"
	"jails/src/jail"
	"jails/src/journal"
)

// ErrNoBase is a definition whose base layer, or root, is not there.
var ErrNoBase = errors.New("not there")

// Check says whether what the definition's root is made of is there.
func (s *Store) Check(def *jail.Definition) error {
	path, what := def.Root, "root "+def.Root
	if def.Base != "" {
		path, what = s.Layout.Base(def.Base), "base "+def.Base
	}
	if st, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is %w", what, ErrNoBase)
	} else if err != nil {
		return err
	} else if !st.IsDir() {
		return fmt.Errorf("%s is no directory: %w", what, ErrNoBase)
	}
	for _, m := range def.Mounts {
		if m.Source == "" {
			continue
		}
		if st, err := os.Stat(m.Source); err != nil || !st.IsDir() {
			return fmt.Errorf("%s, which the jail shall see at %s, is %w", m.Source, m.At, ErrNoBase)
		}
	}
	return nil
}

// Create makes a jail's directory and its data from the base. What there was
// of a jail with that name must be gone: os.ErrExist.
func (s *Store) Create(ctx context.Context, def *jail.Definition, j *journal.Journal) error {
	if err := s.makeParents(); err != nil {
		return err
	}
	dir := s.Layout.Jail(def.Name)
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("%s: %w", dir, os.ErrExist)
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := j.Record(true, StepTree, dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for _, d := range []string{s.Layout.Root(def.Name), s.Layout.Data(def.Name)} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	if def.Base != "" {
		base, data := s.Layout.Base(def.Base), s.Layout.Data(def.Name)
		for _, w := range Writable {
			// What the base does not have is empty.
			d, err := descend(data, w, true)
			if err != nil {
				return err
			}
			if err := d.Close(); err != nil {
				return err
			}
			from := filepath.Join(base, w)
			if _, err := os.Stat(from); errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err := copyTree(ctx, from, filepath.Join(data, w)); err != nil {
				return err
			}
		}
	}
	for _, m := range def.Mounts {
		if m.Volume != "" {
			if err := os.Mkdir(s.Layout.Volume(m.Volume), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
				return err
			}
		}
	}
	if err := syncTree(dir); err != nil {
		return err
	}
	return durable.SyncDir(s.Layout.Jails())
}

// Destroy removes all that a jail has on disk, volumes and definition
// excepted.
func (s *Store) Destroy(name string) error {
	for _, dir := range []string{s.Layout.Jail(name), s.Layout.Log(name), s.Layout.Run(name)} {
		if err := s.removeTree(dir); err != nil {
			return err
		}
	}
	return nil
}

// RemoveVolume removes a volume with what is in it.
func (s *Store) RemoveVolume(volume string) error {
	if err := jail.CheckName(volume); err != nil {
		return err
	}
	return s.removeTree(s.Layout.Volume(volume))
}

// Digest of what a file of ours holds.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
