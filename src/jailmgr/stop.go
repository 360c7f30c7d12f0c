package jailmgr

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"jails/src/lifecycle"
)

func stopCommand() *cli.Command {
	return &cli.Command{
		Name:         "stop",
		Usage:        "stop jails: their services in order, then whatever is left in them",
		ArgsUsage:    "NAME... | --all",
		BashComplete: completeJails,
		Flags: append(chooseFlags("stop all jails that run"),
			timeoutFlag("let each service have `TIME` to stop", 0)),
		Action: on(withKernel, stop),
	}
}

func stop(ctx context.Context, h *host) error {
	names, err := h.choose(h.present)
	if err != nil {
		return err
	}
	named := h.c.Args().Present()
	return h.each(ctx, names, "Stopped", func(ctx context.Context, name string) error {
		err := h.Stop(ctx, name, h.c.Duration("timeout"), h.progress(name, len(names) == 1))
		var stopped *lifecycle.StoppedError
		var unknown *lifecycle.UnknownError
		if !named && (errors.As(err, &stopped) || errors.As(err, &unknown)) {
			return errSkip
		}
		return err
	})
}
