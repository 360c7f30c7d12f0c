package root

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/durable"
	"jails/src/jail"
	"jails/src/journal"
)

// Undo undoes steps of this package. It reads once what is mounted, and knows
// from then on: nobody else must mount or unmount there.
type Undo struct {
	store   *Store
	mounted []string // nil until it is read
}

// Undo starts an undo of steps.
func (s *Store) Undo() *Undo { return &Undo{store: s} }

// Step undoes a step, if it is of this package. To find nothing to do is
// fine.
func (u *Undo) Step(step journal.Step) (mine bool, err error) {
	if len(step.Args) == 0 {
		return false, nil
	}
	path := step.Args[0]
	switch step.Kind {
	case StepMount:
		return true, u.unmount(path)
	case StepTree:
		return true, u.store.removeTree(path)
	case StepFile:
		if err := durable.Sweep(path); err != nil {
			return true, err
		}
		// Someone else's file of that name is not ours to remove.
		data, err := jail.Read(path)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, jail.ErrInvalid) {
			return true, nil
		}
		if err != nil {
			return true, err
		}
		if len(step.Args) == 2 && step.Args[1] == Digest(data) {
			return true, os.Remove(path)
		}
		return true, nil
	case StepDir:
		err := os.Remove(path)
		if errors.Is(err, os.ErrNotExist) || isNotEmpty(err) {
			err = nil
		}
		return true, err
	}
	return false, nil
}

func (u *Undo) unmount(target string) error {
	if u.mounted == nil {
		all, err := u.store.mounter().Below("/")
		if err != nil {
			return err
		}
		u.mounted = append(make([]string, 0, len(all)), all...)
	}
	// A path that a link of the jail's leads elsewhere is not in the table.
	i := slices.Index(u.mounted, target)
	if i < 0 {
		return nil
	}
	if k := slices.IndexFunc(u.mounted, func(m string) bool { return strings.HasPrefix(m, target+"/") }); k >= 0 {
		return fmt.Errorf("%s is not unmounted: below it %s is %w", target, u.mounted[k], ErrMounted)
	}
	if err := u.store.unmount(target); err != nil {
		return err
	}
	u.mounted = slices.Delete(u.mounted, i, i+1)
	return nil
}

// patience with a mount that is busy. A kernel lets go of what processes had
// open a moment after they are gone, and there is no event to wait for.
const patience = 2 * time.Second

func (s *Store) unmount(target string) error {
	var err error
	for delay := time.Millisecond; delay < patience; delay *= 2 {
		if err = s.mounter().Unmount(target); !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(delay)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("unmount %s: a process of the host's is in it: %w", target, err)
	}
	return fmt.Errorf("unmount %s: %w", target, err)
}
