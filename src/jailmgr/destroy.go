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
			command.JSON(),
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
		return h.Destroy(ctx, name, h.c.Bool("volumes"))
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
