package jailmgr

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/jail"
)

// reorder moves a verb's options before its other arguments, so that they
// may be written after a name. What follows "--" stays as it is.
func reorder(app *cli.App, args []string) []string {
	if command.Completing(args) {
		return args // the place of what is to be completed matters
	}
	verb := slices.IndexFunc(args[min(1, len(args)):], func(a string) bool { return !strings.HasPrefix(a, "-") }) + 1
	if verb == 0 {
		return args
	}
	i := slices.IndexFunc(app.Commands, func(c *cli.Command) bool { return c.HasName(args[verb]) })
	if i < 0 {
		return args
	}
	out := slices.Clone(args[:verb+1])
	var rest []string
	for a := args[verb+1:]; len(a) > 0; a = a[1:] {
		switch {
		case a[0] == "--":
			return append(append(out, rest...), a...)
		case len(a[0]) < 2 || a[0][0] != '-':
			rest = append(rest, a[0])
		default:
			out = append(out, a[0])
			if !command.TakesValue(app.Commands[i].Flags, a[0]) {
				continue
			}
			if a = a[1:]; len(a) == 0 {
				return out // for the error that its value is missing
			}
			out = append(out, a[0])
		}
	}
	return append(out, rest...)
}

// one is the only argument, a jail's name.
func one(c *cli.Context) (string, error) {
	args, err := command.Args(c, 1, 1)
	if err != nil {
		return "", err
	}
	if err := jail.CheckName(args[0]); err != nil {
		return "", command.Usage(c, err)
	}
	return args[0], nil
}

// several are names given as arguments, each once.
func several(c *cli.Context) ([]string, error) {
	args, err := command.Args(c, 1, -1)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, a := range args {
		if err := jail.CheckName(a); err != nil {
			return nil, command.Usage(c, err)
		}
		if !slices.Contains(names, a) {
			names = append(names, a)
		}
	}
	return names, nil
}

var errQuote = errors.New("a quote is not closed")

// split takes a command line apart as a shell would, but expands nothing:
// words, 'single', "double" quotes, \ before a character.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '\'' && c != '\'', quote == '"' && c != '"' && c != '\\':
			word.WriteByte(c)
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\':
			if i++; i == len(line) {
				return nil, errors.New("nothing follows the last \\")
			}
			if quote == '"' && !strings.ContainsRune("\"\\$`", rune(line[i])) {
				word.WriteByte('\\')
			}
			word.WriteByte(line[i])
			in = true
		case c == '\'' || c == '"':
			quote, in = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			word.WriteByte(c)
			in = true
		}
	}
	if quote != 0 {
		return nil, errQuote
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}

// completeJails offers the names of definitions.
func completeJails(c *cli.Context) {
	names, err := jail.Paths().Names()
	if err != nil {
		return
	}
	for _, n := range names {
		if !slices.Contains(c.Args().Slice(), n) {
			fmt.Fprintln(c.App.Writer, n)
		}
	}
}
