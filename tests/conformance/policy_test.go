package conformance

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
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

// relation is where an attempt's target is, seen from the one who tries.
type relation string

const (
	none  relation = ""
	own   relation = "own jail" // or, for the host, the host
	other relation = "other jail"
	hosts relation = "host"
	dying relation = "dying jail"
)

// situation is all that an answer depends on.
type situation struct {
	config secmodel.Config
	rel    relation
	listed bool
	dying  bool // the one who tries is in a dying jail
}

// denies resolves one rule: the verdict of the level, the words, and for
// verdicts that depend on the object, the object.
func denies(r secmodel.Rule, s situation) bool {
	if s.dying {
		return true
	}
	v := r.Verdict[s.config.Level]
	if r.Word != "" {
		switch {
		case slices.Contains(s.config.Deny, r.Word):
			v = secmodel.Deny
		case slices.Contains(s.config.Allow, r.Word) && v == secmodel.Deny:
			// What the word gives back is what the lowest level
			// gives, if that gives anything.
			if v = r.Verdict[secmodel.Low]; v == secmodel.Deny {
				v = secmodel.Defer
			}
		}
	}
	switch v {
	case secmodel.Defer, secmodel.Port:
		return false
	case secmodel.Own:
		return s.rel != own && s.rel != none
	case secmodel.Listed:
		return !s.listed
	}
	return true
}

// observes says whether what a rule denies passes, for the jail is observed:
// its word would allow it, or another level.
func observes(r secmodel.Rule, s situation) bool {
	if !s.config.Observe || s.dying || r.Word == "" {
		return false
	}
	s.config = secmodel.Config{Level: s.config.Level, Allow: []string{r.Word}}
	return !denies(r, s)
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

// TestFloor wants what no administrator can lift to be so in the kernel's own
// table, at every level.
func TestFloor(t *testing.T) {
	need(t)
	rules := table(t)
	for _, name := range floor {
		r, ok := rules[name]
		if !check(t, ok, "the kernel's table lacks %q, of the floor", name) {
			continue
		}
		check(t, r.Verdict == [3]secmodel.Verdict{secmodel.Deny, secmodel.Deny, secmodel.Deny} && r.Word == "",
			"%q is of the floor, but the kernel's table says %v, word %q", name, r.Verdict, r.Word)
	}
	for _, name := range apart {
		r, ok := rules[name]
		if !check(t, ok, "the kernel's table lacks %q, which keeps jails apart", name) {
			continue
		}
		for level, v := range r.Verdict {
			check(t, v == secmodel.Own || v == secmodel.Deny,
				"%q must keep jails apart, but at level %d the kernel's table says %v", name, level, v)
		}
	}
	// A level never gives what a lower one does not.
	for name, r := range rules {
		check(t, weight(r.Verdict[0]) <= weight(r.Verdict[1]) && weight(r.Verdict[1]) <= weight(r.Verdict[2]),
			"%q grows weaker as levels rise: %v", name, r.Verdict)
	}
}

func weight(v secmodel.Verdict) int {
	switch v {
	case secmodel.Defer:
		return 0
	case secmodel.Deny:
		return 2
	}
	return 1
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
	all := configs(t)
	for _, label := range slices.Sorted(maps.Keys(all)) {
		t.Run(label, func(t *testing.T) {
			th.run(t, scope, label, all[label])
		})
	}
}
