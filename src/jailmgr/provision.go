package jailmgr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"jails/src/audit"
	"jails/src/command"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/secmodel"
)

// scriptSize bounds a script: it is one argument of the shell, so that what
// it runs does not read the rest of it as its input.
const scriptSize = 96 << 10

const provisionText = "The script, from SCRIPT or standard input, is run by /bin/sh -e, as root, inside\n" +
	"the jail and under its rules. A jail that does not run is there for just that\n" +
	"time, without services and ports. The script's status is passed on."

func provisionCommand() *cli.Command {
	return &cli.Command{
		Name:         "provision",
		Usage:        "run a script in a jail, to set it up",
		ArgsUsage:    "NAME [SCRIPT]",
		BashComplete: completeJails,
		Description:  provisionText,
		Action:       on(needsKernel, provision),
	}
}

func applyCommand() *cli.Command {
	return &cli.Command{
		Name:         "apply",
		Usage:        "with --ephemeral: the same as provision",
		ArgsUsage:    "--ephemeral NAME [SCRIPT]",
		BashComplete: completeJails,
		Description:  provisionText,
		Flags:        []cli.Flag{&cli.BoolFlag{Name: "ephemeral", Usage: "run a script in the jail"}},
		Action: on(needsKernel, func(ctx context.Context, h *host) error {
			if !h.c.Bool("ephemeral") {
				return command.Usage(h.c, errors.New("apply needs --ephemeral"))
			}
			return provision(ctx, h)
		}),
	}
}

func provision(ctx context.Context, h *host) error {
	args, err := command.Args(h.c, 1, 2)
	if err != nil {
		return err
	}
	if err := jail.CheckName(args[0]); err != nil {
		return command.Usage(h.c, err)
	}
	script, err := input(ctx, func() (string, error) { return readScript(h.c.App.Reader, args[1:]) })
	if err != nil {
		return err
	}
	from := "-"
	if len(args) > 1 {
		from = args[1]
	}
	audit.From(h.c.Context).File(from, []byte(script), []byte(script))
	return h.Provision(ctx, args[0], func(id secmodel.ID) error {
		return inJail(id, "", false, "/bin/sh", "-e", "-c", script, "provision")
	})
}

func readScript(in io.Reader, file []string) (string, error) {
	if len(file) == 1 && file[0] != "-" {
		f, err := os.Open(file[0])
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	} else if onTerminal(in) {
		return "", exit.Usagef("no script: give it on standard input, or name a file")
	}
	b, err := io.ReadAll(io.LimitReader(in, scriptSize+1))
	if err != nil {
		return "", err
	}
	if len(b) > scriptSize {
		return "", exit.With(fmt.Errorf("the script is larger than %d KB", scriptSize>>10), exit.Data, "have it fetch its data, or put them into a volume")
	}
	if bytes.IndexByte(b, 0) >= 0 {
		return "", exit.With(errors.New("the script holds a NUL"), exit.Data, "")
	}
	return string(b), nil
}
