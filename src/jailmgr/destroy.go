package jailmgr

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/lifecycle"
)

func destroyCommand() *cli.Command {
	return &cli.Command{
		Name:         "destroy",
		Usage:        "remove jails that do not run: definition, data and logs",
		ArgsUsage:    "NAME...",
		BashComplete: completeJails,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y", "force"}, Usage: "do not ask"},
			&cli.BoolFlag{Name: "volumes", Usage: "remove their volumes too, if no other jail has them"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		},
		Action: on(withKernel, destroy),
	}
}

func destroy(ctx context.Context, h *host) error {
	names, err := several(h.c)
	if err != nil {
		return err
	}
	if !h.c.Bool("yes") {
		if err := h.confirm(ctx, fmt.Sprintf("remove %s with all data? [y/N] ", strings.Join(names, ", "))); err != nil {
			return err
		}
	}
	return h.each(ctx, names, "Destroyed", func(ctx context.Context, name string) error {
		volumes, err := h.volumesOf(name)
		if err != nil {
			return err
		}
		if err := h.Destroy(ctx, name); err != nil {
			return err
		}
		for _, v := range volumes {
			if err := h.Store.RemoveVolume(v); err != nil {
				return err
			}
		}
		return nil
	})
}

// confirm asks a person; a program must say --yes.
func (h *host) confirm(ctx context.Context, question string) error {
	if !onTerminal(h.c.App.Reader) {
		return command.Usage(h.c, errors.New("removing data needs a yes: --yes"))
	}
	fmt.Fprint(h.c.App.ErrWriter, question)
	answer, err := input(ctx, func() (string, error) { return bufio.NewReader(h.c.App.Reader).ReadString('\n') })
	if ctx.Err() != nil {
		fmt.Fprintln(h.c.App.ErrWriter)
		return err
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); err != nil || a != "y" && a != "yes" {
		return &exit.Error{Code: exit.Usage, Msg: "nothing was removed"}
	}
	return nil
}

// volumesOf are the volumes to remove with a jail: its own that no other
// definition names. If another's can't be read, none is sure to be.
func (h *host) volumesOf(name string) ([]string, error) {
	if !h.c.Bool("volumes") {
		return nil, nil
	}
	def, err := h.Layout.Load(name)
	if err != nil {
		if !h.c.Bool("volumes") || errors.Is(err, jail.ErrInvalid) {
			return nil, fmt.Errorf("which volumes it has can not be told: %w", err)
		}
		return nil, &lifecycle.UnknownError{Name: name}
	}
	used := map[string]string{}
	others, err := h.defined()
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		if other == name {
			continue
		}
		o, err := h.Layout.Load(other)
		if err != nil {
			return nil, fmt.Errorf("whether jail %s uses a volume can not be told: %w", other, err)
		}
		for _, m := range o.Mounts {
			used[m.Volume] = other
		}
	}
	var mine []string
	for _, m := range def.Mounts {
		if m.Volume == "" {
			continue
		}
		if other := used[m.Volume]; other != "" {
			h.note(name, fmt.Sprintf("volume %s is kept: jail %s has it too", m.Volume, other))
			continue
		}
		mine = append(mine, m.Volume)
	}
	return mine, nil
}
