package jailmgr

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"jails/src/audit"
	"jails/src/command"
	"jails/src/control"
	"jails/src/exit"
	"jails/src/output"
	"jails/src/terminal"
)

// chooseFlags choose the jails of a verb that may work on several.
func chooseFlags(all string) []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "all", Aliases: []string{"A"}, Usage: all},
		&cli.IntFlag{Name: "parallel", Aliases: []string{"j"}, Usage: "work on `NUMBER` jails at one time", DefaultText: "of jailmgr.toml, 4"},
		command.JSON(),
	}
}

// choose is the jails named, or with --all all of them.
func (h *host) choose(all func() ([]string, error), flags ...string) ([]string, error) {
	for _, f := range append([]string{"all"}, flags...) {
		if h.c.Bool(f) {
			if h.c.Args().Present() {
				return nil, command.Usage(h.c, fmt.Errorf("give names, or --%s, not both", f))
			}
			return all()
		}
	}
	return several(h.c)
}

// named are the jails that the arguments name, or without arguments all.
func (h *host) named(all func() ([]string, error)) ([]string, error) {
	if h.c.Args().Present() {
		return several(h.c)
	}
	return all()
}

// outcome of a verb for one jail.
type outcome struct {
	Jail    string   `json:"jail"`
	Done    bool     `json:"done"`
	Skipped bool     `json:"skipped"` // there was nothing to do
	Error   string   `json:"error,omitempty"`
	Code    int      `json:"code"`  // of sysexits(3)
	Notes   []string `json:"notes"` // what the administrator should know
	Seconds float64  `json:"seconds"`

	Changes []control.Change `json:"changes,omitempty"` // of a reload

	err error
}

// errSkip is a jail for which there is nothing to do.
var errSkip = errors.New("nothing to do")

// each does a verb to jails, several at one time; the end of one doesn't end
// the others. past is what was done, as in "Started".
func (h *host) each(ctx context.Context, names []string, past string, do func(ctx context.Context, name string) error) error {
	settings, err := h.Layout.LoadSettings()
	if err != nil {
		return err
	}
	limit := settings.Parallel
	if h.c.IsSet("parallel") {
		if limit = h.c.Int("parallel"); limit < 1 || limit > 64 {
			return command.Usage(h.c, errors.New("--parallel is 1 to 64"))
		}
	}
	doing := audit.From(h.c.Context)
	doing.Concerns(names...)
	results := make([]outcome, len(names))
	slots := make(chan struct{}, limit)
	var wg sync.WaitGroup
	for i, name := range names {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			results[i] = h.try(ctx, name, past, len(names) > 1, do)
		})
	}
	wg.Wait()
	for _, o := range results {
		doing.Failed(o.Jail, o.err)
	}
	return h.sum(results, past)
}

func (h *host) try(ctx context.Context, name, past string, several bool, do func(ctx context.Context, name string) error) outcome {
	start := time.Now()
	err := ctx.Err()
	if err == nil {
		err = explain(do(ctx, name))
	}
	h.print.Lock()
	h.clear() // what follows may be an error, which others print
	changes := h.changes[name]
	h.print.Unlock()
	o := outcome{Changes: changes, Jail: name, Done: err == nil, Notes: append([]string{}, h.told(name)...), Seconds: time.Since(start).Seconds(), err: err}
	switch {
	case errors.Is(err, errSkip):
		o.Skipped, o.err = true, nil
	case err != nil:
		o.Error, o.Code = err.Error(), exit.Code(err)
		if several && !h.c.Bool("json") {
			h.print.Lock()
			// Its code is told by the sum.
			exit.Report(h.c.App.ErrWriter, name, err)
			h.print.Unlock()
		}
	case !h.c.Bool("json"):
		h.line("%s jail %s (%s)", past, name, took(time.Since(start)))
	}
	return o
}

// sum is the error of all: of one jail its own, of several how many failed.
func (h *host) sum(results []outcome, past string) error {
	if h.c.Bool("json") {
		if err := output.JSON(h.c.App.Writer, results); err != nil {
			return err
		}
	}
	failed := slices.DeleteFunc(slices.Clone(results), func(o outcome) bool { return o.err == nil })
	switch {
	case len(failed) == 0:
		return nil
	case len(results) == 1:
		return failed[0].err
	}
	done := 0
	for _, o := range results {
		if o.Done {
			done++
		}
	}
	return &exit.Error{Code: exit.Temporary, Msg: fmt.Sprintf("%d of %d jails %s (%d)", done, done+len(failed), strings.ToLower(past), exit.Temporary)}
}

// defined are the jails that have a definition.
func (h *host) defined() ([]string, error) { return h.Layout.Names() }

// present are the jails that have a definition or have left something.
func (h *host) present() ([]string, error) { return h.Layout.Present() }

// progress shows what is waited for, on a terminal, when one jail is worked
// on.
func (h *host) progress(name string, alone bool) func(string) {
	if !alone || !onTerminal(h.c.App.ErrWriter) {
		return nil
	}
	return func(step string) {
		h.print.Lock()
		defer h.print.Unlock()
		h.clear()
		text := []rune(name + ": " + output.Text(step))
		fmt.Fprintf(h.c.App.ErrWriter, "%s\r", string(text[:min(len(text), lineWidth)]))
		h.shown = true
	}
}

// lineWidth is what of a step is shown: a line that goes on in the next could
// not be cleared.
const lineWidth = 79

// clear takes away the step that is shown, for who holds print.
func (h *host) clear() {
	if h.shown {
		fmt.Fprint(h.c.App.ErrWriter, "\x1b[K")
		h.shown = false
	}
}

// input waits for what a person or a program says, until a signal ends ctx.
func input[T any](ctx context.Context, read func() (T, error)) (said T, err error) {
	done := make(chan struct{})
	var answer T
	var failed error
	go func() {
		answer, failed = read()
		close(done)
	}()
	select {
	case <-done:
		return answer, failed
	case <-ctx.Done():
		return said, &exit.Error{Code: exit.Temporary, Msg: "interrupted; nothing was changed"}
	}
}

// onTerminal says whether a person reads, or types.
func onTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && terminal.Is(int(file.Fd()))
}
