package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"jails/src/durable"
	"jails/src/jail"
	"jails/src/journal"
	"jails/src/root"
)

// ErrExists is a jail that there is already.
var ErrExists = errors.New("exists already")

// Create makes a jail of the text of its definition, which stands at
// Layout.Definition afterwards.
func (h *Host) Create(ctx context.Context, name string, text []byte) error {
	return h.locked(ctx, name, verbCreate, func() error {
		settings, err := h.Layout.LoadSettings()
		if err != nil {
			return err
		}
		path := h.Layout.Definition(name)
		def, err := jail.Decode(path, text, settings)
		if err != nil {
			return err
		}
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("jail %s %w (%s)", name, ErrExists, path)
		} else if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := h.Store.Check(def); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		j, err := journal.Begin(h.Layout.Journal(name), verbCreate)
		if err != nil {
			return err
		}
		if err := h.create(ctx, def, text, j); err != nil {
			return h.rollback(ctx, name, j, err)
		}
		return j.Remove()
	})
}

func (h *Host) create(ctx context.Context, def *jail.Definition, text []byte, j *journal.Journal) error {
	if err := h.Store.Create(ctx, def, j); err != nil {
		return err
	}
	// The definition comes last: with it the jail is there.
	path := h.Layout.Definition(def.Name)
	if err := j.Record(true, root.StepFile, path, root.Digest(text)); err != nil {
		return err
	}
	// It may hold secrets, in services' environments.
	return durable.WriteFile(path, text, 0o600, true)
}

// furnish makes the data of a jail whose definition was written by hand.
func (h *Host) furnish(ctx context.Context, def *jail.Definition) error {
	if _, err := os.Lstat(h.Layout.Jail(def.Name)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := h.Store.Check(def); err != nil {
		return err
	}
	j, err := journal.Begin(h.Layout.Journal(def.Name), verbCreate)
	if err != nil {
		return err
	}
	if err := h.Store.Create(ctx, def, j); err != nil {
		return h.rollback(ctx, def.Name, j, err)
	}
	return j.Remove()
}

// Destroy removes a jail that does not run: its definition, its data and its
// logs, and with volumes those of its volumes that no other jail has.
func (h *Host) Destroy(ctx context.Context, name string, volumes bool) error {
	carriedOn := true
	err := h.locked(ctx, name, verbDestroy, func() error {
		carriedOn = false
		if err := h.mustNotRun(name); err != nil {
			return err
		}
		if !h.Known(name) {
			return &UnknownError{name}
		}
		path := h.Layout.Definition(name)
		if st, err := os.Lstat(path); err == nil && st.IsDir() {
			return &jail.Invalid{Problems: []jail.Problem{{File: path, Text: "a directory; nothing was removed"}}}
		}
		left, err := h.Store.Mounted(name)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("%s is %w; see: jailmgr repair %s", left[len(left)-1], root.ErrMounted, name)
		}
		var remove []string
		if volumes {
			if remove, err = h.volumes(name); err != nil {
				return err
			}
		}
		j, err := journal.Begin(h.Layout.Journal(name), verbDestroy)
		if err == nil {
			if err = j.Record(true, stepDestroy, append([]string{name}, remove...)...); err != nil {
				err = errors.Join(err, j.Remove())
			}
		}
		if durable.Full(err) {
			// Without a journal the definition goes first: what an
			// interruption leaves does not look like a jail, and can be
			// destroyed again.
			if err := h.removeDefinition(name); err != nil {
				return err
			}
			if err := h.Store.Destroy(name); err != nil {
				return err
			}
			return h.removeVolumes(name, remove)
		}
		if err != nil {
			return err
		}
		return h.destroy(j, name)
	})
	if err == nil && volumes && carriedOn {
		h.note(name, "its volumes are removed only if the destroy that was interrupted was to do so")
	}
	return err
}

// destroy goes on to the end, whatever part was done already.
func (h *Host) destroy(j *journal.Journal, name string) error {
	err := h.Store.Destroy(name)
	if err == nil {
		err = h.removeVolumes(name, doomed(j))
	}
	if err == nil {
		// The definition goes last: until then the jail can be named.
		err = h.removeDefinition(name)
	}
	if err != nil {
		return errors.Join(err, j.Close())
	}
	return j.Remove()
}

func (h *Host) removeDefinition(name string) error {
	path := h.Layout.Definition(name)
	err := os.Remove(path)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		err = durable.SyncDir(filepath.Dir(path))
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// stepDestroy is not undone: a destroy goes forward only.
const stepDestroy = "destroy"

// Known says whether anything of a jail of that name is there.
func (h *Host) Known(name string) bool {
	for _, path := range []string{h.Layout.Definition(name), h.Layout.Jail(name), h.Layout.Journal(name)} {
		if _, err := os.Lstat(path); err == nil {
			return true
		}
	}
	return false
}

func (h *Host) mustNotRun(name string) error {
	_, exists, err := h.lookup(name)
	if err != nil {
		return err
	}
	if exists || h.Supervisor.Running(name) {
		return &RunningError{name}
	}
	return nil
}
