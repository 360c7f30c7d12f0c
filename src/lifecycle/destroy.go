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

// stepDestroy is not undone: a destroy goes forward only.
const stepDestroy = "destroy"

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

// volumes are those that a jail's definition names. It is an error if which
// of them others have can not be told.
func (h *Host) volumes(name string) ([]string, error) {
	def, err := h.Layout.Load(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &UnknownError{name}
	}
	if err != nil {
		return nil, fmt.Errorf("which volumes it has can not be told: %w", err)
	}
	var volumes []string
	for _, m := range def.Mounts {
		if m.Volume != "" {
			volumes = append(volumes, m.Volume)
		}
	}
	_, err = h.others(name)
	return volumes, err
}

// others says of each volume that jails other than this have, by their
// definitions or because they run with it, which of them has it.
func (h *Host) others(name string) (map[string]string, error) {
	names, err := h.Layout.Present()
	if err != nil {
		return nil, err
	}
	has := map[string]string{}
	for _, other := range names {
		if other == name {
			continue
		}
		runs, err := h.kept(other)
		def, err2 := h.Layout.Load(other)
		if err2 == nil {
			runs.Mount = append(runs.Mount, def.Mounts...)
		} else if !errors.Is(err2, os.ErrNotExist) {
			err = err2
		}
		if err != nil {
			return nil, fmt.Errorf("whether jail %s uses a volume can not be told: %w", other, err)
		}
		for _, m := range runs.Mount {
			has[m.Volume] = other
		}
	}
	return has, nil
}

// kept is what a jail that runs keeps; nothing if it does not.
func (h *Host) kept(name string) (f fixed, err error) {
	j, err := journal.Read(h.Layout.Journal(name))
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	if err == nil {
		f, _, err = fixedIn(j)
	}
	return f, err
}

// removeVolumes removes those that no other jail has by now.
func (h *Host) removeVolumes(name string, volumes []string) error {
	if len(volumes) == 0 {
		return nil
	}
	has, err := h.others(name)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		if other, ok := has[v]; ok {
			h.note(name, "volume %s is kept: jail %s has it too", v, other)
		} else if err := h.Store.RemoveVolume(v); err != nil {
			return err
		}
	}
	return nil
}

// doomed are the volumes that a destroy is to remove, by its journal.
func doomed(j *journal.Journal) []string {
	for _, s := range j.Steps {
		if s.Kind == stepDestroy && len(s.Args) > 1 {
			return s.Args[1:]
		}
	}
	return nil
}
