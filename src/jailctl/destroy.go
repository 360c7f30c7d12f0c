package jailctl

import (
	"time"

	"github.com/urfave/cli/v2"

	"jails/src/secmodel"
)

func destroyCommand() *cli.Command {
	return &cli.Command{
		Name:      "destroy",
		Usage:     "remove a jail that has no process",
		ArgsUsage: "NAME|ID",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "kill", Aliases: []string{"k"}, Usage: "kill its processes first, and wait until they are gone"},
			&cli.DurationFlag{Name: "wait", Aliases: []string{"w"}, Usage: "with -k, wait for `TIME` at most; else exit 75", Value: 30 * time.Second},
		},
		BashComplete: completeJails,
		Action: ofJail(func(c *cli.Context, k *secmodel.Client, j *secmodel.Jail) error {
			if !c.Bool("kill") {
				return k.Destroy(j.ID)
			}
			return within(c.Context, c.Duration("wait"), j, k.End)
		}),
	}
}
