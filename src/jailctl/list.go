package jailctl

import (
	"strconv"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/output"
	"jails/src/secmodel"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name:   "list",
		Usage:  "list the jails",
		Flags:  []cli.Flag{command.JSON()},
		Action: connected(0, 0, list),
	}
}

func list(c *cli.Context, k *secmodel.Client, _ []string) error {
	s, err := k.Jails()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		jails := make([]listed, len(s.Jails))
		for i := range s.Jails {
			jails[i] = newListed(&s.Jails[i])
		}
		return output.JSON(c.App.Writer, jails)
	}
	t := output.NewTable(">ID", "NAME", "STATE", "LEVEL", ">PROCS", "ROOT")
	for i := range s.Jails {
		l := newListed(&s.Jails[i])
		t.Row(l.ID.String(), l.Name, l.State, l.Level, strconv.Itoa(l.Processes), l.Root)
	}
	return t.Print(c.App.Writer)
}

// listed is a jail as list prints it. Level and root are empty to users whom
// the kernel hides them from.
type listed struct {
	ID        secmodel.ID `json:"id"`
	Name      string      `json:"name"`
	State     string      `json:"state"`
	Level     string      `json:"level,omitempty"`
	Processes int         `json:"processes"`
	Root      string      `json:"root,omitempty"`
}

func newListed(j *secmodel.Jail) listed {
	l := listed{ID: j.ID, Name: j.Name, State: j.State.String(), Processes: j.Processes, Root: j.Root}
	if !j.Hidden() {
		l.Level = j.Config.Level.String()
	}
	return l
}
