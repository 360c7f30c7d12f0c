package pages

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jails/src/command"
)

var recorded = regexp.MustCompile(`(?m)^\.It Nm (\S+)\n\.Cm (.*)$`)

// The page says which verbs are recorded, and they are those that the table of
// the command marks.
func TestRecorded(t *testing.T) {
	page := all(t)["jailmgr.8"]
	_, section, ok := strings.Cut(page, "\n.Sh AUDIT TRAIL\n")
	if !ok {
		t.Fatal("no such section")
	}
	section, _, _ = strings.Cut(section, "\n.Sh ")
	said, want := map[string][]string{}, map[string][]string{}
	for _, m := range recorded.FindAllStringSubmatch(section, -1) {
		said[m[1]] = strings.Split(m[2], " , ")
	}
	for _, name := range []string{"jailctl", "jailmgr"} {
		for _, v := range apps[name]().Commands {
			if command.IsAct(v) {
				want[name] = append(want[name], v.Name)
			}
		}
		slices.Sort(want[name])
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("jailmgr.8 (+) is not what is marked (-):\n%s", diff)
	}
}
