// Package jailctl is the command of that name: the kernel's jails, one at a
// time. Each verb has a file.
package jailctl

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"jails/src/audit"
	"jails/src/command"
	"jails/src/jailservice"
	"jails/src/secmodel"
)

// Main runs the command and returns its exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return command.Run(App(), args, stdin, stdout, stderr)
}

// App describes the command line.
func App() *cli.App {
	return &cli.App{
		Name:  "jailctl",
		Usage: "the kernel's jails, one at a time",
		Description: "A jail is named by its name or its id. Exit codes are those of sysexits(3);\n" +
			"exec exits with its command's status.",
		Commands: []*cli.Command{
			command.Act(onNew, createCommand()),
			command.Act(command.OnFirst, setCommand()),
			listCommand(),
			showCommand(),
			command.Act(onOwn, execCommand()),
			command.Act(command.OnFirst, killCommand()),
			command.Act(command.OnFirst, destroyCommand()),
			statsCommand(),
			psCommand(),
			portsCommand(),
			policyCommand(),
			eventsCommand(),
			suggestCommand(),
			command.Act(command.OnFirst, superviseCommand()),
			command.Act(jailservice.Acts, serviceCommand()),
		},
	}
}

// onNew is create's jail.
func onNew(c *cli.Context) ([]string, bool) { return []string{c.String("name")}, true }

// onOwn is exec's jail. What is relayed is the parent's act.
func onOwn(c *cli.Context) ([]string, bool) {
	jails, _ := command.OnFirst(c)
	return jails, !c.Bool("relayed")
}

// connected is the action of a verb that asks the kernel, and takes at least
// least and at most most arguments (-1: any number).
func connected(least, most int, run func(c *cli.Context, k *secmodel.Client, args []string) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		args, err := command.Args(c, least, most)
		if err != nil {
			return err
		}
		for _, a := range args[min(1, len(args)):] {
			if strings.HasPrefix(a, "-") { // no jail's name does
				return command.Usage(c, fmt.Errorf("option %q must come before %q", a, args[0]))
			}
		}
		k, err := secmodel.Open()
		if err != nil {
			return err
		}
		return errors.Join(run(c, k, args), k.Close())
	}
}

// ofJail is the action of a verb about one jail, its only argument.
func ofJail(run func(c *cli.Context, k *secmodel.Client, j *secmodel.Jail) error) cli.ActionFunc {
	return connected(1, 1, func(c *cli.Context, k *secmodel.Client, args []string) error {
		j, err := k.Lookup(args[0])
		if err != nil {
			return err
		}
		audit.From(c.Context).Concerns(j.Name)
		return named(run(c, k, &j), &j)
	})
}

// ofJails is the action of a verb about the jails that its arguments name, or
// all.
func ofJails(run func(c *cli.Context, k *secmodel.Client, jails []secmodel.Jail) error) cli.ActionFunc {
	return connected(0, -1, func(c *cli.Context, k *secmodel.Client, args []string) error {
		s, err := k.Jails()
		if err != nil {
			return err
		}
		jails, err := pick(s.Jails, args)
		if err != nil {
			return err
		}
		return run(c, k, jails)
	})
}

// pick returns the jails that are named, in that order; all if none is.
func pick(jails []secmodel.Jail, names []string) ([]secmodel.Jail, error) {
	if len(names) == 0 {
		return jails, nil
	}
	var picked []secmodel.Jail
	for _, name := range names {
		i := slices.IndexFunc(jails, func(j secmodel.Jail) bool { return j.Name == name || j.ID.String() == name })
		if i < 0 {
			return nil, &secmodel.Refused{Command: "find", Jail: name, Reason: secmodel.ReasonNoJail}
		}
		picked = append(picked, jails[i])
	}
	return picked, nil
}

// named puts the jail's name into an error of the kernel's, which knows ids.
func named(err error, j *secmodel.Jail) error {
	if r, ok := errors.AsType[*secmodel.Refused](err); ok {
		r.Jail = j.Name
	}
	return err
}
