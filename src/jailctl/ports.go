package jailctl

import (
	"cmp"
	"slices"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/output"
	"jails/src/secmodel"
)

func portsCommand() *cli.Command {
	return &cli.Command{
		Name:         "ports",
		Usage:        "list the reserved ports and who holds them",
		ArgsUsage:    "[NAME|ID]...",
		Flags:        []cli.Flag{command.JSON()},
		BashComplete: completeJails,
		Action:       ofJails(listPorts),
	}
}

func listPorts(c *cli.Context, k *secmodel.Client, jails []secmodel.Jail) error {
	names := make(map[secmodel.ID]string, len(jails))
	for _, j := range jails {
		names[j.ID] = j.Name
	}
	owners, err := k.Ports()
	if err != nil {
		return err
	}
	owners = slices.DeleteFunc(owners, func(o secmodel.PortOwner) bool { return names[o.Jail] == "" })
	slices.SortFunc(owners, func(a, b secmodel.PortOwner) int {
		return cmp.Or(cmp.Compare(a.Port.First, b.Port.First), cmp.Compare(a.Port.Protocol, b.Port.Protocol))
	})
	if c.Bool("json") {
		all := make([]reserved, len(owners))
		for i, o := range owners {
			all[i] = reserved{First: o.Port.First, Last: o.Port.Last, Protocol: o.Port.Protocol.String(), Jail: names[o.Jail], ID: o.Jail}
		}
		return output.JSON(c.App.Writer, all)
	}
	t := output.NewTable("PORT", "JAIL", ">ID")
	for _, o := range owners {
		t.Row(o.Port.String(), names[o.Jail], o.Jail.String())
	}
	return t.Print(c.App.Writer)
}

// reserved is a reservation as JSON.
type reserved struct {
	First    uint16      `json:"first"`
	Last     uint16      `json:"last"`
	Protocol string      `json:"protocol"`
	Jail     string      `json:"jail"`
	ID       secmodel.ID `json:"jail_id"`
}
