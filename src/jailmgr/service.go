package jailmgr

import (
	"errors"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/jail"
	"jails/src/jailservice"
	"jails/src/lifecycle"
)

func serviceCommand() *cli.Command {
	return jailservice.Command(jailservice.Jails{
		Find: func(c *cli.Context, name string) (string, error) {
			return name, command.Usage(c, jail.CheckName(name))
		},
		Absent: func(name string) error {
			_, err := os.Lstat(jail.Paths().Definition(name))
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return explain(&lifecycle.UnknownError{Name: name})
			case err != nil:
				return err
			}
			return explain(&lifecycle.StoppedError{Name: name})
		},
		Complete: completeJails,
	})
}
