package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
	"jails/tests/matrix"
)

// A theatre is the jails, actors and targets of one run through the attempts.
type theatre struct {
	t       testing.TB // whose end ends it
	root    string     // where the host's actors are: like the jails'
	jail    *jail
	other   *jail
	dead    *jail
	rules   map[string]secmodel.Rule
	cast    map[who]*actor           // those who try
	targets map[*jail]map[string]int // process ids, by jail, nil for the host, and user
	usual   map[string]answer        // by attempt and uid
}

// uids of those who try, by name.
var uids = map[string]int{"root": 0, "user": user}

// needUser skips a test of ordinary users where there is none but root.
func needUser(t testing.TB) {
	t.Helper()
	if _, ok := uids["user"]; !ok {
		skip(t, oneUser)
	}
}

// oneUser is why there is none.
var oneUser string

func newTheatre(t testing.TB) *theatre {
	t.Helper()
	th := &theatre{
		t: t, root: newRoot(t),
		rules: table(t), cast: map[who]*actor{}, targets: map[*jail]map[string]int{nil: {}}, usual: map[string]answer{},
		jail: newJail(t, secmodel.Config{}), other: newJail(t, secmodel.Config{}), dead: newJail(t, secmodel.Config{}),
	}
	for name, uid := range uids {
		for _, j := range []*jail{th.jail, th.other, th.dead} {
			if th.targets[j] == nil {
				th.targets[j] = map[string]int{}
			}
			th.targets[j][name] = j.actor(t, uid).pid
		}
		th.targets[nil][name] = start(t, part{UID: uid, Observe: true, Root: th.root}).pid
		// Nobody enters it later.
		th.actor(t, who{name: name, in: matrix.Dying})
	}
	// Killed with a signal that ends nobody, a jail goes on dying.
	if err := model.Kill(th.dead.id, int(unix.SIGURG)); err != nil {
		t.Fatal(err)
	}
	return th
}

// who is one of those that try.
type who struct {
	name string // root, user
	// in is where: None for the host, Own for the jail that is changed.
	in matrix.Relation
	// free: on the host, and in its own root, not one like the jails'.
	free bool
	// unasked: on the host, where the model is not asked about it at all.
	unasked bool
}

func (w who) String() string {
	switch w.in {
	case matrix.None:
		return "host " + w.name
	case matrix.Own:
		return "jailed " + w.name
	}
	return string(w.in) + "'s " + w.name
}

// jailOf is the jail of one who tries, nil for the host.
func (th *theatre) jailOf(w who) *jail {
	switch w.in {
	case matrix.Own:
		return th.jail
	case matrix.Other:
		return th.other
	case matrix.Dying:
		return th.dead
	}
	return nil
}

// target is the process of a relation to one who tries; for one on the host
// the own jail is the one that is changed.
func (th *theatre) target(w who, rel matrix.Relation) int {
	j := th.jail
	switch {
	case rel == matrix.Hosts:
		j = nil
	case rel == matrix.Dying:
		j = th.dead
	case rel == matrix.Own && w.in != matrix.None:
		j = th.jailOf(w)
	case rel == matrix.Other && w.in != matrix.Other:
		j = th.other
	}
	return th.targets[j][w.name]
}

// actor returns the one who tries, started if need be.
func (th *theatre) actor(t testing.TB, w who) *actor {
	t.Helper()
	if a := th.cast[w]; a != nil {
		return a
	}
	p := part{UID: uids[w.name]}
	if j := th.jailOf(w); j != nil {
		p.Jail = j.id
	} else {
		p.Observe = !w.unasked
		if !w.free {
			p.Root = th.root
		}
	}
	a, got, err := launch(p)
	if a == nil {
		t.Fatalf("actor %+v: %s %v", p, got.Error, err)
	}
	th.t.Cleanup(a.end)
	th.cast[w] = a
	return a
}

// spoiled ends one who tries; the next attempt gets a new one.
func (th *theatre) spoiled(w who) {
	th.cast[w].end()
	delete(th.cast, w)
}

// relations are those in which the attempt can be tried.
func (a *attempt) relations() []matrix.Relation {
	if a.targets {
		return []matrix.Relation{matrix.Own, matrix.Other, matrix.Hosts, matrix.Dying}
	}
	return []matrix.Relation{matrix.None}
}

// try asks one actor for one attempt.
func (th *theatre) try(t testing.TB, a *attempt, w who, rel matrix.Relation) answer {
	t.Helper()
	args := []string{a.name}
	if a.targets {
		args = append(args, strconv.Itoa(th.target(w, rel)))
	}
	got := th.actor(t, w).do(t, "attempt", args...)
	if a.spoils {
		th.spoiled(w)
	}
	return got
}

// impossible says why the attempt can't be tried here, with the remedy.
func (th *theatre) impossible(t testing.TB, a *attempt) string {
	if a.lacks != 0 && th.baseline(t, a, "root").errno() == a.lacks {
		return "this kernel lacks what it is about; boot one with more options"
	}
	if filtered() && th.baseline(t, a, "root").errno() == unix.EPERM {
		return "a filter of this container's may refuse it before the model is asked; run outside, or without seccomp profile"
	}
	return a.impossible()
}

// host is the one on the host who makes an attempt: at a process outside of
// the own root nobody may do much.
func (a *attempt) host(name string) who { return who{name: name, free: a.targets} }

// baseline is what the attempt gives when no jail is concerned: on the host,
// at a process of the host. Root must get what it gets without the model.
func (th *theatre) baseline(t testing.TB, a *attempt, name string) answer {
	t.Helper()
	key := a.name + "/" + name
	if got, ok := th.usual[key]; ok {
		return got
	}
	rel := matrix.None
	if a.targets {
		rel = matrix.Hosts
	}
	w := a.host(name)
	got := th.try(t, a, w, rel)
	th.usual[key] = got
	switch {
	case name != "root":
		// NetBSD's own rules keep users from things that others' do not.
	case modelIsApart:
		w.unasked = true
		want := th.try(t, a, w, rel)
		check(t, got.String() == want.String(), "%s: %s: without the model %q, with it %q (%s)", w, a.name, want, got, got.Error)
	case !a.nobody:
		check(t, got.errno() != unix.EPERM && got.errno() != unix.EACCES, "%s: %s: refused: %q", w, a.name, got.Error)
	}
	return got
}

// run tries every attempt as root and as a user, in the jail and on the host,
// with one configuration of the jail, and compares with what the kernel's
// table says.
func (th *theatre) run(t *testing.T, scope, label string, config secmodel.Config) {
	t.Helper()
	th.jail.change(t, config)
	for i := range attempts {
		a := &attempts[i]
		if scope != "" && !strings.HasPrefix(a.rules[0], scope+" ") || th.impossible(t, a) != "" {
			continue
		}
		for name := range uids {
			for _, rel := range a.relations() {
				th.judge(t, label, a, who{name, matrix.Own, false, false}, matrix.Situation{Config: config, Relation: rel, Listed: a.listed})
			}
			if !a.disposable {
				th.judgeHost(t, label, a, name)
			}
		}
	}
}

// bystanders have those try who are in another jail, at the other end of what
// there is, and in a dying one: what the one jail is told is no matter to
// them.
func (th *theatre) bystanders(t *testing.T, scope string) {
	t.Helper()
	most := secmodel.Config{Level: secmodel.Low, Allow: words(t)}
	least := secmodel.Config{Level: secmodel.High, Deny: words(t)}
	for _, c := range []struct{ here, there secmodel.Config }{{most, least}, {least, most}} {
		th.jail.change(t, c.here)
		th.other.change(t, c.there)
		for i := range attempts {
			a := &attempts[i]
			if !strings.HasPrefix(a.rules[0], scope+" ") || th.impossible(t, a) != "" {
				continue
			}
			for name := range uids {
				for _, rel := range a.relations() {
					s := matrix.Situation{Config: c.there, Relation: rel, Listed: a.listed}
					th.judge(t, "beside", a, who{name, matrix.Other, false, false}, s)
					if s.Dying = true; !a.spoils {
						th.judge(t, "dying", a, who{name, matrix.Dying, false, false}, s)
					}
				}
			}
		}
	}
}

// decides is the rule that refuses an attempt, of those that are asked, and
// its place among them.
func (th *theatre) decides(a *attempt, s matrix.Situation) (r secmodel.Rule, place int, denied bool) {
	for i, name := range a.rules {
		if r, ok := th.rules[name]; ok && s.Denies(r) && !s.Observed(r) {
			return r, i, true
		}
	}
	return secmodel.Rule{}, 0, false
}

// passes are the rules that would refuse an attempt, were the jail not
// observed, of the first n.
func (th *theatre) passes(a *attempt, s matrix.Situation, n int) (passed []secmodel.Rule) {
	for _, name := range a.rules[:n] {
		if r, ok := th.rules[name]; ok && s.Denies(r) && s.Observed(r) {
			passed = append(passed, r)
		}
	}
	return passed
}

// judgeObserved wants what passes to be counted apart, and an event of it;
// others may pass, too. usual is what the attempt gives without a jail.
func (th *theatre) judgeObserved(t *testing.T, what string, a *attempt, w who, passes []secmodel.Rule, usual answer, observed map[string]uint64, others ...secmodel.Rule) {
	t.Helper()
	for _, r := range passes {
		if observed[r.Scope] == 0 && matrix.Counts(r) && usual.Error == "" && !(a.early && w.name != "root") {
			check(t, false, "%s: %s passes, and is not observed: %v", what, r.Name, observed)
		}
	}
	if len(observed) == 0 {
		return
	}
	all, err := model.Events(th.jailOf(w).id, 0)
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(e secmodel.Event) bool { return !e.Observed })
	if !check(t, len(all) > 0, "%s: %v observed, and there is no event", what, observed) {
		return
	}
	e := all[len(all)-1]
	known := slices.ContainsFunc(append(passes, others...), func(r secmodel.Rule) bool { return r.Scope == e.Scope && r.Name == e.Name() }) ||
		slices.Contains(a.quiet, e.Scope+" "+e.Name())
	check(t, known && e.Jail == th.jailOf(w).id && e.Repeats > 0 && e.Command != "", "%s: the event is %+v, of %q", what, e, e.Name())
}

// judge has one in the jail try once, and compares.
func (th *theatre) judge(t *testing.T, label string, a *attempt, w who, s matrix.Situation) {
	t.Helper()
	r, place, denied := th.decides(a, s)
	if !denied && a.disposable {
		t.Errorf("%s: %s: the table would allow %s", label, w, a.name)
		return
	}
	var usual answer
	if !denied {
		usual = th.baseline(t, a, w.name)
	}
	th.actor(t, w) // counts nothing of its start
	before := th.jailOf(w).record(t)
	got := th.try(t, a, w, s.Relation)
	after := th.jailOf(w).record(t)
	grown, observed := growth(before.Denials, after.Denials), growth(before.Observed, after.Observed)
	what := fmt.Sprintf("%s: %s: %s", label, w, a.name)
	if s.Relation != matrix.None {
		what += " at the " + string(s.Relation)
	}
	if s.Dying {
		// Whatever is asked first denies.
		asked := len(grown) > 0 || a.early && w.name != "root"
		check(t, got.Error != "" && asked && len(observed) == 0, "%s: the jail is dying, but this got %q, denials %v, observed %v", what, got, grown, observed)
		tally.rule(w, true, a.rules[0])
		return
	}
	if !denied {
		th.judgeObserved(t, what, a, w, th.passes(a, s, len(a.rules)), usual, observed)
		for _, name := range a.quiet {
			if r, ok := th.rules[name]; ok && s.Denies(r) && grown[r.Scope] > 0 {
				delete(grown, r.Scope)
			}
		}
		check(t, got.String() == usual.String() && len(grown) == 0,
			"%s: the table defers, and the host's %s gets %q, but this got %q (%s), denials %v", what, w.name, usual, got, got.Error, grown)
		tally.rule(w, false, a.rules...)
		return
	}
	// What was asked before it may have passed, or not even been asked.
	th.judgeObserved(t, what, a, w, nil, answer{}, observed, th.passes(a, s, place)...)
	refused := got.errno() == unix.EPERM || got.errno() == unix.EACCES || slices.Contains(a.denied, got.errno())
	scope := r.Scope
	if strings.HasPrefix(r.Name, "bind.") && r.Verdict[0] == secmodel.Port {
		scope = "port"
	}
	counted := grown[scope] > 0 || a.early && w.name != "root"
	if !counted && place > 0 && th.baseline(t, a, w.name).Error != "" {
		// An earlier question has another answer already.
		counted = true
	}
	if !matrix.Counts(r) {
		counted = len(grown) == 0
	}
	check(t, refused && counted, "%s: the table denies, but this got %q (%s), denials %v", what, got, got.Error, grown)
	tally.rule(w, true, r.Scope+" "+r.Name)
}

// judgeHost has one on the host try: root gets at jails' processes what it
// gets at the host's; a user, whose number may be anybody's in a jail,
// nothing that a jail is kept from across its border; and none of it counts.
func (th *theatre) judgeHost(t *testing.T, label string, a *attempt, name string) {
	t.Helper()
	usual := th.baseline(t, a, name)
	if !a.targets {
		if name == "root" {
			tally.rule(who{name: name}, false, a.rules...)
		}
		return
	}
	w := a.host(name)
	r, _, denied := th.decides(a, matrix.Situation{Host: true, Root: name == "root", Relation: matrix.Other})
	for rel, j := range map[matrix.Relation]*jail{matrix.Own: th.jail, matrix.Dying: th.dead} {
		before := j.record(t).Denials
		got := th.try(t, a, w, rel)
		grown := growth(before, j.record(t).Denials)
		what := fmt.Sprintf("%s: %s: %s in a jail (%s)", label, w, a.name, rel)
		check(t, len(grown) == 0, "%s counts %v", what, grown)
		if denied {
			refused := got.errno() == unix.EPERM || got.errno() == unix.EACCES || slices.Contains(a.denied, got.errno())
			check(t, refused, "%s: the host's users have nothing to do with it, but this got %q (%s)", what, got, got.Error)
			tally.rule(w, true, r.Scope+" "+r.Name)
		} else {
			check(t, got.String() == usual.String(), "%s: at the host's own %q, but this got %q (%s)", what, usual, got, got.Error)
			tally.rule(w, false, a.rules...)
		}
	}
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
