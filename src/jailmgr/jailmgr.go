// Package jailmgr is the command of that name: whole jails, from their
// definitions. Each verb has a file.
package jailmgr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"sync"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"jails/src/command"
	"jails/src/control"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/jailservice"
	"jails/src/lifecycle"
	"jails/src/output"
	"jails/src/root"
	"jails/src/secmodel"
	"jails/src/supervise"
)

// Main runs the command and returns its exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	app := App()
	command.Given(app, args)
	return command.Run(app, reorder(app, args), stdin, stdout, stderr)
}

// App describes the command line.
func App() *cli.App {
	return &cli.App{
		Name:  "jailmgr",
		Usage: "whole jails, from their definitions",
		Description: "A jail's definition is /etc/jails/NAME.toml, see jail.toml(5). Options may stand\n" +
			"before or after NAME. Exit codes are those of sysexits(3): 75 where some of\n" +
			"several jails failed or one is busy, 78 where a definition is not valid.",
		// A comma in a service's command is the command's.
		DisableSliceFlagSeparator: true,
		Commands: []*cli.Command{
			command.Act(command.OnNone, bootstrapCommand()),
			command.Act(command.OnFirst, createCommand()),
			command.Act(command.OnFirst, editCommand()),
			checkCommand(),
			command.Act(command.OnEach, startCommand()),
			command.Act(command.OnEach, stopCommand()),
			command.Act(command.OnEach, restartCommand()),
			command.Act(command.OnEach, reloadCommand()),
			statusCommand(),
			command.Act(jailservice.Acts, serviceCommand()),
			listCommand(),
			command.Act(command.OnFirst, shellCommand()),
			command.Act(command.OnFirst, provisionCommand()),
			command.Act(command.OnFirst, applyCommand()),
			logsCommand(),
			auditCommand(),
			command.Act(command.OnEach, destroyCommand()),
			command.Act(command.OnEach, repairCommand()),
		},
	}
}

// host is what the verbs work on.
type host struct {
	lifecycle.Host
	client *secmodel.Client // nil if no model is loaded
	c      *cli.Context
	print  sync.Mutex // lines of jails that are worked on at one time
	shown  bool       // a step, which the next line takes the place of
	notes  map[string][]string
	// changes are what reloads have changed, for --json.
	changes map[string][]control.Change
}

// supervisor is package supervise.
type supervisor struct{}

func (supervisor) Start(ctx context.Context, name string, progress func(string)) error {
	return supervise.Start(ctx, name, progress)
}

func (supervisor) Stop(ctx context.Context, name string, timeout time.Duration, progress func(string)) error {
	return supervise.Stop(ctx, name, timeout, progress)
}

func (supervisor) Reload(ctx context.Context, def *jail.Definition, dry bool, progress func(string)) ([]control.Change, error) {
	return supervise.Reload(ctx, def, dry, progress)
}

func (supervisor) Running(name string) bool { return supervise.Running(name) }

func (supervisor) Gone(ctx context.Context, name string) error { return supervise.Gone(ctx, name) }

// What a verb needs of the kernel's model.
const (
	withoutKernel = iota
	withKernel    // if it is loaded
	needsKernel
)

// on is the action of a verb: it ends, with what it did undone, on a signal.
func on(kernel int, run func(ctx context.Context, h *host) error) cli.ActionFunc {
	return func(c *cli.Context) (err error) {
		ctx, stop := signal.NotifyContext(c.Context, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
		defer stop()
		layout := jail.Paths()
		h := &host{c: c, notes: map[string][]string{}, changes: map[string][]control.Change{}, Host: lifecycle.Host{Layout: layout, Store: &root.Store{Layout: layout}, Supervisor: supervisor{}}}
		h.Note = h.note
		if kernel != withoutKernel {
			client, err := secmodel.Open()
			switch {
			case err == nil:
				h.client, h.Kernel = client, client
				defer func() { err = errors.Join(err, client.Close()) }()
			case kernel == needsKernel || !errors.Is(err, secmodel.ErrNoModel):
				return err
			}
		}
		return explain(run(ctx, h))
	}
}

// line prints one line on standard output. What a jail chose may be in it.
func (h *host) line(format string, args ...any) {
	h.print.Lock()
	defer h.print.Unlock()
	h.clear()
	fmt.Fprintln(h.c.App.Writer, output.Text(fmt.Sprintf(format, args...)))
}

// note prints what the administrator should know about a jail.
func (h *host) note(name, text string) {
	h.print.Lock()
	defer h.print.Unlock()
	h.notes[name] = append(h.notes[name], text)
	h.clear()
	fmt.Fprintf(h.c.App.ErrWriter, "%s: %s\n", name, output.Text(text))
}

// told is what note has said of a jail.
func (h *host) told(name string) []string {
	h.print.Lock()
	defer h.print.Unlock()
	return h.notes[name]
}

// codes are those errors of the packages below that package exit does not
// know, with what to do about them.
var codes = [...]struct {
	err  error
	code int
	hint string
}{
	{jail.ErrLocked, exit.Temporary, ""},
	{lifecycle.ErrExists, exit.CantCreate, "see: jailmgr list"},
	{root.ErrNoBase, exit.NoInput, "see: jailmgr list --bases; to make one: jailmgr bootstrap --sets DIRECTORY"},
	{root.ErrChecksum, exit.Data, "to use the sets all the same: --no-verify"},
	{root.ErrExists, exit.CantCreate, "to make another: --name NAME"},
	{root.ErrDamaged, exit.Data, "fetch it again"},
	{root.ErrHostile, exit.Data, "take the sets of a NetBSD release"},
	{root.ErrTooLarge, exit.Data, "take the sets of a NetBSD release"},
	{root.ErrName, exit.Usage, "for example: --name 10.1-amd64"},
	{root.ErrMounted, exit.Temporary, ""},
	{root.ErrNoMount, exit.Unavailable, "run as root on a system that allows it"},
}

// explain gives an error its exit code and hint.
func explain(err error) error {
	if err == nil {
		return nil
	}
	var already *exit.Error
	if errors.As(err, &already) {
		return err
	}
	var running *lifecycle.RunningError
	if errors.As(err, &running) {
		return exit.With(err, exit.Temporary, "to end it: jailmgr stop "+running.Name)
	}
	var stopped *lifecycle.StoppedError
	if errors.As(err, &stopped) {
		return exit.With(err, exit.NoInput, "to start it: jailmgr start "+stopped.Name)
	}
	var fixed *lifecycle.FixedError
	if errors.As(err, &fixed) {
		return exit.With(err, exit.Temporary, "to apply it: jailmgr restart "+fixed.Name)
	}
	var unwatched *lifecycle.UnwatchedError
	if errors.As(err, &unwatched) {
		return exit.With(err, exit.Temporary, "to give it another: jailmgr start "+unwatched.Name)
	}
	var foreign *lifecycle.ForeignError
	if errors.As(err, &foreign) {
		return exit.With(err, exit.Temporary, "see: jailctl show "+foreign.Name)
	}
	var unknown *lifecycle.UnknownError
	if errors.As(err, &unknown) {
		return exit.With(err, exit.NoInput, "see: jailmgr list")
	}
	for _, k := range codes {
		if errors.Is(err, k.err) {
			return exit.With(err, k.code, k.hint)
		}
	}
	return err
}
