package jailmgr

import (
	"context"

	"github.com/urfave/cli/v2"
)

func restartCommand() *cli.Command {
	return &cli.Command{
		Name:         "restart",
		Usage:        "stop jails, if they run, and start them",
		ArgsUsage:    "NAME... | --all",
		BashComplete: completeJails,
		Description:  "A jail whose definition is not valid is not stopped.",
		Flags: append(chooseFlags("restart all jails that have a definition"),
			timeoutFlag("wait for `TIME` at most until the services are ready; 0 for ever", startTimeout)),
		Action: on(needsKernel, restart),
	}
}

func restart(ctx context.Context, h *host) error {
	names, err := h.choose(h.defined)
	if err != nil {
		return err
	}
	return h.each(ctx, names, "Restarted", func(ctx context.Context, name string) error {
		if err := h.checkWords(name); err != nil {
			return err
		}
		return h.Restart(ctx, name, 0, h.c.Duration("timeout"), h.progress(name, len(names) == 1))
	})
}
