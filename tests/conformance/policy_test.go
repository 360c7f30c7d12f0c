package conformance

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
	"jails/tests/matrix"
)

// An attempt is something that a program does which makes the kernel ask the
// model, and what the model is asked then.
type attempt struct {
	name string
	// rules are those of the policy table that are asked, "scope name"; if
	// any of them denies, the attempt fails.
	rules []string
	do    func(target int) error
	// targets: the attempt is at a process, given by its id.
	targets bool
	// device is the node that it takes.
	device string
	// listed: the device is on the list of those that jails may open.
	listed bool
	// denied are the errors that a denial can be, next to EPERM and EACCES.
	denied []unix.Errno
	// early: an ordinary user is refused before the model is asked, so its
	// counters don't show it.
	early bool
	// quiet rules are asked too, but their denial is only counted.
	quiet []string
	// lacks is what the host's root gets from a kernel that lacks what is
	// asked for.
	lacks unix.Errno
	// nobody may do it on this system, the host's root neither.
	nobody bool
	// spoils: the actor can't be used afterwards.
	spoils bool
	// disposable: where wrongly allowed it would end the machine, so it is
	// tried where that does not matter only, and never on the host.
	disposable bool
}

// table is the kernel's policy by "scope name".
func table(t testing.TB) map[string]secmodel.Rule {
	t.Helper()
	rules, err := model.Policy()
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]secmodel.Rule{}
	for _, r := range rules {
		key := r.Scope + " " + r.Name
		if old, twice := m[key]; twice {
			t.Errorf("two rules are named %q: %+v and %+v", key, old, r)
		}
		m[key] = r
	}
	return m
}

// words are all the kernel has.
func words(t testing.TB) []string {
	t.Helper()
	all, err := model.Words()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, w := range all {
		names = append(names, w.Name)
	}
	return names
}

// TestEveryRuleIsAsked wants each rule of the kernel's table to have an
// attempt, or a reason why it can't be asked here, and each attempt's rules to
// be in the table.
func TestEveryRuleIsAsked(t *testing.T) {
	need(t)
	rules := table(t)
	asked := map[string]bool{}
	for _, a := range attempts {
		for _, r := range slices.Concat(a.rules, a.quiet) {
			_, known := rules[r]
			check(t, known, "attempt %q asks %q, which the kernel's table has not", a.name, r)
			asked[r] = true
		}
	}
	for _, r := range elsewhere {
		_, known := rules[r]
		check(t, known, "%q is tested elsewhere, but the kernel's table has it not", r)
		asked[r] = true
	}
	for r, why := range unaskable {
		_, known := rules[r]
		check(t, known, "%q is said to be not askable, but the kernel's table has it not", r)
		check(t, !asked[r], "%q has an attempt, and is said to be not askable: %s", r, why)
		check(t, why != "", "%q is said to be not askable, without a reason", r)
	}
	var missing []string
	for r := range rules {
		if !asked[r] && unaskable[r] == "" {
			missing = append(missing, r)
		}
	}
	slices.Sort(missing)
	check(t, len(missing) == 0, "rules with neither attempt nor reason:\n\t%s", strings.Join(missing, "\n\t"))
	t.Logf("%d rules: %d asked, %d can't be", len(rules), len(asked), len(unaskable))
}

// TestTable wants the kernel's own table to be what tests/matrix has thought
// out, line by line: no more, no less, no weaker.
func TestTable(t *testing.T) {
	need(t)
	rules, err := model.Policy()
	if err != nil {
		t.Fatal(err)
	}
	wrong := matrix.Compare(rules)
	for range len(rules) - len(wrong) {
		check(t, true, "")
	}
	for _, w := range wrong {
		check(t, false, "%s", w)
	}
}

// TestWords wants each word to lift something and to be of use.
func TestWords(t *testing.T) {
	need(t)
	uses := map[string]int{}
	for _, r := range table(t) {
		uses[r.Word]++
	}
	delete(uses, "")
	names := words(t)
	for _, w := range names {
		check(t, uses[w] > 0, "the word %q is of no rule", w)
	}
	for w := range uses {
		check(t, slices.Contains(names, w), "a rule has the word %q, which is not listed", w)
	}
}

// levels by name.
var levels = map[string]secmodel.Level{"low": secmodel.Low, "medium": secmodel.Medium, "high": secmodel.High}

// longVariable asks for all that there is time for.
const longVariable = "JAILS_LONG"

// configs are those that each attempt is tried with: every level plain, with
// all words allowed, with all words denied, and, at length, each word alone.
func configs(t testing.TB) map[string]secmodel.Config {
	t.Helper()
	all := words(t)
	out := map[string]secmodel.Config{}
	for name, level := range levels {
		out[name] = secmodel.Config{Level: level}
		out[name+", all allowed"] = secmodel.Config{Level: level, Allow: all}
		out[name+", all denied"] = secmodel.Config{Level: level, Deny: all}
		out[name+", observed"] = secmodel.Config{Level: level, Observe: true}
	}
	out["low, all denied, observed"] = secmodel.Config{Level: secmodel.Low, Deny: all, Observe: true}
	if os.Getenv(longVariable) == "" {
		return out
	}
	for _, w := range all {
		out["high, allow "+w] = secmodel.Config{Level: secmodel.High, Allow: []string{w}}
		out["low, deny "+w] = secmodel.Config{Level: secmodel.Low, Deny: []string{w}}
	}
	return out
}

// testScope runs the attempts of a scope.
func testScope(t *testing.T, scope string) {
	need(t)
	th := newTheatre(t)
	if _, ok := uids["user"]; !ok {
		t.Run("users", func(t *testing.T) { needUser(t) })
	}
	impossible := map[string][]string{} // by reason
	for i := range attempts {
		a := &attempts[i]
		if !strings.HasPrefix(a.rules[0], scope+" ") {
			continue
		}
		if why := th.impossible(t, a); why != "" {
			impossible[why] = append(impossible[why], a.name)
		}
	}
	for why, names := range impossible {
		t.Run("impossible", func(t *testing.T) { skip(t, strings.Join(names, ", ")+": "+why) })
	}
	t.Run("bystanders", func(t *testing.T) { th.bystanders(t, scope) })
	all := configs(t)
	for _, label := range slices.Sorted(maps.Keys(all)) {
		t.Run(label, func(t *testing.T) {
			th.run(t, scope, label, all[label])
		})
	}
}
