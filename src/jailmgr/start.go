package jailmgr

import (
	"context"
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"jails/src/exit"
	"jails/src/lifecycle"
)

// startTimeout is how long a start waits for the services.
const startTimeout = time.Minute

func timeoutFlag(what string, value time.Duration) cli.Flag {
	f := &cli.DurationFlag{Name: "timeout", Aliases: []string{"w"}, Usage: what, Value: value}
	if value == 0 {
		f.DefaultText = "each service's own"
	}
	return f
}

func startCommand() *cli.Command {
	return &cli.Command{
		Name:         "start",
		Usage:        "start jails, and wait until their services are ready",
		ArgsUsage:    "NAME... | --all | --autostart",
		BashComplete: completeJails,
		Description: "When a service fails the jail runs on with the others, and start exits 75. When\n" +
			"anything else fails, nothing of the start is left.",
		Flags: append(chooseFlags("start all jails that have a definition and do not run"),
			&cli.BoolFlag{Name: "autostart", Usage: "start those with autostart = true, as at boot"},
			timeoutFlag("wait for `TIME` at most; 0 for ever", startTimeout)),
		Action: on(needsKernel, start),
	}
}

func start(ctx context.Context, h *host) error {
	names, err := h.choose(h.startable, "autostart")
	if err != nil {
		return err
	}
	named := h.c.Args().Present()
	return h.each(ctx, names, "Started", func(ctx context.Context, name string) error {
		if err := h.checkWords(name); err != nil {
			return err
		}
		err := h.Start(ctx, name, h.c.Duration("timeout"), h.progress(name, len(names) == 1))
		var running *lifecycle.RunningError
		if errors.As(err, &running) {
			if !named {
				return errSkip
			}
			return exit.With(err, exit.CantCreate, "to start it anew: jailmgr restart "+name)
		}
		return err
	})
}

// startable are all definitions, or with --autostart those that say so; one
// that is not valid is among them, for its error to be told.
func (h *host) startable() ([]string, error) {
	names, err := h.defined()
	if err != nil || !h.c.Bool("autostart") {
		return names, err
	}
	var chosen []string
	for _, name := range names {
		if def, err := h.Layout.Load(name); err != nil || def.Autostart {
			chosen = append(chosen, name)
		}
	}
	return chosen, nil
}
