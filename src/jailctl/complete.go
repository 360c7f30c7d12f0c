package jailctl

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"jails/src/secmodel"
)

// completeJails prints the jails' names for a shell's completion.
func completeJails(c *cli.Context) {
	k, err := secmodel.Open()
	if err != nil {
		return // nothing to offer, and no place to say why
	}
	defer k.Close()
	s, err := k.Jails()
	if err != nil {
		return
	}
	for _, j := range s.Jails {
		fmt.Fprintln(c.App.Writer, j.Name)
	}
}

func completePolicy(c *cli.Context) {
	for _, name := range levelNames() {
		fmt.Fprintln(c.App.Writer, name)
	}
	completeJails(c)
}
