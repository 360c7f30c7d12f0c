// Package pages tests that the manual pages, the README and the examples say
// what the programs do.
package pages

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"jails/src/jailctl"
	"jails/src/jailexporter"
	"jails/src/jailmgr"
	"jails/tests/host"
)

// TestMain lets this program be one of the commands, by the name that it is
// run under.
func TestMain(m *testing.M) {
	if run, ok := mains[filepath.Base(os.Args[0])]; ok {
		os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr))
	}
	host.Main(m)
}

var mains = map[string]func([]string, io.Reader, io.Writer, io.Writer) int{
	"jailctl":       jailctl.Main,
	"jailmgr":       jailmgr.Main,
	"jail-exporter": jailexporter.Main,
}

var apps = map[string]func() *cli.App{
	"jailctl":       jailctl.App,
	"jailmgr":       jailmgr.App,
	"jail-exporter": jailexporter.App,
}

// known are the options and verbs of an app, in the form of options.
func known(app *cli.App) map[string][]string {
	found := map[string][]string{"": append(names(app.Flags), "h", "help", "v", "version")}
	slices.Sort(found[""])
	for _, c := range app.Commands {
		if !c.Hidden {
			found[c.Name] = names(c.Flags)
		}
	}
	return found
}

func names(flags []cli.Flag) (names []string) {
	for _, f := range flags {
		if v, ok := f.(cli.VisibleFlag); !ok || v.IsVisible() {
			names = append(names, f.Names()...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Every verb and option is in the page of its command, and the page has no
// other.
func TestOptions(t *testing.T) {
	pages := all(t)
	for name, app := range apps {
		got := options(pages[name+".8"])
		if diff := cmp.Diff(known(app()), got); diff != "" {
			t.Errorf("%s.8 (+) is not what the command (-) takes:\n%s", name, diff)
		}
	}
}

func TestLint(t *testing.T) {
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skip("no mandoc here; install it (Debian: apt-get install mandoc)")
	}
	for name := range all(t) {
		if out, err := exec.Command(mandoc, "-T", "lint", "-W", "warning", source(t, "share/man/"+name)).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

var reference = regexp.MustCompile(`(?m)^\.Xr (\S+) ([0-9])`)

// A page of ours that another refers to exists.
func TestReferences(t *testing.T) {
	pages := all(t)
	ours := regexp.MustCompile(`^jail|^secmodel_jail$`)
	for name, text := range pages {
		for _, m := range reference.FindAllStringSubmatch(text, -1) {
			if _, ok := pages[m[1]+"."+m[2]]; !ok && ours.MatchString(m[1]) {
				t.Errorf("%s refers to %s(%s), which is not there", name, m[1], m[2])
			}
		}
	}
}
