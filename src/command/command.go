// Package command is what the four commands' lines have in common: how they
// are taken apart, how help looks, what is a mistake in usage.
package command

import (
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"jails/src/exit"
	"jails/src/nearest"
)

// version is set by the Makefile.
var version string

// Version is this program's version.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// Run runs an app whose Commands are its verbs, and returns the exit code.
// It prints errors itself, once, as "name: what is wrong; what to do".
func Run(app *cli.App, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// Modes are as they are said where files are made, in a jail too; root's
	// own umask may be one that leaves a jail's users nothing.
	unix.Umask(0o022)
	app.Reader, app.Writer, app.ErrWriter = stdin, stdout, stderr
	app.Version = Version()
	app.HideHelpCommand = true // noVerb does its work
	app.UseShortOptionHandling = true
	app.OnUsageError = usageError
	app.ExitErrHandler = func(*cli.Context, error) {} // codes are Report's
	if app.Action == nil {
		app.Action = noVerb
	}
	if app.CustomAppHelpTemplate == "" {
		app.CustomAppHelpTemplate = appHelp
	}
	cli.FlagStringer = flagHelp
	if app.Metadata == nil {
		Given(app, args)
	}
	for _, c := range app.Commands {
		prepare(c)
	}
	if Completing(args) {
		return exit.Report(stderr, app.Name, complete(app, args[1:len(args)-1]))
	}
	return exit.Report(stderr, app.Name, app.Run(args))
}

// prepare gives a verb what all have. It must not have the help verb: a jail
// may be named "help" or "h".
func prepare(c *cli.Command) {
	c.OnUsageError = usageError
	c.HideHelpCommand = true
	c.UseShortOptionHandling = true
	if c.CustomHelpTemplate == "" {
		c.CustomHelpTemplate = verbHelp
	}
	for _, sub := range c.Subcommands {
		prepare(sub)
	}
}

const verbHelp = `usage: {{.HelpName}}{{if .VisibleFlags}} [OPTION]...{{end}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}

{{.Usage}}{{if .Description}}

{{.Description}}{{end}}{{if .VisibleFlags}}

options:{{range .VisibleFlags}}
   {{.}}{{end}}{{end}}
`

const appHelp = `usage: {{.HelpName}} {{if .VisibleCommands}}VERB {{end}}[OPTION]...{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}

{{.Usage}}{{if .Description}}

{{.Description}}{{end}}{{if .VisibleCommands}}

verbs:{{range .VisibleCommands}}
   {{.Name}}{{"\t"}}{{.Usage}}{{end}}{{end}}{{if .VisibleFlags}}

options:{{range .VisibleFlags}}
   {{.}}{{end}}{{end}}{{if .VisibleCommands}}

{{.HelpName}} VERB --help says more about one.{{end}}
`

// flagHelp is an option's line of help: "-l, --level LEVEL", a tab, and what
// it does.
func flagHelp(f cli.Flag) string {
	d, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return ""
	}
	var short, long []string
	for _, name := range f.Names() {
		if len(name) == 1 {
			short = append(short, "-"+name)
		} else {
			long = append(long, "--"+name)
		}
	}
	left, usage := strings.Join(append(short, long...), ", "), d.GetUsage()
	if before, rest, ok := strings.Cut(usage, "`"); ok {
		if value, after, ok := strings.Cut(rest, "`"); ok {
			left += " " + value
			usage = before + value + after
		}
	}
	// A time of 0 stands for none.
	if text := d.GetDefaultText(); d.TakesValue() && text != "" && text != `""` && text != "0s" {
		usage += " (default: " + strings.Trim(text, `"`) + ")"
	}
	return left + "\t" + usage
}

// usageError is a mistake in an option.
func usageError(c *cli.Context, err error, _ bool) error {
	name := c.Command.HelpName
	if name == "" {
		name = c.App.Name
	}
	text := err.Error()
	if flag, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		text = fmt.Sprintf("unknown option %q", dashed(strings.TrimLeft(flag, "-")))
		var known []string
		for _, f := range c.Command.Flags {
			known = append(known, f.Names()...)
		}
		if near := nearest.Of(strings.TrimLeft(flag, "-"), known); near != "" {
			text += fmt.Sprintf("; did you mean %q?", dashed(near))
		}
	} else if flag, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		text = fmt.Sprintf("option %q needs a value", dashed(strings.TrimLeft(flag, "-")))
	} else if rest, ok := strings.CutPrefix(text, "invalid value "); ok {
		value, _ := strconv.QuotedPrefix(rest)
		flag, _, _ := strings.Cut(strings.TrimPrefix(rest[len(value):], " for flag -"), ":")
		i := slices.IndexFunc(c.Command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), flag) })
		want := "a number"
		if i >= 0 {
			if _, is := c.Command.Flags[i].(*cli.DurationFlag); is {
				want = "a time, as in 5s or 1m30s"
			}
		}
		text = fmt.Sprintf("option %q wants %s, not %s", dashed(flag), want, value)
	}
	return &exit.Error{Code: exit.Usage, Msg: text, Hint: "see: " + name + " --help"}
}

// Usage is a mistake in a verb's command line.
func Usage(c *cli.Context, err error) error {
	return exit.With(err, exit.Usage, "see: "+c.Command.HelpName+" --help")
}

func dashed(flag string) string {
	if len(flag) == 1 {
		return "-" + flag
	}
	return "--" + flag
}

// noVerb is the action of a command line without a verb that exists.
func noVerb(c *cli.Context) error {
	see := "see: " + c.App.Name + " --help"
	switch c.Args().First() {
	case "help":
		if verb := c.Args().Get(1); verb != "" && c.App.Command(verb) != nil {
			return cli.ShowCommandHelp(c, verb)
		}
		return cli.ShowAppHelp(c)
	case "":
		return &exit.Error{Code: exit.Usage, Msg: "what shall it do?", Hint: see}
	}
	var verbs []string
	for _, v := range c.App.VisibleCommands() {
		verbs = append(verbs, v.Name)
	}
	msg := fmt.Sprintf("no verb %q", c.Args().First())
	if near := nearest.Of(c.Args().First(), verbs); near != "" {
		msg += fmt.Sprintf("; did you mean %q?", near)
	}
	return &exit.Error{Code: exit.Usage, Msg: msg, Hint: see}
}

// Args returns the arguments that follow the options, at least least and at
// most most of them (-1: any number).
func Args(c *cli.Context, least, most int) ([]string, error) {
	args := c.Args().Slice()
	see := "see: " + c.Command.HelpName + " --help"
	if len(args) < least {
		return nil, &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("needs %s", c.Command.ArgsUsage), Hint: see}
	}
	if most >= 0 && len(args) > most {
		extra := args[most]
		if i := slices.IndexFunc(args, func(a string) bool { return len(a) > 1 && a[0] == '-' }); i >= 0 {
			return nil, &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("option %q must come before %q", args[i], args[0]), Hint: see}
		}
		return nil, &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("unexpected argument %q", extra), Hint: see}
	}
	return args, nil
}

// JSON is the option of every verb that prints.
func JSON() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print JSON"}
}
