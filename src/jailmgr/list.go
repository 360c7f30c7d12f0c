package jailmgr

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/output"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list the jails that have a definition",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "bases", Usage: "list the base layers instead"},
			command.JSON(),
		},
		Action: on(withoutKernel, list),
	}
}

// listed is a definition in the list.
type listed struct {
	Name      string   `json:"name"`
	Base      string   `json:"base,omitempty"`
	Root      string   `json:"root,omitempty"`
	Level     string   `json:"level,omitempty"`
	Autostart bool     `json:"autostart"`
	Ports     []string `json:"ports"`
	Services  []string `json:"services"`
	Error     string   `json:"error,omitempty"` // why it is not valid, or can't be read

	err error
}

func list(_ context.Context, h *host) error {
	c := h.c
	if _, err := command.Args(c, 0, 0); err != nil {
		return err
	}
	if c.Bool("bases") {
		return listBases(h)
	}
	names, err := h.defined()
	if err != nil {
		return err
	}
	all := []listed{}
	for _, name := range names {
		def, err := h.Layout.Load(name)
		if err != nil {
			all = append(all, listed{Name: name, Ports: []string{}, Services: []string{}, Error: err.Error(), err: err})
			continue
		}
		l := listed{Name: name, Base: def.Base, Root: def.Root, Level: def.Level, Autostart: def.Autostart,
			Ports: append([]string{}, def.Ports...), Services: []string{}}
		for _, s := range def.Services {
			l.Services = append(l.Services, s.Name)
		}
		all = append(all, l)
	}
	if c.Bool("json") {
		return output.JSON(c.App.Writer, all)
	}
	t := output.NewTable("NAME", "BASE", "LEVEL", "AUTOSTART", "SERVICES", "PORTS")
	for _, l := range all {
		switch {
		case l.err == nil:
		case errors.Is(l.err, fs.ErrPermission):
			t.Row(l.Name, "only root may read its definition")
			continue
		default:
			t.Row(l.Name, "not valid: jailmgr check "+l.Name)
			continue
		}
		base := l.Base
		if base == "" {
			base = l.Root
		}
		t.Row(l.Name, base, l.Level, output.YesNo(l.Autostart), strings.Join(l.Services, " "), strings.Join(l.Ports, " "))
	}
	return t.Print(c.App.Writer)
}

func listBases(h *host) error {
	bases, err := h.Store.Bases()
	if err != nil {
		return err
	}
	if h.c.Bool("json") {
		return output.JSON(h.c.App.Writer, append([]string{}, bases...))
	}
	for _, b := range bases {
		h.line("%s", b)
	}
	return nil
}
