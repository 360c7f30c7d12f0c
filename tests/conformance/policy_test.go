package conformance

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
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

// A theatre is the jails, actors and targets of one run through the attempts.
type theatre struct {
	t       testing.TB // whose end ends it
	root    string     // where the host's actors are: like the jails'
	jail    *jail
	other   *jail
	dead    *jail
	rules   map[string]secmodel.Rule
	cast    map[string]*actor // those who try
	targets map[string]int    // process ids, by relation and uid
	usual   map[string]answer // by attempt, uid and relation
}

// uids of those who try, by name.
var uids = map[string]int{"root": 0, "user": user}

// needUser skips a test of ordinary users where there is none but root.
func needUser(t testing.TB) {
	t.Helper()
	if _, ok := uids["user"]; !ok {
		tally.skip(t.Name()+", as a user", oneUser)
		t.Skip(oneUser)
	}
}

const oneUser = "this user namespace has root only; run as root"

func newTheatre(t testing.TB) *theatre {
	t.Helper()
	th := &theatre{
		t: t, root: newRoot(t),
		rules: table(t), cast: map[string]*actor{}, targets: map[string]int{}, usual: map[string]answer{},
		jail: newJail(t, secmodel.Config{}), other: newJail(t, secmodel.Config{}), dead: newJail(t, secmodel.Config{}),
	}
	for name, uid := range uids {
		th.targets[string(own)+name] = th.jail.actor(t, uid).pid
		th.targets[string(other)+name] = th.other.actor(t, uid).pid
		th.targets[string(dying)+name] = th.dead.actor(t, uid).pid
		th.targets[string(hosts)+name] = start(t, part{UID: uid, Observe: true, Root: th.root}).pid
	}
	// Killed with a signal that ends nobody, a jail goes on dying.
	if err := model.Kill(th.dead.id, int(unix.SIGURG)); err != nil {
		t.Fatal(err)
	}
	return th
}

// who are the four that try.
type who struct {
	name   string // root, user
	jailed bool
}

func (w who) String() string {
	if w.jailed {
		return "jailed " + w.name
	}
	return "host " + w.name
}

// actor returns the one who tries, started if need be.
func (th *theatre) actor(t testing.TB, w who) *actor {
	t.Helper()
	if a := th.cast[w.String()]; a != nil {
		return a
	}
	p := part{UID: uids[w.name]}
	if w.jailed {
		p.Jail = th.jail.id
	} else {
		p.Observe, p.Root = true, th.root
	}
	a, got, err := launch(p)
	if a == nil {
		t.Fatalf("actor %+v: %s %v", p, got.Error, err)
	}
	th.t.Cleanup(a.end)
	th.cast[w.String()] = a
	return a
}

// spoiled ends one who tries; the next attempt gets a new one.
func (th *theatre) spoiled(w who) {
	th.cast[w.String()].end()
	delete(th.cast, w.String())
}

// relations are those in which the attempt can be tried.
func (a *attempt) relations() []relation {
	if a.targets {
		return []relation{own, other, hosts, dying}
	}
	return []relation{none}
}

// try asks one actor for one attempt.
func (th *theatre) try(t testing.TB, a *attempt, w who, rel relation) answer {
	t.Helper()
	args := []string{a.name}
	if a.targets {
		args = append(args, strconv.Itoa(th.targets[string(rel)+w.name]))
	}
	got := th.actor(t, w).do(t, "attempt", args...)
	if a.spoils {
		th.spoiled(w)
	}
	return got
}

// baseline is what the attempt gives when no jail is concerned: on the host,
// at a process of the host.
func (th *theatre) baseline(t testing.TB, a *attempt, name string) answer {
	t.Helper()
	key := a.name + "/" + name
	if got, ok := th.usual[key]; ok {
		return got
	}
	rel := none
	if a.targets {
		rel = hosts
	}
	got := th.try(t, a, who{name: name}, rel)
	th.usual[key] = got
	return got
}

// run tries every attempt as root and as a user in the jail, with one
// configuration, and compares with what the kernel's table says.
func (th *theatre) run(t *testing.T, scope, label string, config secmodel.Config) {
	t.Helper()
	th.jail.change(t, config)
	for i := range attempts {
		a := &attempts[i]
		if scope != "" && !strings.HasPrefix(a.rules[0], scope+" ") {
			continue
		}
		if why := a.impossible(); why != "" {
			tally.skip("attempt "+a.name, why)
			continue
		}
		for _, rel := range a.relations() {
			for name := range uids {
				th.judge(t, label, a, who{name, true}, situation{config: config, rel: rel, listed: a.listed})
			}
		}
	}
}

// judge tries once and compares.
func (th *theatre) judge(t *testing.T, label string, a *attempt, w who, s situation) {
	t.Helper()
	scope, uncounted, later := "", false, false
	for i, name := range a.rules {
		if r, ok := th.rules[name]; ok && denies(r, s) {
			if scope = r.Scope; strings.HasPrefix(r.Name, "bind.") && r.Verdict[0] == secmodel.Port {
				scope = "port"
			}
			uncounted, later = strings.Contains(r.Name, "cansee."), i > 0
			break
		}
	}
	var usual answer
	if scope == "" {
		if a.disposable {
			t.Errorf("%s: %s: the table would allow %s", label, w, a.name)
			return
		}
		usual = th.baseline(t, a, w.name)
	}
	th.actor(t, w) // counts nothing of its start
	before := th.jail.record(t).Denials
	got := th.try(t, a, w, s.rel)
	after := th.jail.record(t).Denials
	grown := growth(before, after)
	what := fmt.Sprintf("%s: %s: %s", label, w, a.name)
	if s.rel != none {
		what += " at the " + string(s.rel)
	}
	if scope == "" {
		for _, name := range a.quiet {
			if r, ok := th.rules[name]; ok && denies(r, s) && grown[r.Scope] > 0 {
				delete(grown, r.Scope)
			}
		}
		check(t, got.String() == usual.String() && len(grown) == 0,
			"%s: the table defers, and the host's %s gets %q, but this got %q (%s), denials %v", what, w.name, usual, got, got.Error, grown)
		return
	}
	if s.dying {
		// Whatever is asked first denies.
		check(t, got.Error != "" && len(grown) > 0, "%s: the jail is dying, but this got %q, denials %v", what, got, grown)
		return
	}
	refused := got.errno() == unix.EPERM || got.errno() == unix.EACCES || slices.Contains(a.denied, got.errno())
	counted := grown[scope] > 0 || a.early && w.name != "root"
	if !counted && later && th.baseline(t, a, w.name).Error != "" {
		// An earlier question has another answer already.
		counted = true
	}
	if uncounted {
		// What is only not shown is not counted: to look is no attack.
		counted = len(grown) == 0
	}
	check(t, refused && counted, "%s: the table denies, but this got %q (%s), denials %v", what, got, got.Error, grown)
}

// growth is what has grown from one to the other.
func growth(before, after map[string]uint64) map[string]uint64 {
	out := map[string]uint64{}
	for scope, n := range after {
		if n != before[scope] {
			out[scope] = n - before[scope]
		}
	}
	return out
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
	}
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
	all := configs(t)
	for _, label := range slices.Sorted(maps.Keys(all)) {
		t.Run(label, func(t *testing.T) {
			th.run(t, scope, label, all[label])
		})
	}
}
