package jailmgr

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"jails/src/control"
	"jails/src/lifecycle"
)

func reloadCommand() *cli.Command {
	return &cli.Command{
		Name:         "reload",
		Usage:        "apply the definitions of jails that run, with the fewest restarts",
		ArgsUsage:    "NAME... | --all",
		BashComplete: completeJails,
		Description: "A service gets a new process only if its definition asks for what a process is\n" +
			"started with. What can not be changed while a jail runs (base, root, mount),\n" +
			"and a definition that is not valid, is refused, and nothing is changed.",
		Flags: append(chooseFlags("reload all jails that run"),
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "say what would be changed, and change nothing"},
			timeoutFlag("wait for `TIME` at most until the services are ready; 0 for ever", startTimeout)),
		Action: on(needsKernel, reload),
	}
}

func reload(ctx context.Context, h *host) error {
	names, err := h.choose(h.present)
	if err != nil {
		return err
	}
	dry, past := h.c.Bool("dry-run"), "Reloaded"
	if dry {
		past = "Checked"
	}
	named := h.c.Args().Present()
	return h.each(ctx, names, past, func(ctx context.Context, name string) error {
		if !named {
			condition, err := h.Condition(name)
			if err == nil && (condition == lifecycle.Stopped || condition == lifecycle.Crashed) {
				return errSkip
			}
		}
		if err := h.checkWords(name); err != nil {
			return err
		}
		limited, cancel := ctx, context.CancelFunc(func() {})
		if t := h.c.Duration("timeout"); t > 0 {
			limited, cancel = context.WithTimeout(ctx, t)
		}
		defer cancel()
		changes, err := h.Reload(limited, name, dry, h.progress(name, len(names) == 1))
		h.changed(name, changes, dry)
		if ctx.Err() != nil {
			err = fmt.Errorf("reload of jail %s: %w; it goes on", name, context.Cause(ctx))
		}
		return err
	})
}

// changed tells what a reload has changed, or would.
func (h *host) changed(name string, changes []control.Change, dry bool) {
	if h.c.Bool("json") {
		h.print.Lock()
		defer h.print.Unlock()
		h.changes[name] = changes
		return
	}
	for _, c := range changes {
		what, would := string(c.What), ""
		if dry && c.What != control.Unchanged {
			would = "would be "
		}
		if len(c.Keys) > 0 {
			what += " (" + strings.Join(c.Keys, ", ") + ")"
		}
		if c.Service == "" {
			if c.What != control.Unchanged {
				h.line("%s: %s%s", name, would, what)
			}
			continue
		}
		h.line("%s: service %s %s%s", name, c.Service, would, what)
	}
}
