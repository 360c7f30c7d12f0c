package jailctl

import (
	"errors"

	"github.com/urfave/cli/v2"

	"jails/src/audit"
	"jails/src/exit"
	"jails/src/secmodel"
	"jails/src/supervise"
)

func superviseCommand() *cli.Command {
	return &cli.Command{
		Name:      "supervise",
		Usage:     "run a jail's services until it is stopped",
		ArgsUsage: "NAME",
		Description: "The jail must exist (jailctl create, or jailmgr start, which does all of it).\n" +
			"TERM or INT stops the services in order, then kills and destroys the jail.\n" +
			"After a supervisor was killed its services run on; the next one takes them on.\n" +
			"What the services write is kept in /var/log/jails/NAME.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "definition", Aliases: []string{"f"}, Usage: "the jail's definition is `FILE`, not /etc/jails/NAME.toml", TakesFile: true},
		},
		BashComplete: completeJails,
		Action: connected(1, 1, func(c *cli.Context, k *secmodel.Client, args []string) error {
			events, err := secmodel.Open() // who waits for events keeps others from the client
			if err != nil {
				return err
			}
			ended := func(err error) { audit.From(c.Context).End(exit.Code(err), err) }
			return errors.Join(supervise.Run(args[0], c.String("definition"), k, events, ended), events.Close())
		}),
	}
}
