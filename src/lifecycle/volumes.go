package lifecycle

import (
	"errors"
	"fmt"
	"os"

	"jails/src/journal"
)

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

// others says of each volume that jails other than this have, which of them
// has it.
func (h *Host) others(name string) (map[string]string, error) {
	names, err := h.Layout.Names()
	if err != nil {
		return nil, err
	}
	has := map[string]string{}
	for _, other := range names {
		if other == name {
			continue
		}
		def, err := h.Layout.Load(other)
		if err != nil {
			return nil, fmt.Errorf("whether jail %s uses a volume can not be told: %w", other, err)
		}
		for _, m := range def.Mounts {
			has[m.Volume] = other
		}
	}
	return has, nil
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
