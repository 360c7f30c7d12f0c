package jailctl

import (
	"errors"

	"github.com/urfave/cli/v2"

	"jails/src/audit"
	"jails/src/command"
	"jails/src/exit"
	"jails/src/secmodel"
	"jails/src/session"
)

func execCommand() *cli.Command {
	return &cli.Command{
		Name:      "exec",
		Usage:     "run a command in a jail",
		ArgsUsage: "NAME|ID [--] COMMAND [ARG]...",
		Description: "The command runs in a session of its own, with a clean environment and no\n" +
			"descriptors but its standard ones. The caller's terminal and files do not come\n" +
			"with it: pipes stand in for them, or with -t a new terminal. exec exits with\n" +
			"the command's status, 128+N if signal N ended it, 127 if it is not there, 126\n" +
			"if it can not be run.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "user", Aliases: []string{"u"}, Usage: "run as `USER`, a name of the jail's own /etc/passwd, or a number", DefaultText: "root"},
			&cli.StringFlag{Name: "directory", Aliases: []string{"d"}, Usage: "run in `DIRECTORY` of the jail", DefaultText: "the user's home"},
			&cli.BoolFlag{Name: "terminal", Aliases: []string{"t"}, Usage: "give the command a new terminal"},
			// Said by a parent that passes on what the standard descriptors
			// carry: they are no one else's.
			&cli.BoolFlag{Name: "relayed", Hidden: true},
		},
		BashComplete: completeJails,
		Action:       execute,
	}
}

func execute(c *cli.Context) error {
	args, err := command.Args(c, 2, -1)
	if err != nil {
		return err
	}
	jail, args := args[0], args[1:]
	if args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return command.Usage(c, errors.New("needs a command"))
	}
	k, err := secmodel.Open()
	if err != nil {
		return err
	}
	j, err := k.Lookup(jail)
	if err != nil {
		return errors.Join(err, k.Close())
	}
	doing := audit.From(c.Context)
	doing.Concerns(j.Name)
	p := session.Program{Jail: j.ID, Args: args, User: c.String("user"), Directory: c.String("directory"), Terminal: c.Bool("terminal"), Leaving: doing.Leaving}
	if c.Bool("relayed") || !p.Terminal && session.Begin(j.Root) {
		return named(p.Exec(k), &j)
	}
	if err := k.Close(); err != nil {
		return err
	}
	return exit.Ended(p.Relay())
}
