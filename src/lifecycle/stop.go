package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"jails/src/durable"
	"jails/src/jail"
	"jails/src/journal"
	"jails/src/secmodel"
	"jails/src/supervise"
)

// Stop stops a jail: its services in order, each within timeout or, if that
// is 0, within its own; then no process is left, and nothing mounted. progress,
// which may be nil, hears of each step.
//
// With a kernel's model of another version it does what needs no kernel: the
// jail's supervisor, which may be of that release, stops the jail, or else its
// services are stopped and the rest stays, a *RestError.
func (h *Host) Stop(ctx context.Context, name string, timeout time.Duration, progress func(string)) error {
	var other *secmodel.ABIError
	if _, _, err := h.lookup(name); errors.As(err, &other) {
		return h.stopForeign(ctx, name, timeout, progress, other)
	}
	return h.locked(ctx, name, verbStop, func() error {
		stopped, err := h.stop(ctx, name, timeout, progress)
		if err == nil && !stopped {
			if !h.Known(name) {
				return &UnknownError{name}
			}
			return &StoppedError{name}
		}
		return err
	})
}

// RestError is a jail whose services are stopped, and of which the rest stays.
type RestError struct {
	Name string
	Err  error
}

func (e *RestError) Error() string {
	return fmt.Sprintf("the services of jail %s are stopped in order; what else is in it, its jail in the kernel and its mounts stay: %v", e.Name, e.Err)
}

func (e *RestError) Unwrap() error { return e.Err }

// stopForeign is Stop without a kernel that could be asked.
func (h *Host) stopForeign(ctx context.Context, name string, timeout time.Duration, progress func(string), other error) error {
	if err := jail.CheckName(name); err != nil {
		return err
	}
	lock, err := h.Layout.Lock(name, verbStop)
	if err != nil {
		return err
	}
	return errors.Join(h.stopServices(ctx, name, timeout, progress, other), lock.Unlock())
}

func (h *Host) stopServices(ctx context.Context, name string, timeout time.Duration, progress func(string), other error) error {
	j, err := journal.Open(h.Layout.Journal(name))
	if errors.Is(err, os.ErrNotExist) {
		if !h.Known(name) {
			return &UnknownError{name}
		}
		return &StoppedError{name}
	}
	if err != nil {
		return err
	}
	err = h.Supervisor.Stop(ctx, name, timeout, progress)
	var unlogged *supervise.UnloggedError
	switch {
	case err == nil:
		// It has ended the kernel's jail.
		blind := *h
		blind.Kernel = nil
		return blind.undo(ctx, name, j)
	case errors.As(err, &unlogged):
		// Who can, carries it on.
		err = &RestError{name, other}
		if !j.Has(stepStop) {
			err = errors.Join(err, j.Record(false, stepStop))
		}
	case errors.Is(err, supervise.ErrNotRunning):
		err = fmt.Errorf("nothing in jail %s answers, and what is left of it can not be told: %w", name, other)
	}
	return errors.Join(err, j.Close())
}

// stop says whether there was anything to stop.
func (h *Host) stop(ctx context.Context, name string, timeout time.Duration, progress func(string)) (bool, error) {
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
	return true, h.finishStop(ctx, name, timeout, progress, j)
}

// finishStop goes on to the end, whatever part was done already.
func (h *Host) finishStop(ctx context.Context, name string, timeout time.Duration, progress func(string), j *journal.Journal) error {
	err := h.Supervisor.Stop(ctx, name, timeout, progress)
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
		if _, err := h.stop(ctx, name, stopTimeout, progress); err != nil {
			return err
		}
		return h.start(ctx, def, timeout, progress)
	})
}
