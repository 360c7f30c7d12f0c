package jailmgr

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/lifecycle"
)

func repairCommand() *cli.Command {
	return &cli.Command{
		Name:         "repair",
		Usage:        "put right what an interrupted change left",
		ArgsUsage:    "[NAME]...",
		BashComplete: completeJails,
		Description: "A change that was interrupted, by a kill or a power loss, is undone; a destroy is\n" +
			"carried on. Jails that run are left alone. Without NAME, all jails.",
		Flags:  []cli.Flag{command.JSON()},
		Action: on(withKernel, repair),
	}
}

func repair(ctx context.Context, h *host) error {
	names, err := h.named(h.present)
	if err != nil {
		return err
	}
	err = h.each(ctx, names, "Repaired", func(ctx context.Context, name string) error {
		known := h.Known(name)
		switch err := h.Repair(ctx, name); {
		case err != nil:
			return err
		case len(h.told(name)) > 0:
			return nil
		case !known:
			return &lifecycle.UnknownError{Name: name}
		}
		return errSkip
	})
	if !h.c.Args().Present() {
		lock, e := h.Layout.LockBases("repair")
		if e == nil {
			e = errors.Join(h.Store.Sweep(), lock.Unlock())
		}
		err = errors.Join(err, e)
	}
	if err == nil && len(h.notes) == 0 && !h.c.Bool("json") {
		h.line("nothing to repair")
	}
	return err
}
