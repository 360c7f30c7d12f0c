package jailmgr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"jails/src/audit"
	"jails/src/command"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/lifecycle"
	"jails/src/output"
	"jails/src/secmodel"
)

// choices are the options of create and edit.
func choices() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "level", Aliases: []string{"l"}, Usage: "harden at `LEVEL`: low, medium or high"},
		&cli.StringSliceFlag{Name: "port", Aliases: []string{"ports", "r"}, Usage: "reserve `PORTS`: 8080, 8080/tcp or 8000-8099/any; repeat for more, or use commas"},
		&cli.StringSliceFlag{Name: "allow", Usage: "allow a `WORD` beyond the level; see jailctl policy --words"},
		&cli.StringSliceFlag{Name: "deny", Usage: "deny a `WORD` that the level allows"},
		&cli.StringFlag{Name: "processes", Usage: "have at most `NUMBER` processes; 0 for no cap"},
		&cli.BoolFlag{Name: "strict", Usage: "bind reserved ports only"},
		&cli.BoolFlag{Name: "observe", Usage: "record what is denied above the floor, and let it pass"},
		&cli.BoolFlag{Name: "autostart", Aliases: []string{"a"}, Usage: "start it at boot"},
	}
}

func createCommand() *cli.Command {
	return &cli.Command{
		Name:      "create",
		Usage:     "make a jail: its definition and its data",
		ArgsUsage: "NAME",
		Description: "What is left out is as /etc/jailmgr.toml says, or else safe: level high, 64\n" +
			"processes. The command line of -x and --service is taken apart as a shell\n" +
			"would, quotes included, but no shell runs it.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "base", Aliases: []string{"b"}, Usage: "stand on base `NAME`", DefaultText: "the only one"},
			&cli.StringFlag{Name: "root", Usage: "take `DIRECTORY` as it is for root, in place of a base"},
			&cli.StringFlag{Name: "exec", Aliases: []string{"x"}, Usage: "run `COMMAND` as the jail's service"},
			&cli.StringSliceFlag{Name: "service", Usage: "run a service, `NAME=COMMAND`; repeat for more"},
			&cli.StringFlag{Name: "facility", Aliases: []string{"f"}, Usage: "send its lines to syslogd's `FACILITY`"},
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "with `LEVEL` for standard output", DefaultText: "info"},
			&cli.StringFlag{Name: "err", Aliases: []string{"e"}, Usage: "with `LEVEL` for standard error", DefaultText: "err"},
			&cli.StringFlag{Name: "tag", Aliases: []string{"t"}, Usage: "tagged `TAG`", DefaultText: "jail-NAME"},
		}, append(choices(), command.JSON())...),
		Action: on(withKernel, create),
	}
}

func create(ctx context.Context, h *host) error {
	name, err := one(h.c)
	if err != nil {
		return err
	}
	def, err := h.describe(name)
	if err != nil {
		return err
	}
	path, text := h.Layout.Definition(name), def.Text()
	if err := h.Create(ctx, name, text); err != nil {
		var inv *jail.Invalid
		if errors.As(err, &inv) && inv.Problems[0].File == path {
			// The file is not there: what is wrong was on the command line.
			lines := make([]string, len(inv.Problems))
			for i, p := range inv.Problems {
				lines[i] = p.Text
			}
			return command.Usage(h.c, errors.New(strings.Join(lines, "\n")))
		}
		if errors.Is(err, lifecycle.ErrExists) {
			return exit.With(err, exit.CantCreate, "to change it: jailmgr edit "+name)
		}
		if errors.Is(err, fs.ErrExist) {
			return exit.With(err, exit.CantCreate, "to remove what is left of an earlier one: jailmgr destroy "+name)
		}
		return err
	}
	audit.From(h.c.Context).File(path, nil, text)
	if h.c.Bool("json") {
		return output.JSON(h.c.App.Writer, struct {
			Name       string `json:"name"`
			Definition string `json:"definition"`
		}{name, path})
	}
	h.line("Created jail %s (%s)", name, path)
	return nil
}

// describe is the definition that the command line means.
func (h *host) describe(name string) (*jail.Definition, error) {
	c := h.c
	settings, err := h.Layout.LoadSettings()
	if err != nil {
		return nil, err
	}
	def := &jail.Definition{
		Name: name, Base: c.String("base"), Root: c.String("root"), Level: settings.Defaults.Level,
		Allow: values(c, "allow"), Deny: values(c, "deny"), Ports: values(c, "port"),
		Strict: c.Bool("strict"), Observe: c.Bool("observe"), Processes: settings.Defaults.Processes, Autostart: c.Bool("autostart"),
	}
	if c.IsSet("level") {
		def.Level = c.String("level")
	}
	if c.IsSet("processes") {
		if def.Processes, err = number(c); err != nil {
			return nil, err
		}
	}
	if def.Base == "" && def.Root == "" {
		if def.Base, err = h.defaultBase(settings); err != nil {
			return nil, err
		}
	}
	if x := c.String("exec"); x != "" {
		s, err := service("", x)
		if err != nil {
			return nil, command.Usage(c, err)
		}
		def.Services = append(def.Services, s)
	}
	for _, s := range c.StringSlice("service") {
		sname, line, ok := strings.Cut(s, "=")
		if !ok || sname == "" {
			return nil, command.Usage(c, fmt.Errorf("bad service %q: write NAME=COMMAND", s))
		}
		svc, err := service(sname, line)
		if err != nil {
			return nil, command.Usage(c, err)
		}
		def.Services = append(def.Services, svc)
	}
	if c.IsSet("facility") || c.IsSet("out") || c.IsSet("err") || c.IsSet("tag") {
		def.Log.Syslog = &jail.Syslog{Facility: c.String("facility"), Out: c.String("out"), Err: c.String("err"), Tag: c.String("tag")}
	}
	for _, f := range c.Command.Flags {
		for _, v := range append(c.StringSlice(f.Names()[0]), c.String(f.Names()[0])) {
			if !utf8.ValidString(v) {
				return nil, command.Usage(c, fmt.Errorf("--%s is not UTF-8", f.Names()[0]))
			}
		}
	}
	return def, nil
}

// defaultBase is the settings' base, or the only one there is.
func (h *host) defaultBase(settings *jail.Settings) (string, error) {
	if settings.Defaults.Base != "" {
		return settings.Defaults.Base, nil
	}
	bases, err := h.Store.Bases()
	switch {
	case err != nil:
		return "", err
	case len(bases) == 0:
		return "", exit.With(errors.New("there is no base layer"), exit.NoInput, "to make one: jailmgr bootstrap --sets DIRECTORY; or give a root: --root DIRECTORY")
	case len(bases) > 1:
		return "", command.Usage(h.c, fmt.Errorf("there are several bases, choose one: --base %s", strings.Join(bases, "|")))
	}
	return bases[0], nil
}

// service of a command line; its name is by default the command's.
func service(name, line string) (jail.Service, error) {
	words, err := split(line)
	if err != nil {
		return jail.Service{}, fmt.Errorf("bad command %q: %w", line, err)
	}
	if len(words) == 0 {
		return jail.Service{}, errors.New("the command is empty")
	}
	if name == "" {
		name = serviceName(words[0])
	}
	return jail.Service{Name: name, Command: words}, nil
}

// serviceName makes a name of a command's path.
func serviceName(command string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '-'
	}, strings.ToLower(path.Base(command)))
	name = name[:min(len(name), secmodel.MaxName)]
	if jail.CheckName(name) != nil {
		return "main"
	}
	return name
}

func number(c *cli.Context) (uint32, error) {
	n, err := strconv.ParseUint(c.String("processes"), 10, 31)
	if err != nil {
		return 0, command.Usage(c, fmt.Errorf("bad number of processes %q: from 0 to %d", c.String("processes"), math.MaxInt32))
	}
	return uint32(n), nil
}

// chosen says whether any of the options of choices is given.
func chosen(c *cli.Context) bool {
	return slices.ContainsFunc(choices(), func(f cli.Flag) bool { return c.IsSet(f.Names()[0]) })
}

// values are the values of an option that may be repeated, or given with
// commas; an empty one stands for none.
func values(c *cli.Context, name string) []string {
	var all []string
	for _, v := range c.StringSlice(name) {
		for w := range strings.SplitSeq(v, ",") {
			if w = strings.TrimSpace(w); w != "" {
				all = append(all, w)
			}
		}
	}
	return all
}
