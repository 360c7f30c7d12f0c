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
