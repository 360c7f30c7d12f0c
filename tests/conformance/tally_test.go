package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// tally counts cases, and what was asked of which rule.
var tally counts

type counts struct {
	mu          sync.Mutex
	run, passed int
	skipped     int
	rules       map[string]map[string]*verdicts // by rule, and by who tried
}

// verdicts are how often a rule refused, and let pass.
type verdicts struct{ denied, deferred int }

// count says how a case went.
func (c *counts) count(passed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.run++
	if passed {
		c.passed++
	}
}

// skip skips a test, for a reason that names the remedy.
func skip(t testing.TB, why string) {
	t.Helper()
	tally.mu.Lock()
	tally.skipped++
	tally.mu.Unlock()
	t.Skip(why)
}

// rule says that someone has tried what some rules are about.
func (c *counts) rule(w who, denied bool, names ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rules == nil {
		c.rules = map[string]map[string]*verdicts{}
	}
	for _, name := range names {
		if c.rules[name] == nil {
			c.rules[name] = map[string]*verdicts{}
		}
		v := c.rules[name][w.String()]
		if v == nil {
			v = new(verdicts)
			c.rules[name][w.String()] = v
		}
		if denied {
			v.denied++
		} else {
			v.deferred++
		}
	}
}

// print says how all went; at length, a line for each rule of the table, so
// that two kernels can be compared by diff(1).
func (c *counts) print() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if testing.Verbose() {
		lines := map[string]string{}
		for _, r := range elsewhere {
			lines[r] = "has tests of its own"
		}
		for r, why := range unaskable {
			lines[r] = "not asked: " + why
		}
		for r, by := range c.rules {
			var all []string
			for _, w := range slices.Sorted(maps.Keys(by)) {
				all = append(all, fmt.Sprintf("%s %d denied %d passed", w, by[w].denied, by[w].deferred))
			}
			lines[r] = strings.Join(all, ", ")
		}
		for _, r := range slices.Sorted(maps.Keys(lines)) {
			fmt.Printf("rule %s: %s\n", r, lines[r])
		}
	}
	fmt.Printf("conformance: %d cases, %d passed, %d failed, %d tests skipped; %d rules tried, %d with tests of their own, %d that can't be asked\n",
		c.run, c.passed, c.run-c.passed, c.skipped, len(c.rules), len(elsewhere), len(unaskable))
}

// check is one case of a test: it counts it, and fails the test if got is
// false.
func check(t testing.TB, got bool, format string, args ...any) bool {
	t.Helper()
	tally.count(got)
	if !got {
		t.Errorf(format, args...)
	}
	return got
}
