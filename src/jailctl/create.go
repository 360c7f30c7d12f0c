package jailctl

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/exit"
	"jails/src/output"
	"jails/src/secmodel"
)

func createCommand() *cli.Command {
	return &cli.Command{
		Name:      "create",
		Usage:     "make a jail whose root is a directory, and print its id",
		ArgsUsage: "-n NAME ROOT",
		Description: "The jail is empty: jailctl exec brings processes into it. It lasts until\n" +
			"jailctl destroy, or until the system stops. Without -l its level is high.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "name", Aliases: []string{"n"}, Usage: "call it `NAME`: a small letter, then small letters, digits, - _ or ."},
		}, append(configFlags(), command.JSON())...),
		Action: create,
	}
}

func create(c *cli.Context) error {
	args, err := command.Args(c, 1, 1)
	if err != nil {
		return err
	}
	name := c.String("name")
	if name == "" {
		return command.Usage(c, errors.New("the jail needs a name: -n NAME"))
	}
	if err := secmodel.CheckName(name); err != nil {
		return err
	}
	ch, err := change(c)
	if err != nil {
		return err
	}
	root, err := filepath.Abs(args[0])
	if err != nil {
		return exit.With(err, exit.System, "")
	}
	return connected(1, 1, func(c *cli.Context, k *secmodel.Client, _ []string) error {
		id, err := k.Create(name, root, newConfig(ch))
		if r, ok := errors.AsType[*secmodel.Refused](err); ok && r.Reason == secmodel.ReasonRoot {
			err = fmt.Errorf("%s: %w", output.Text(root), err)
		}
		if err != nil {
			return err
		}
		if c.Bool("json") {
			return output.JSON(c.App.Writer, struct {
				ID   secmodel.ID `json:"id"`
				Name string      `json:"name"`
			}{id, name})
		}
		_, err = fmt.Fprintln(c.App.Writer, id)
		return err
	})(c)
}

// newConfig is a change to a jail that does not exist yet.
func newConfig(ch secmodel.Change) secmodel.Config {
	config := secmodel.Config{Level: secmodel.High}
	if ch.Level != nil {
		config.Level = *ch.Level
	}
	if ch.Allow != nil {
		config.Allow = *ch.Allow
	}
	if ch.Deny != nil {
		config.Deny = *ch.Deny
	}
	if ch.Strict != nil {
		config.Strict = *ch.Strict
	}
	if ch.Observe != nil {
		config.Observe = *ch.Observe
	}
	if ch.Processes != nil {
		config.Processes = *ch.Processes
	}
	if ch.Ports != nil {
		config.Ports = *ch.Ports
	}
	if ch.Limits != nil {
		config.Limits = *ch.Limits
	}
	return config
}
