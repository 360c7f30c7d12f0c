package jailctl

import (
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"jails/src/secmodel"
)

// completeJails prints what may come next for a shell's completion: options
// after a dash, else the jails' names.
func completeJails(c *cli.Context) {
	if completeOptions(c) {
		return
	}
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
	if completeOptions(c) {
		return
	}
	for _, name := range levelNames() {
		fmt.Fprintln(c.App.Writer, name)
	}
	completeJails(c)
}

// completeOptions does so if the word before the cursor begins with a dash.
// The library passes it on in no other way than at the end of os.Args.
func completeOptions(c *cli.Context) bool {
	if len(os.Args) < 2 || !strings.HasPrefix(os.Args[len(os.Args)-2], "-") {
		return false
	}
	cli.DefaultCompleteWithFlags(c.Command)(c)
	return true
}
