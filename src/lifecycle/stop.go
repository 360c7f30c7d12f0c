package lifecycle

import (
	"context"
	"errors"
	"os"
	"time"

	"jails/src/durable"
	"jails/src/journal"
	"jails/src/supervise"
)

// Stop stops a jail: its services in order, each within timeout or, if that
// is 0, within its own; then no process is left, and nothing mounted.
func (h *Host) Stop(ctx context.Context, name string, timeout time.Duration) error {
	return h.locked(ctx, name, verbStop, func() error {
		stopped, err := h.stop(ctx, name, timeout)
		if err == nil && !stopped {
			if !h.Known(name) {
				return &UnknownError{name}
			}
			return &StoppedError{name}
		}
		return err
	})
}

// stop says whether there was anything to stop.
func (h *Host) stop(ctx context.Context, name string, timeout time.Duration) (bool, error) {
	j, err := journal.Open(h.Layout.Journal(name))
	ours := err == nil
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	have, exists, err := h.lookup(name)
	if err == nil && exists && !ours {
		err = &ForeignError{name, have.ID}
	}
	if err != nil || !ours {
		if ours {
			err = errors.Join(err, j.Close())
		}
		return false, err
	}
	if !j.Has(stepStop) {
		// On a disk that takes nothing a stop goes on without: what it might
		// leave is found to have ended by itself.
		if err := j.Record(false, stepStop); err != nil && !durable.Full(err) && !durable.ReadOnly(err) {
			return true, errors.Join(err, j.Close())
		}
	}
	return true, h.finishStop(ctx, name, timeout, j)
}

// finishStop goes on to the end, whatever part was done already.
func (h *Host) finishStop(ctx context.Context, name string, timeout time.Duration, j *journal.Journal) error {
	err := h.Supervisor.Stop(ctx, name, timeout)
	if err != nil && ctx.Err() != nil {
		return errors.Join(err, j.Close())
	}
	var unlogged *supervise.UnloggedError
	switch {
	case err == nil, errors.Is(err, supervise.ErrNotRunning):
	case errors.As(err, &unlogged):
		h.note(name, "%v", err)
	default:
		// What the supervisor can't do in order the kernel does at once.
		h.note(name, "not stopped in order, but killed: %v", err)
	}
	// The kernel's step is undone before those that it stands on.
	return h.undo(ctx, name, j)
}

// Restart stops a jail, if it runs, and starts it.
func (h *Host) Restart(ctx context.Context, name string, stopTimeout, timeout time.Duration, progress func(string)) error {
	return h.locked(ctx, name, "restart", func() error {
		// A definition that is not valid does not end what runs.
		def, err := h.load(name)
		if err != nil {
			return err
		}
		if err := h.Store.Check(def); err != nil {
			return err
		}
		if _, err := h.stop(ctx, name, stopTimeout); err != nil {
			return err
		}
		return h.start(ctx, def, timeout, progress)
	})
}
