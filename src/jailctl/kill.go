package jailctl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/exit"
	"jails/src/secmodel"
)

func killCommand() *cli.Command {
	return &cli.Command{
		Name:      "kill",
		Usage:     "end a jail: send a signal to every process in it",
		ArgsUsage: "NAME|ID",
		Description: "From then on the jail is dying: nothing enters it or forks in it, and there is\n" +
			"no way back. Processes that outlive the signal can be killed again. When none\n" +
			"is left, jailctl destroy removes it.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "signal", Aliases: []string{"s"}, Usage: "send `SIGNAL`, a name or a number", Value: "KILL"},
			&cli.DurationFlag{Name: "wait", Aliases: []string{"w"}, Usage: "wait for `TIME` at most, as in 5s, until no process is left; else exit 75"},
		},
		BashComplete: completeJails,
		Action:       ofJail(kill),
	}
}

func kill(c *cli.Context, k *secmodel.Client, j *secmodel.Jail) error {
	signal, err := command.Signal(c.String("signal"))
	if err != nil {
		return command.Usage(c, err)
	}
	if c.Duration("wait") < 0 {
		return command.Usage(c, errors.New("--wait: a time can not be negative"))
	}
	if err := k.Kill(j.ID, signal); err != nil {
		return err
	}
	if c.Duration("wait") == 0 {
		return nil
	}
	return within(c.Context, c.Duration("wait"), j, k.Wait)
}

// within does what waits until the jail has no process left.
func within(ctx context.Context, most time.Duration, j *secmodel.Jail, wait func(context.Context, secmodel.ID) error) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err := wait(ctx, j.ID)
	if errors.Is(err, context.DeadlineExceeded) {
		return &exit.Error{Code: exit.Temporary, Msg: fmt.Sprintf("jail %q still has processes after %s", j.Name, most), Hint: "see: jailctl ps " + j.Name}
	}
	return err
}
