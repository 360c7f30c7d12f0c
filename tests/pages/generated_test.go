package pages

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jails/src/metrics"
	"jails/src/secmodel"
	"jails/src/service"
	"jails/tests/host"
)

var update = flag.Bool("update", false, "write the generated parts of the pages")

// generated compares what stands between the marks of that name in a page with
// what should, or, with -update, puts it there.
func generated(t *testing.T, page, name, want string) {
	t.Helper()
	begin := `.\" BEGIN ` + name + ", written by: go test ./tests/pages -update\n"
	end := `.\" END ` + name + "\n"
	path := "share/man/" + page
	text := read(t, path)
	head, rest, ok := strings.Cut(text, begin)
	got, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no lines\n%s%s", path, begin, end)
	}
	if *update {
		if err := os.WriteFile(source(t, path), []byte(head+begin+want+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s is out of date; run: go test ./tests/pages -update\n%s", path, diff)
	}
}

func TestMetrics(t *testing.T) {
	var b strings.Builder
	for _, f := range metrics.Families() {
		fmt.Fprintf(&b, ".It Va %s Pq %s", f.Name, f.Kind)
		for _, l := range f.Labels {
			fmt.Fprintf(&b, " , Va %s", l)
		}
		fmt.Fprintf(&b, "\n%s\n", f.Help)
	}
	generated(t, "jail-exporter.8", "METRICS", b.String())
}

// The transitions in jail-init(8) are those of the state machine.
func TestStates(t *testing.T) {
	var b strings.Builder
	b.WriteString(".It Em state Ta Em event Ta Em condition Ta Em next\n")
	for _, tr := range service.Transitions() {
		condition := tr.Condition
		if condition == "" {
			condition = "\\&"
		}
		fmt.Fprintf(&b, ".It %s Ta %s Ta %s Ta %s\n", tr.From, tr.Event, condition, tr.To)
	}
	generated(t, "jail-init.8", "STATES", b.String())
	generated(t, "jail-init.8", "DIAGRAM", diagram(service.Transitions()))
}

// diagram shows each state's ways to others, with the events that lead there.
func diagram(all []service.Transition) string {
	var order [][2]service.State
	events := map[[2]service.State][]string{}
	for _, tr := range all {
		way := [2]service.State{tr.From, tr.To}
		if tr.From == tr.To {
			continue
		}
		if events[way] == nil {
			order = append(order, way)
		}
		if name := tr.Event.String(); !slices.Contains(events[way], name) {
			events[way] = append(events[way], name)
		}
	}
	var b strings.Builder
	before := ""
	for _, way := range order {
		from := way[0].String()
		if from == before {
			from = ""
		} else {
			before = from
		}
		fmt.Fprintf(&b, "%-9s --> %-9s  %s\n", from, way[1], strings.Join(events[way], ", "))
	}
	return b.String()
}

// The policy in secmodel_jail(9) is the table that the model exports.
func TestPolicy(t *testing.T) {
	h := host.New(t)
	t.Setenv("HOSTKERN_SOCKET", filepath.Join(h.Dir, "hostkern.sock"))
	model, err := secmodel.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	rules, err := model.Policy()
	if err != nil {
		t.Fatal(err)
	}
	words, err := model.Words()
	if err != nil {
		t.Fatal(err)
	}
	generated(t, "secmodel_jail.9", "WORDS", wordList(rules, words))
	generated(t, "secmodel_jail.9", "POLICY", ruleList(t, rules))
}

// wordList is each word with the rules that it changes, and their verdicts at
// low, medium and high.
func wordList(rules []secmodel.Rule, words []secmodel.Word) string {
	var b strings.Builder
	b.WriteString(".Bl -tag -width Ds\n")
	for _, w := range words {
		fmt.Fprintf(&b, ".It Cm %s\n%s.\n.Bl -column -compact \"port\" \"port\" \"port\"\n", w.Name, roff(w.What))
		for _, r := range rules {
			if r.Word == w.Name {
				fmt.Fprintf(&b, ".It %s Ta %s Ta %s Ta %s: %s\n", r.Verdict[0], r.Verdict[1], r.Verdict[2], r.Scope, roff(r.What))
			}
		}
		b.WriteString(".El\n")
	}
	b.WriteString(".El\n")
	return b.String()
}

// ruleList is the rules without a word, those with the same answer together.
func ruleList(t *testing.T, rules []secmodel.Rule) string {
	t.Helper()
	groups := []struct {
		verdict     secmodel.Verdict
		name, about string
	}{
		{secmodel.Deny, "Refused", "These are refused at every level, and nothing allows them."},
		{secmodel.Own, "Inside the own jail", "These are for processes and sockets of the caller's own jail only."},
		{secmodel.Listed, "Some devices", "These are for a list of devices only."},
		{secmodel.Port, "By the owner of the port", "These are decided by who has reserved the port."},
		{secmodel.Defer, "As without a jail", "To these the model has nothing to say, or only what is said elsewhere in this page."},
	}
	var b strings.Builder
	left := 0
	for _, r := range rules {
		if r.Word == "" {
			left++
		}
	}
	for _, g := range groups {
		fmt.Fprintf(&b, ".Ss %s\n%s\n.Bl -tag -width \"machdep unmanagedmem\" -compact\n", g.name, g.about)
		for _, r := range rules {
			if r.Word == "" && r.Verdict == [3]secmodel.Verdict{g.verdict, g.verdict, g.verdict} {
				fmt.Fprintf(&b, ".It %s %s\n%s\n", r.Scope, r.Name, roff(r.What))
				left--
			}
		}
		b.WriteString(".El\n")
	}
	if left != 0 {
		t.Errorf("%d rules without a word differ by level; the page has no place for them", left)
	}
	return b.String()
}

// roff makes a text safe as a line of mdoc.
func roff(s string) string {
	s = strings.ReplaceAll(s, `\`, `\e`)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
