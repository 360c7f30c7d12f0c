package jailmgr

import (
	"context"
	"errors"
	"io/fs"

	"github.com/urfave/cli/v2"

	"jails/src/exit"
	"jails/src/lifecycle"
	"jails/src/secmodel"
	"jails/src/session"
)

func shellCommand() *cli.Command {
	return &cli.Command{
		Name:         "shell",
		Usage:        "run a login shell in a jail that runs",
		ArgsUsage:    "NAME",
		BashComplete: completeJails,
		Description:  "The shell has a terminal of its own. shell exits with the shell's status.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "user", Aliases: []string{"u"}, Usage: "be `USER`, a name of the jail's own /etc/passwd, or a number", DefaultText: "root"},
		},
		Action: on(needsKernel, shell),
	}
}

func shell(_ context.Context, h *host) error {
	name, err := one(h.c)
	if err != nil {
		return err
	}
	j, err := h.client.Lookup(name)
	if errors.Is(err, secmodel.ErrNoJail) {
		if _, err := h.Layout.Load(name); errors.Is(err, fs.ErrNotExist) {
			return &lifecycle.UnknownError{Name: name}
		}
		return &lifecycle.StoppedError{Name: name}
	}
	if err != nil {
		return err
	}
	// $SHELL is the user's in the jail.
	return inJail(j.ID, h.c.String("user"), onTerminal(h.c.App.Reader), "/bin/sh", "-c", `exec "${SHELL:-/bin/sh}" -l`)
}

// inJail runs a program in a jail, as jailctl exec does, and passes on its
// status.
func inJail(id secmodel.ID, user string, pty bool, argv ...string) error {
	p := session.Program{Jail: id, User: user, Args: argv, Terminal: pty}
	return exit.Ended(p.Relay())
}
