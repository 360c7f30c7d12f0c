package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A goal that is not met says so, and so does a peer that is not there.
func TestReport(t *testing.T) {
	defer func(f []figure, a map[string]string) { figures, absent = f, a }(figures, absent)
	no, least := false, 1.0
	figures = []figure{{Name: "lines", Unit: "/s", Ours: 5, Peer: "other", Peers: 10, Ratio: 0.5, Goal: &goal{Of: "ratio", Least: &least}, Met: &no}}
	absent = map[string]string{"s6": "no s6-svscan; install the package s6"}
	var table strings.Builder
	file := filepath.Join(t.TempDir(), "figures")
	if err := report(&table, file); err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(table.String()), " ")
	for _, want := range []string{"lines 5 /s 10 /s other 0.50 ratio 1 or more no", "Not compared: 1 of the peers. s6: no s6-svscan; install the package s6"} {
		if !strings.Contains(words, want) {
			t.Errorf("no %q in %s", want, &table)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), `"goal":{"of":"ratio","least":1},"met":false`) {
		t.Errorf("%s, %v", text, err)
	}
	most := 2.0
	for _, c := range []struct {
		goal goal
		v    float64
		met  bool
	}{{goal{Most: &most}, 2, true}, {goal{Most: &most}, 2.1, false}, {goal{Least: &least}, 1, true}, {goal{Least: &least}, 0.9, false}} {
		if got := c.goal.met(c.v); got != c.met {
			t.Errorf("%+v of %v: %v", c.goal, c.v, got)
		}
	}
}
