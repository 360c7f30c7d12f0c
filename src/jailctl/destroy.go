package jailctl

import (
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

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
			if c.Bool("kill") {
				if err := k.Kill(j.ID, int(unix.SIGKILL)); err != nil {
					return err
				}
				if err := await(c.Context, k, j, c.Duration("wait")); err != nil {
					return err
				}
			}
			return k.Destroy(j.ID)
		}),
	}
}
