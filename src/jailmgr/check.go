package jailmgr

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/lifecycle"
	"jails/src/output"
	"jails/src/secmodel"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name:         "check",
		Usage:        "check definitions, without changing anything",
		ArgsUsage:    "[NAME]...",
		BashComplete: completeJails,
		Description: "Whether words are known is checked only where the kernel's model is loaded.\n" +
			"check exits 78 if a definition is not valid.",
		Flags:  []cli.Flag{command.JSON()},
		Action: on(withKernel, check),
	}
}

func check(_ context.Context, h *host) error {
	names, err := h.named(h.defined)
	if err != nil {
		return err
	}
	settings, err := h.Layout.LoadSettings()
	if err != nil {
		return err
	}
	var known []secmodel.Word
	if h.client != nil {
		known, err = h.client.Words()
		if _, other := errors.AsType[*secmodel.ABIError](err); other {
			fmt.Fprintf(h.c.App.ErrWriter, "words are not checked: %v\n", err)
		} else if err != nil {
			return err
		}
	}
	problems, bad := []jail.Problem{}, 0
	for _, name := range names {
		found, err := h.problems(name, settings, known)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			bad++
		}
		problems = append(problems, found...)
	}
	if h.c.Bool("json") {
		if err := output.JSON(h.c.App.Writer, problems); err != nil {
			return err
		}
	} else {
		for _, p := range problems {
			h.line("%s", p.String())
		}
	}
	if bad > 0 {
		return &exit.Error{Code: exit.Config, Msg: fmt.Sprintf("%d of %s not valid (%d)", bad, definitions(len(names)), exit.Config)}
	}
	return nil
}

func definitions(n int) string {
	if n == 1 {
		return "1 definition"
	}
	return fmt.Sprintf("%d definitions", n)
}

// checkWords says where a definition has a word that the kernel does not
// know, before anything of a start is done. Other errors are the start's.
func (h *host) checkWords(name string) error {
	path := h.Layout.Definition(name)
	def, err := h.Layout.Load(name)
	if err != nil || len(def.Allow)+len(def.Deny) == 0 {
		return nil
	}
	text, err := jail.Read(path)
	if err != nil {
		return err
	}
	known, err := h.client.Words()
	if err != nil {
		return err
	}
	if inv := jail.CheckWords(path, text, def, known); inv != nil {
		return inv
	}
	return nil
}

// problems of one definition, and of what it stands on.
func (h *host) problems(name string, settings *jail.Settings, known []secmodel.Word) ([]jail.Problem, error) {
	path := h.Layout.Definition(name)
	text, err := jail.Read(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &lifecycle.UnknownError{Name: name}
	}
	var def *jail.Definition
	if err == nil {
		def, err = jail.Decode(path, text, settings)
	}
	var inv *jail.Invalid
	switch {
	case errors.As(err, &inv):
		return inv.Problems, nil
	case errors.Is(err, os.ErrPermission):
		return nil, err
	case err != nil:
		return []jail.Problem{{File: path, Text: err.Error()}}, nil
	}
	var found []jail.Problem
	if known != nil {
		if inv := jail.CheckWords(path, text, def, known); inv != nil {
			found = inv.Problems
		}
	}
	switch err := h.Store.Check(def); {
	case errors.Is(err, os.ErrPermission) && os.Geteuid() != 0:
		h.note(name, "whether its root is there only root can see")
	case err != nil:
		found = append(found, jail.Problem{File: path, Text: err.Error()})
	}
	return found, nil
}
