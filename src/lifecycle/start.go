package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"jails/src/jail"
	"jails/src/journal"
	"jails/src/secmodel"
	"jails/src/supervise"
)

// RunningError is a jail that runs, and should not.
type RunningError struct{ Name string }

func (e *RunningError) Error() string { return fmt.Sprintf("jail %s runs", e.Name) }

// StoppedError is a jail that does not run, and should.
type StoppedError struct{ Name string }

func (e *StoppedError) Error() string { return fmt.Sprintf("jail %s does not run", e.Name) }

// UnknownError is a jail that there is nothing of.
type UnknownError struct{ Name string }

func (e *UnknownError) Error() string { return fmt.Sprintf("no jail %q", e.Name) }

// ForeignError is a jail in the kernel that is not of ours.
type ForeignError struct {
	Name string
	ID   secmodel.ID
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("the kernel has a jail %s, %d, that was not started by jailmgr", e.Name, e.ID)
}

// Start starts a jail and returns when its services are ready or completed.
// A *supervise.ServiceError says that the jail runs, but a service failed,
// and a *supervise.StepError that timeout, unless 0, is over and the jail
// goes on starting. After any other error nothing of the start is left.
func (h *Host) Start(ctx context.Context, name string, timeout time.Duration, progress func(string)) error {
	return h.locked(ctx, name, verbStart, func() error {
		def, err := h.load(name)
		if err != nil {
			return err
		}
		return h.start(ctx, def, timeout, progress)
	})
}

// load says of a definition that is not there that there is no such jail.
func (h *Host) load(name string) (*jail.Definition, error) {
	def, err := h.Layout.Load(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &UnknownError{name}
	}
	return def, err
}

func (h *Host) start(ctx context.Context, def *jail.Definition, timeout time.Duration, progress func(string)) error {
	if h.Kernel == nil {
		return secmodel.ErrNoModel
	}
	have, exists, err := h.lookup(def.Name)
	switch {
	case err != nil:
		return err
	case exists && h.Supervisor.Running(def.Name):
		return &RunningError{def.Name}
	case exists:
		return h.adopt(ctx, def, have, timeout, progress)
	}
	// It may have ended by itself just now, or be about to.
	if err := h.end(ctx, def.Name); err != nil {
		return err
	}
	if _, err := h.recover(ctx, def.Name); err != nil {
		return err
	}
	config, err := def.Config()
	if err != nil {
		return err
	}
	if err := h.furnish(ctx, def); err != nil {
		return err
	}
	j, err := journal.Begin(h.Layout.Journal(def.Name), verbStart)
	if err != nil {
		return err
	}
	err = h.bringUp(ctx, def, config, j, timeout, progress)
	if err != nil && !stays(err) {
		return h.rollback(ctx, def.Name, j, err)
	}
	return errors.Join(err, j.Finish())
}

// bringUp does the steps of a start.
func (h *Host) bringUp(ctx context.Context, def *jail.Definition, config secmodel.Config, j *journal.Journal, timeout time.Duration, progress func(string)) error {
	if _, err := h.make(ctx, def, config, j); err != nil {
		return err
	}
	return h.supervise(ctx, def.Name, timeout, progress)
}

// make prepares the jail's root and makes the kernel's jail.
func (h *Host) make(ctx context.Context, def *jail.Definition, config secmodel.Config, j *journal.Journal) (secmodel.ID, error) {
	prepared, err := h.Store.Prepare(ctx, def, j)
	if err != nil {
		return 0, err
	}
	for _, n := range prepared.Notes {
		h.note(def.Name, "%s", n)
	}
	kept, err := fixedOf(def).text()
	if err == nil {
		err = j.Record(false, stepKernel, def.Name, kept)
	}
	if err != nil {
		return 0, err
	}
	return h.Kernel.Create(def.Name, prepared.Path, config)
}

// supervise starts the supervisor and waits for the services. When ctx ends
// it was the caller's wish, and nothing stays; when timeout does, the jail
// goes on.
func (h *Host) supervise(ctx context.Context, name string, timeout time.Duration, progress func(string)) error {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()
	err := h.Supervisor.Start(limited, name, progress)
	if err == nil || ctx.Err() == nil {
		return err
	}
	err = fmt.Errorf("start of jail %s: %w", name, context.Cause(ctx))
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	if e := h.Supervisor.Stop(stopping, name, time.Second, nil); e != nil && !errors.Is(e, supervise.ErrNotRunning) {
		err = errors.Join(err, e)
	}
	return err
}

// stays says whether the jail runs in spite of the error.
func stays(err error) bool {
	var service *supervise.ServiceError
	var step *supervise.StepError
	return errors.As(err, &service) || errors.As(err, &step)
}

// adopt gives a running jail a supervisor, if it is one that we started.
func (h *Host) adopt(ctx context.Context, def *jail.Definition, have secmodel.Jail, timeout time.Duration, progress func(string)) error {
	j, err := journal.Open(h.Layout.Journal(def.Name))
	if errors.Is(err, os.ErrNotExist) {
		return &ForeignError{def.Name, have.ID}
	}
	if err != nil {
		return err
	}
	if have.Init != 0 && have.State == secmodel.Active {
		h.note(def.Name, "its supervisor was gone; it has a new one")
		return errors.Join(h.supervise(ctx, def.Name, timeout, progress), j.Close())
	}
	// Without an init nothing in it is ours to keep.
	if err := h.undo(ctx, def.Name, j); err != nil {
		return err
	}
	return h.start(ctx, def, timeout, progress)
}

// Provision runs f with a jail of that name in the kernel: the one that runs,
// or else one for just that time, without services and without ports.
func (h *Host) Provision(ctx context.Context, name string, f func(id secmodel.ID) error) error {
	return h.locked(ctx, name, verbProvision, func() error {
		if h.Kernel == nil {
			return secmodel.ErrNoModel
		}
		have, exists, err := h.lookup(name)
		if err != nil {
			return err
		}
		if exists {
			return f(have.ID)
		}
		if h.Supervisor.Running(name) {
			return &RunningError{name}
		}
		def, err := h.load(name)
		if err != nil {
			return err
		}
		config, err := def.Config()
		if err != nil {
			return err
		}
		if err := h.furnish(ctx, def); err != nil {
			return err
		}
		// Its ports may be another's as long as it does not run.
		config.Ports = nil
		j, err := journal.Begin(h.Layout.Journal(name), verbProvision)
		if err != nil {
			return err
		}
		id, err := h.make(ctx, def, config, j)
		if err == nil {
			err = f(id)
		}
		return h.rollback(ctx, name, j, err)
	})
}
