package jailmgr

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/exit"
	"jails/src/output"
	"jails/src/root"
)

func bootstrapCommand() *cli.Command {
	return &cli.Command{
		Name:  "bootstrap",
		Usage: "make a base layer from NetBSD's sets",
		Description: "The sets are base and etc, as .tgz or .tar.xz, in DIRECTORY or its binary/sets,\n" +
			"with their checksums in a file SHA512 there. Where the kernel's model is a\n" +
			"module, it is loaded, now and at boot.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "sets", Aliases: []string{"s"}, Usage: "take the sets from `DIRECTORY`", DefaultText: "sets of jailmgr.toml, /var/jails/sets"},
			&cli.StringFlag{Name: "name", Aliases: []string{"base", "n"}, Usage: "call the base `NAME`", DefaultText: "from its release, as in 10.1-amd64"},
			&cli.StringSliceFlag{Name: "set", Usage: "extract `SET`; repeat for more", DefaultText: "base, and etc if there"},
			&cli.BoolFlag{Name: "no-verify", Usage: "do not ask for checksums"},
			command.JSON(),
		},
		Action: on(withoutKernel, bootstrap),
	}
}

func bootstrap(ctx context.Context, h *host) error {
	c := h.c
	if _, err := command.Args(c, 0, 0); err != nil {
		return err
	}
	settings, err := h.Layout.LoadSettings()
	if err != nil {
		return err
	}
	o := root.Bootstrap{Sets: c.String("sets"), Name: c.String("name"), Names: c.StringSlice("set"), NoVerify: c.Bool("no-verify")}
	for _, s := range o.Names {
		if s == "" || strings.ContainsAny(s, "/\x00") || s[0] == '.' {
			return command.Usage(c, fmt.Errorf("bad name of a set %q", s))
		}
	}
	if o.Sets == "" {
		if o.Sets = settings.Sets; o.Sets == "" {
			o.Sets = h.Layout.Sets()
		}
		if _, err := os.Stat(o.Sets); errors.Is(err, os.ErrNotExist) {
			return exit.With(fmt.Errorf("no sets in %s", o.Sets), exit.NoInput, "put base.tgz, etc.tgz and SHA512 of a release there, or give their place: --sets DIRECTORY")
		}
	}
	if h.Layout.Prefix == "" {
		// A base can be made all the same.
		if loaded, err := loadModule(); err != nil {
			h.note("kernel", err.Error())
		} else if loaded != "" && !c.Bool("json") {
			h.line("%s", loaded)
		}
	}
	p := &meter{h: h, on: onTerminal(c.App.ErrWriter)}
	o.Progress = p.report
	// One at a time: each removes what an interrupted one left.
	lock, err := h.Layout.LockBases("bootstrap")
	if err != nil {
		return err
	}
	base, err := h.Store.Bootstrap(ctx, o)
	p.clear()
	if err = errors.Join(err, lock.Unlock()); err != nil {
		return err
	}
	if c.Bool("json") {
		return output.JSON(c.App.Writer, base)
	}
	how := "not verified"
	if base.Verified != "" {
		how = "verified"
	}
	h.line("base %s: %s %s, %s in %s", base.Name, strings.Join(base.Sets, " "), how, output.Size(uint64(base.Bytes)), took(time.Duration(base.Seconds*float64(time.Second))))
	if base.Skipped > 0 {
		h.line("%d device nodes and pipes of the sets left out; a jail's /dev is made by jailmgr", base.Skipped)
	}
	if base.Unowned > 0 {
		h.line("%d files have lost their owner: this user namespace has but one user", base.Unowned)
	}
	h.line("next: jailmgr create NAME")
	return nil
}

// meter shows progress on one line of a terminal.
type meter struct {
	h     *host
	on    bool
	shown bool
	next  time.Time
}

func (m *meter) report(what string, done, total int64) {
	now := time.Now()
	if !m.on || now.Before(m.next) || total == 0 {
		return
	}
	m.next, m.shown = now.Add(100*time.Millisecond), true
	fmt.Fprintf(m.h.c.App.ErrWriter, "\r\x1b[K%s %d%%", output.Text(filepath.Base(what)), 100*done/total)
}

func (m *meter) clear() {
	if m.shown {
		fmt.Fprint(m.h.c.App.ErrWriter, "\r\x1b[K")
	}
}

// took is a duration as it is told after a verb: "0.2 s".
func took(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
