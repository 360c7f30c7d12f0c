package jailctl

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"jails/src/exit"
	"jails/src/jailservice"
	"jails/src/secmodel"
)

func serviceCommand() *cli.Command {
	return jailservice.Command(jailservice.Jails{
		Find: func(_ *cli.Context, nameOrID string) (string, error) {
			k, err := secmodel.Open()
			if err != nil {
				return "", err
			}
			defer k.Close()
			j, err := k.Lookup(nameOrID)
			return j.Name, err
		},
		Absent: func(name string) error {
			return &exit.Error{Code: exit.NoInput, Msg: fmt.Sprintf("no jail-init runs services in jail %q", name), Hint: "see: jailmgr status"}
		},
		Complete: completeJails,
	})
}
