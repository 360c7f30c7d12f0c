package command

import (
	"bytes"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"jails/src/exit"
)

// run runs an app with one verb that takes one argument.
func run(args ...string) (code int, stdout, stderr string) {
	app := &cli.App{
		Name: "tool",
		Commands: []*cli.Command{{
			Name:      "show",
			Usage:     "show one",
			ArgsUsage: "NAME",
			Flags: []cli.Flag{
				JSON(),
				&cli.StringFlag{Name: "level", Aliases: []string{"l"}, Usage: "be at `LEVEL`", Value: "high"},
				&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}},
				&cli.DurationFlag{Name: "timeout", Aliases: []string{"w"}, Hidden: true},
				&cli.IntFlag{Name: "number", Hidden: true},
			},
			Action: func(c *cli.Context) error {
				args, err := Args(c, 1, 1)
				if err != nil {
					return err
				}
				if args[0] == "bad" {
					return &exit.Error{Code: 75, Msg: "busy"}
				}
				_, err = c.App.Writer.Write([]byte(args[0] + " " + c.String("level")))
				return err
			},
		}},
	}
	var out, errs bytes.Buffer
	code = Run(app, append([]string{"tool"}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"show web", 0, "web high", ""},
		{"show -l low web", 0, "web low", ""},
		// Jails may have the names that the library has for help.
		{"show help", 0, "help high", ""},
		{"show h", 0, "h high", ""},
		{"show -- -x", 0, "-x high", ""},
		{"show bad", 75, "", "tool: busy\n"},
		{"show", 64, "", "tool: needs NAME; see: tool show --help\n"},
		{"show -w 3 a", 64, "", "tool: option \"-w\" wants a time, as in 5s or 1m30s, not \"3\"; see: tool show --help\n"},
		{"show --timeout=3 a", 64, "", "tool: option \"--timeout\" wants a time, as in 5s or 1m30s, not \"3\"; see: tool show --help\n"},
		{"show --number x a", 64, "", "tool: option \"--number\" wants a number, not \"x\"; see: tool show --help\n"},
		{"show a b", 64, "", "tool: unexpected argument \"b\"; see: tool show --help\n"},
		{"show a --json", 64, "", "tool: option \"--json\" must come before \"a\"; see: tool show --help\n"},
		{"show --josn a", 64, "", "tool: unknown option \"--josn\"; did you mean \"--json\"?; see: tool show --help\n"},
		{"show -l", 64, "", "tool: option \"-l\" needs a value; see: tool show --help\n"},
		{"shwo", 64, "", "tool: no verb \"shwo\"; did you mean \"show\"?; see: tool --help\n"},
		{"", 64, "", "tool: what shall it do?; see: tool --help\n"},
	} {
		code, stdout, stderr := run(strings.Fields(c.args)...)
		if code != c.code || stdout != c.stdout || stderr != c.stderr {
			t.Errorf("%s: %d, %q, %q", c.args, code, stdout, stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	const want = "usage: tool show [OPTION]... NAME\n\nshow one\n\noptions:\n" +
		"   --json             print JSON\n" +
		"   -l, --level LEVEL  be at LEVEL (default: high)\n" +
		"   -v, --verbose      \n" +
		"   -h, --help         show help\n"
	for _, args := range [][]string{{"show", "--help"}, {"help", "show"}, {"show", "-h"}} {
		if code, stdout, stderr := run(args...); code != 0 || stdout != want || stderr != "" {
			t.Errorf("%v: %d, %q\n%s", args, code, stderr, stdout)
		}
	}
	if code, stdout, _ := run("--help"); code != 0 || !strings.Contains(stdout, "verbs:\n   show  show one\n") {
		t.Errorf("%d: %s", code, stdout)
	}
}
