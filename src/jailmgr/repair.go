package jailmgr

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"jails/src/exit"
)

func repairCommand() *cli.Command {
	return &cli.Command{
		Name:         "repair",
		Usage:        "put right what an interrupted change left",
		ArgsUsage:    "[NAME...]",
		BashComplete: completeJails,
		Description: "A change that was interrupted, by a kill or a power loss, is undone; a destroy is\n" +
			"carried on. Jails that run are left alone. Without NAME, all jails.",
		Action: on(withKernel, repair),
	}
}

func repair(ctx context.Context, h *host) error {
	names, err := h.present()
	if h.c.Args().Present() {
		names, err = several(h.c)
	}
	if err != nil {
		return err
	}
	failed := 0
	for _, name := range names {
		if err := explain(h.Repair(ctx, name)); err != nil {
			if len(names) == 1 {
				return err
			}
			failed++
			exit.Report(h.c.App.ErrWriter, name, err)
		}
	}
	if !h.c.Args().Present() {
		lock, err := h.Layout.LockBases("repair")
		if err != nil {
			return err
		}
		if err := errors.Join(h.Store.Sweep(), lock.Unlock()); err != nil {
			return err
		}
	}
	if failed > 0 {
		return &exit.Error{Code: exit.Temporary, Msg: "not all could be repaired"}
	}
	if h.notes == 0 {
		h.line("nothing to repair")
	}
	return nil
}
