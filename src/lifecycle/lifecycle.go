// Package lifecycle brings whole jails from one state into another: created,
// started, stopped, destroyed, and, after a kill or a power loss at whatever
// point, repaired.
//
// Each change holds the jail's lock, and records its steps in the jail's
// journal before it does them. A journal that a start has finished stays as
// long as the jail runs: its steps are what a stop undoes. A journal that is
// not finished is undone by whoever next changes the jail, except that a stop
// or a destroy is carried on to its end.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"jails/src/control"
	"jails/src/durable"
	"jails/src/jail"
	"jails/src/journal"
	"jails/src/root"
	"jails/src/secmodel"
)

// Kernel is what is asked of the kernel's model; a *secmodel.Client has it.
type Kernel interface {
	Create(name, root string, c secmodel.Config) (secmodel.ID, error)
	End(ctx context.Context, id secmodel.ID) error
	Lookup(nameOrID string) (secmodel.Jail, error)
}

// Supervisor is what is asked of a jail's supervisor; package supervise has
// it.
type Supervisor interface {
	Start(ctx context.Context, name string, progress func(string)) error
	Stop(ctx context.Context, name string, timeout time.Duration, progress func(string)) error
	Reload(ctx context.Context, def *jail.Definition, dry bool, progress func(string)) ([]control.Change, error)
	Running(name string) bool
	Gone(ctx context.Context, name string) error
}

// Host is where the jails are.
type Host struct {
	Layout     jail.Layout
	Store      *root.Store
	Kernel     Kernel // nil if no model is loaded
	Supervisor Supervisor
	// Note is told what the administrator should know, in one line.
	Note func(name, text string)
}

// The kinds of steps of this package; the others are root's.
const (
	stepKernel = "kernel" // the kernel's jail of that name
	stepStop   = verbStop // its services are being stopped; nothing undoes it
)

// The verbs in journals.
const (
	verbCreate    = "create"
	verbStart     = "start"
	verbStop      = "stop" // as a step of the start's journal
	verbProvision = "provision"
	verbDestroy   = "destroy"
)

func (h *Host) note(name, format string, args ...any) {
	if h.Note != nil {
		h.Note(name, fmt.Sprintf(format, args...))
	}
}

// locked runs f with the jail's lock, after what an earlier change left is
// put right.
func (h *Host) locked(ctx context.Context, name, doing string, f func() error) error {
	if err := jail.CheckName(name); err != nil {
		return err
	}
	lock, err := h.Layout.Lock(name, doing)
	if durable.ReadOnly(err) && doing == verbStop {
		// To stop a jail must be possible whatever has become of the disk.
		var running error
		if lock, running = h.Layout.LockRunning(name); !errors.Is(running, os.ErrNotExist) {
			err = running
		}
	}
	if err != nil {
		return err
	}
	verb, err := h.recover(ctx, name)
	carriedOn := verb == doing && (verb == verbStop || verb == verbDestroy)
	if err == nil && !carriedOn {
		err = f()
	}
	if e := lock.Unlock(); e != nil {
		err = errors.Join(err, e)
	}
	return err
}

// lookup is the kernel's jail of that name; ok is false if there is none.
func (h *Host) lookup(name string) (j secmodel.Jail, ok bool, err error) {
	if h.Kernel == nil {
		return j, false, nil
	}
	j, err = h.Kernel.Lookup(name)
	switch {
	case err == nil:
		return j, true, nil
	case errors.Is(err, secmodel.ErrNoJail), errors.Is(err, secmodel.ErrNoModel):
		return j, false, nil
	}
	return j, false, err
}

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

// end stops the supervisor, if there is one, and ends the kernel's jail of that
// name. No such jail is fine.
func (h *Host) end(ctx context.Context, name string) error {
	// It must be gone before another can start; where it was killed, one that
	// takes its place reads what services have written since. What it can't do
	// in order is done below.
	if err := h.Supervisor.Stop(ctx, name, time.Second, nil); err != nil && ctx.Err() != nil {
		return err
	}
	j, exists, err := h.lookup(name)
	if err != nil {
		return err
	}
	if exists {
		if err := h.Kernel.End(ctx, j.ID); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, undoTime)
	defer cancel()
	return h.Supervisor.Gone(ctx, name)
}

// undo undoes a journal's steps.
func (h *Host) undo(ctx context.Context, name string, j *journal.Journal) error {
	undo := h.Store.Undo()
	err := j.Undo(func(s journal.Step) error {
		switch s.Kind {
		case stepKernel:
			return h.end(ctx, name)
		case stepStop:
			return nil
		}
		mine, err := undo.Step(s)
		if !mine && err == nil {
			err = fmt.Errorf("the journal of jail %s has an unknown step %q, perhaps of a newer release", name, s.Kind)
		}
		return err
	})
	if durable.ReadOnly(err) {
		h.note(name, "what is left on the disk stays until the next start, or: jailmgr repair %s: %v", name, err)
		err = nil
	}
	return err
}

// undoTime bounds what is done after the caller's context has ended.
const undoTime = 30 * time.Second

// rollback undoes a change that failed with err.
func (h *Host) rollback(ctx context.Context, name string, j *journal.Journal, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	if undone := h.undo(ctx, name, j); undone != nil {
		return errors.Join(err, fmt.Errorf("and what was done can not be undone; see: jailmgr repair %s: %w", name, undone))
	}
	return err
}

// Condition is how a jail stands, as far as this package has to do with it.
type Condition int

const (
	Stopped     Condition = iota
	Running               // supervised
	Unwatched             // in the kernel, but its supervisor is gone
	Crashed               // started, and not in the kernel any more
	Interrupted           // a change was not done to its end
	Busy                  // a change is under way
)

// Condition of a jail. It changes nothing.
func (h *Host) Condition(name string) (Condition, error) {
	j, err := journal.Read(h.Layout.Journal(name))
	left := err == nil
	finished := false
	if left {
		finished = j.Done && j.Verb == verbStart && !j.Has(stepStop)
	} else if errors.Is(err, journal.ErrDamaged) {
		return Interrupted, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return Stopped, err
	}
	if left && !finished {
		if h.Layout.Locked(name) {
			return Busy, nil
		}
		return Interrupted, nil
	}
	_, exists, err := h.lookup(name)
	switch {
	case err != nil:
		return Stopped, err
	case h.Supervisor.Running(name):
		return Running, nil
	case exists:
		return Unwatched, nil
	case left:
		return Crashed, nil
	}
	return Stopped, nil
}

// recover puts right what an earlier change left, and says which it was. The
// caller has the lock.
func (h *Host) recover(ctx context.Context, name string) (verb string, err error) {
	j, err := journal.Open(h.Layout.Journal(name))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if errors.Is(err, journal.ErrDamaged) {
		return "", h.recoverDamaged(ctx, name)
	}
	if err != nil {
		return "", err
	}
	if j.Has(stepStop) {
		h.note(name, "an earlier stop was interrupted; it is carried on")
		return verbStop, h.finishStop(ctx, name, 0, nil, j)
	}
	if j.Done && j.Verb == verbStart {
		// A supervisor may be making the kernel's jail anew, and without a
		// kernel to ask it is what says that the jail runs.
		_, exists, err := h.lookup(name)
		if err != nil || exists || h.Supervisor.Running(name) {
			return "", errors.Join(err, j.Close())
		}
		// It ended by itself, or the system was started anew.
		h.note(name, "it had ended without a stop; what was left is undone")
		return j.Verb, h.undo(ctx, name, j)
	}
	if j.Verb == verbDestroy {
		h.note(name, "an earlier destroy was interrupted; it is carried on")
		return j.Verb, h.destroy(j, name)
	}
	if err := h.undo(ctx, name, j); err != nil {
		return j.Verb, fmt.Errorf("an earlier %s was interrupted, and can not be undone: %w", j.Verb, err)
	}
	if j.Verb != "" {
		h.note(name, "an earlier %s was interrupted; it is undone", j.Verb)
	}
	return j.Verb, nil
}

// recoverDamaged is for a journal that the disk has lost: what is mounted is
// unmounted, files are left alone.
func (h *Host) recoverDamaged(ctx context.Context, name string) error {
	if h.Supervisor.Running(name) {
		return fmt.Errorf("the journal of jail %s is damaged; stop the jail, then: jailmgr repair %s", name, name)
	}
	if err := h.end(ctx, name); err != nil {
		return err
	}
	if err := h.Store.Release(name); err != nil {
		return err
	}
	h.note(name, "its journal was damaged; what was mounted is unmounted")
	return os.Remove(h.Layout.Journal(name))
}

// Repair puts right what an earlier change left; Note hears of it. A jail that
// runs is left alone.
func (h *Host) Repair(ctx context.Context, name string) error {
	return h.locked(ctx, name, "repair", func() error {
		if err := durable.Sweep(h.Layout.Definition(name)); err != nil {
			return err
		}
		_, exists, err := h.lookup(name)
		if err != nil || exists || h.Supervisor.Running(name) {
			return err
		}
		left, err := h.Store.Mounted(name)
		if err != nil || len(left) == 0 {
			return err
		}
		h.note(name, "%d mounts were left; they are unmounted", len(left))
		return h.Store.Release(name)
	})
}
