package bench

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"jails/tests/host"
)

var (
	file     = flag.String("figures", "", "`path` to write the figures to as well, one JSON object a line")
	emulated = flag.Bool("emulated", false, "the machine is: only ratios have goals")
)

// figure is one result: what was measured, ours and its peer's, in one run.
type figure struct {
	Name  string   `json:"name"`
	Unit  string   `json:"unit"`
	Ours  float64  `json:"ours"`
	Peer  string   `json:"peer,omitempty"` // what it is compared with
	Peers float64  `json:"peers,omitempty"`
	Ratio float64  `json:"ratio,omitempty"`
	Goal  *goal    `json:"goal,omitempty"`
	Met   *bool    `json:"met,omitempty"`
	Load  *float64 `json:"load,omitempty"` // of the machine, when it was measured
}

// goal is the most, or the least, that a figure, or its ratio to its peer, may
// be.
type goal struct {
	Of    string   `json:"of"` // ratio, ours
	Most  *float64 `json:"most,omitempty"`
	Least *float64 `json:"least,omitempty"`
}

func ratioAtMost(most float64) *goal { return &goal{Of: "ratio", Most: &most} }
func oursAtMost(most float64) *goal  { return &goal{Of: "ours", Most: &most} }

func (g *goal) met(v float64) bool {
	return (g.Most == nil || v <= *g.Most) && (g.Least == nil || v >= *g.Least)
}

// describe is for the report: "10 ms", "ratio 1.5", "ratio 1 or more".
func (g *goal) describe(unit string) string {
	limit, more := g.Most, ""
	if limit == nil {
		limit, more = g.Least, " or more"
	}
	if g.Of == "ratio" {
		return fmt.Sprintf("ratio %.3g%s", *limit, more)
	}
	return quantity(*limit, unit) + more
}

var figures []figure

// absent are the peers that this machine has not, by name, and what to do.
var absent = map[string]string{}

// add takes a figure into the report.
func add(b *testing.B, f figure) {
	b.Helper()
	b.ReportMetric(0, "ns/op") // the report says more
	if f.Peers > 0 {
		f.Ratio = f.Ours / f.Peers
	}
	if *emulated && f.Goal != nil && f.Goal.Of == "ours" {
		f.Goal = nil
	}
	if f.Goal != nil {
		judged := f.Ours
		if f.Goal.Of == "ratio" {
			judged = f.Ratio
		}
		met := f.Goal.met(judged)
		f.Met = &met
	}
	f.Load = load()
	figures = append(figures, f)
}

// reporting is a run of the benchmarks with the report at its end.
type reporting struct{ *testing.M }

func (m reporting) Run() int {
	status := m.M.Run()
	if len(figures) == 0 {
		return status
	}
	if err := report(os.Stdout, *file); err != nil {
		fmt.Fprintf(os.Stderr, "the report: %v\n", err)
		return 1
	}
	return status
}

// roleVariable is in the environment of this program run again, as something
// else, and says as what.
const roleVariable = "BENCH_ROLE"

var roles = map[string]func(){}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		roles[role]()
		return
	}
	host.Main(reporting{m})
}

func report(w io.Writer, file string) error {
	var lines strings.Builder
	busy := false
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nFIGURE\tOURS\tPEER\t\tRATIO\tGOAL\tMET")
	for _, f := range figures {
		peer, ratio, wanted, met := "", "", "", ""
		if f.Peers > 0 {
			peer, ratio = quantity(f.Peers, f.Unit), fmt.Sprintf("%.2f", f.Ratio)
		}
		if f.Goal != nil {
			wanted, met = f.Goal.describe(f.Unit), "no"
			if *f.Met {
				met = "yes"
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Name, quantity(f.Ours, f.Unit), peer, f.Peer, ratio, wanted, met)
		busy = busy || f.Load != nil && *f.Load > 1.5
		line, err := json.Marshal(f)
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%s\n", line)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(absent) > 0 {
		fmt.Fprintf(w, "\nNot compared: %d of the peers.\n", len(absent))
		for _, peer := range slices.Sorted(maps.Keys(absent)) {
			fmt.Fprintf(w, "%s: %s\n", peer, absent[peer])
		}
	}
	if busy {
		fmt.Fprintln(w, "\nThe machine had other work to do (a load above 1.5): repeat on a quiet one.")
	}
	if file == "" {
		return nil
	}
	return os.WriteFile(file, []byte(lines.String()), 0o644)
}

func quantity(v float64, unit string) string {
	digits := 2
	if v >= 100 || v == float64(int(v)) {
		digits = 0
	}
	return fmt.Sprintf("%.*f %s", digits, v, unit)
}
