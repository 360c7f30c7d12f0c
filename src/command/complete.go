package command

import (
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// completion is the last argument of a command line that a shell is to
// complete: what may come next is printed, and nothing is done.
const completion = "--generate-bash-completion"

// Completing says whether a command line is one to complete.
func Completing(args []string) bool { return len(args) > 1 && args[len(args)-1] == completion }

// complete prints what may come behind words: after one with a dash, options;
// else verbs, or what the verb's BashComplete prints. It is not the library's,
// which panics at options that it does not know.
func complete(app *cli.App, words []string) error {
	if slices.Contains(words, "--") {
		return nil // what follows is for others
	}
	app.Setup() // adds options
	flags, last := app.Flags, ""
	var verb *cli.Command
	var given []string
	for _, w := range words {
		switch {
		case TakesValue(flags, last):
			w = "" // it is that option's
		case strings.HasPrefix(w, "-"):
		case verb != nil:
			given = append(given, w)
		case app.Command(w) != nil:
			verb = app.Command(w)
			flags = append(verb.Flags, cli.HelpFlag)
		default:
			return nil
		}
		last = w
	}
	switch {
	case TakesValue(flags, last):
	case strings.HasPrefix(last, "-") && !known(flags, last):
		return print(app, options(flags))
	case verb == nil:
		var names []string
		for _, v := range app.VisibleCommands() {
			names = append(names, v.Name)
		}
		return print(app, names)
	case verb.BashComplete != nil:
		set := flag.NewFlagSet(verb.Name, flag.ContinueOnError)
		if err := set.Parse(given); err != nil {
			return err
		}
		verb.BashComplete(cli.NewContext(app, set, nil))
	}
	return nil
}

// options are all, as they are written.
func options(flags []cli.Flag) []string {
	var all []string
	for _, f := range flags {
		if v, ok := f.(cli.VisibleFlag); ok && !v.IsVisible() {
			continue
		}
		for _, name := range f.Names() {
			all = append(all, dashed(name))
		}
	}
	return all
}

func print(app *cli.App, lines []string) error {
	for _, l := range lines {
		if _, err := fmt.Fprintln(app.Writer, l); err != nil {
			return err
		}
	}
	return nil
}

// TakesValue says whether an argument is an option whose value is the next
// one.
func TakesValue(flags []cli.Flag, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	if name == arg || strings.Contains(arg, "=") {
		return false
	}
	if !strings.HasPrefix(arg, "--") && len(name) > 1 && !known(flags, arg) {
		name = name[len(name)-1:] // of short options together the last one
	}
	i := slices.IndexFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	if i < 0 {
		return false
	}
	_, isBool := flags[i].(*cli.BoolFlag)
	return !isBool
}

func known(flags []cli.Flag, arg string) bool {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	return slices.ContainsFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}
