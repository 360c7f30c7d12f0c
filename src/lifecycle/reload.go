package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"jails/src/control"
	"jails/src/jail"
	"jails/src/journal"
)

// FixedError is a reload of what can not be changed in a jail that runs.
type FixedError struct {
	Name string
	Keys []string // of the definition
}

func (e *FixedError) Error() string {
	return fmt.Sprintf("%s of jail %s can not be changed while it runs; nothing is changed", strings.Join(e.Keys, ", "), e.Name)
}

// UnwatchedError is a jail that runs without its supervisor.
type UnwatchedError struct{ Name string }

func (e *UnwatchedError) Error() string {
	return fmt.Sprintf("the supervisor of jail %s is gone", e.Name)
}

// Reload makes a running jail that of its definition with the fewest restarts,
// and tells what it changes; with dry that is all. Nothing is changed if the
// definition is not valid or asks for what a running jail can not become, a
// *FixedError. See supervise.Reload for the other errors.
func (h *Host) Reload(ctx context.Context, name string, dry bool, progress func(string)) (changes []control.Change, err error) {
	do := func() error {
		started, err := h.runs(name)
		if err != nil {
			return err
		}
		def, err := h.load(name)
		if err != nil {
			return err
		}
		if err := started.differ(def); err != nil {
			return err
		}
		changes, err = h.Supervisor.Reload(ctx, def, dry, progress)
		return err
	}
	if dry {
		err = errors.Join(jail.CheckName(name), do())
	} else {
		err = h.locked(ctx, name, "reload", do)
	}
	return changes, err
}

// runs gives what a jail that runs keeps as long as it does.
func (h *Host) runs(name string) (f fixed, err error) {
	have, exists, err := h.lookup(name)
	if err != nil {
		return f, err
	}
	supervised := h.Supervisor.Running(name)
	j, err := journal.Read(h.Layout.Journal(name))
	ours := err == nil
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	switch {
	case err != nil:
		return f, err
	case !exists && !supervised && !h.Known(name):
		return f, &UnknownError{name}
	case !exists && !supervised:
		return f, &StoppedError{name}
	case !ours:
		return f, &ForeignError{name, have.ID}
	case !supervised:
		return f, &UnwatchedError{name}
	}
	f, told, err := fixedIn(j)
	if err == nil && !told {
		err = fmt.Errorf("it does not say what it was started with; to apply its definition: jailmgr restart %s", name)
	}
	if err != nil {
		err = fmt.Errorf("the journal of jail %s: %w", name, err)
	}
	return f, err
}

// fixed is what a jail keeps as long as it runs. The step that makes the
// kernel's jail holds it, as JSON.
type fixed struct {
	Base   string       `json:"base,omitempty"`
	Root   string       `json:"root,omitempty"`
	Mount  []jail.Mount `json:"mount,omitempty"`
	Socket *bool        `json:"log.socket,omitempty"` // nil: started before there was one
}

func fixedOf(def *jail.Definition) fixed {
	return fixed{def.Base, def.Root, def.Mounts, def.Log.Socket}
}

// fixedIn is that of a start's journal, if it tells.
func fixedIn(j *journal.Journal) (f fixed, told bool, err error) {
	for _, s := range j.Steps {
		if s.Kind == stepKernel && len(s.Args) > 1 {
			err = json.Unmarshal([]byte(s.Args[1]), &f)
			return f, true, err
		}
	}
	return f, false, nil
}

func (f fixed) text() (string, error) {
	b, err := json.Marshal(f)
	return string(b), err
}

// differ says which of it a definition has otherwise.
func (f fixed) differ(def *jail.Definition) error {
	now := fixedOf(def)
	var keys []string
	key := func(name string, same bool) {
		if !same {
			keys = append(keys, name)
		}
	}
	key("base", f.Base == now.Base)
	key("root", f.Root == now.Root)
	key("mount", len(f.Mount) == 0 && len(now.Mount) == 0 || reflect.DeepEqual(f.Mount, now.Mount))
	key("log.socket", f.Socket == nil || now.Socket == nil || *f.Socket == *now.Socket)
	if len(keys) > 0 {
		return &FixedError{def.Name, keys}
	}
	return nil
}
