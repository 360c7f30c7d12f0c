package jailctl

import (
	"errors"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/secmodel"
)

func setCommand() *cli.Command {
	return &cli.Command{
		Name:      "set",
		Usage:     "change a living jail, wholly or not at all",
		ArgsUsage: "NAME|ID",
		Description: "What is not named stays as it is. -r, -a, -d and -L replace the jail's whole\n" +
			"list: -a '' empties it. The processes in the jail feel a change at once,\n" +
			"except that limits hold for those that enter later.",
		Flags:        configFlags(),
		BashComplete: completeJails,
		Action: ofJail(func(c *cli.Context, k *secmodel.Client, j *secmodel.Jail) error {
			ch, err := change(c)
			if err != nil {
				return err
			}
			if ch == (secmodel.Change{}) {
				return command.Usage(c, errors.New("nothing to change"))
			}
			return k.Set(j.ID, ch)
		}),
	}
}
