package command

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// completed is what is printed for a shell that completes the words.
func completed(words ...string) (code int, stdout, stderr string) {
	app := &cli.App{
		Name: "tool",
		Commands: []*cli.Command{
			{
				Name: "show",
				Flags: []cli.Flag{
					JSON(),
					&cli.StringFlag{Name: "level", Aliases: []string{"l"}},
					&cli.BoolFlag{Name: "secret", Hidden: true},
				},
				BashComplete: func(c *cli.Context) { fmt.Fprintf(c.App.Writer, "jails but %v\n", c.Args().Slice()) },
			},
			{Name: "list"},
			{Name: "hidden", Hidden: true},
		},
	}
	var out, errs bytes.Buffer
	code = Run(app, append(append([]string{"tool"}, words...), completion), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestComplete(t *testing.T) {
	const (
		verbs   = "show\nlist\n"
		general = "--help\n-h\n--version\n-v\n"
		ofShow  = "--json\n--level\n-l\n--help\n-h\n"
	)
	for words, want := range map[string]string{
		"":                  verbs,
		"-":                 general,
		"--he":              general,
		"-x":                general,
		"show":              "jails but []\n",
		"show web":          "jails but [web]\n",
		"show -":            ofShow,
		"show --js":         ofShow,
		"show web --js":     ofShow,
		"show --json":       "jails but []\n",
		"show -l":           "", // its value
		"show -l high":      "jails but []\n",
		"show -l high web":  "jails but [web]\n",
		"show -l=high":      "jails but []\n",
		"show --level":      "",
		"show --":           "",
		"show web -- -":     "",
		"list":              "",
		"list -":            "--help\n-h\n",
		"nosuch":            "",
		"nosuch --x":        "",
		"show \xff -\x00 -": ofShow,
	} {
		if code, stdout, stderr := completed(strings.Fields(words)...); code != 0 || stdout != want || stderr != "" {
			t.Errorf("%q: %d, %q, %q; want %q", words, code, stdout, stderr, want)
		}
	}
}

// Whatever was typed, a shell gets lines and no error.
func FuzzComplete(f *testing.F) {
	f.Add("show --he")
	f.Add("show -l x -- -")
	f.Fuzz(func(t *testing.T, line string) {
		if code, _, stderr := completed(strings.Split(line, " ")...); code != 0 || stderr != "" {
			t.Errorf("%q: %d, %s", line, code, stderr)
		}
	})
}
