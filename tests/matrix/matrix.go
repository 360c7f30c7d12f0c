// Package matrix says what the policy of jails has to be, written apart from
// the kernel's table: for each action and request of kauth(9) an answer and
// why. And it says what follows from a table for who asks about what, so that
// a kernel's answers can be judged without a line of its own code.
package matrix

import (
	"fmt"
	"slices"

	"jails/src/secmodel"
)

// A Row is what one request of an action must be answered, at each level.
type Row struct {
	Name    string // as the kernel's table names it
	Action  string // KAUTH_SCOPE_…
	Request string // KAUTH_REQ_…; "": all others; "=…": a case that the model tells apart itself
	Answer  Answer
	Word    string // that allows and denies it, or ""
	Why     string
}

// An Answer is a verdict for each level.
type Answer = [3]secmodel.Verdict

// The answers, by how much is denied: to nobody, to all; at medium and high;
// at high; what is not of the own jail, and also the rest as before; by a list
// of devices; by the owner of the port.
var (
	D  = Answer{secmodel.Defer, secmodel.Defer, secmodel.Defer}
	X  = Answer{secmodel.Deny, secmodel.Deny, secmodel.Deny}
	M  = Answer{secmodel.Defer, secmodel.Deny, secmodel.Deny}
	H  = Answer{secmodel.Defer, secmodel.Defer, secmodel.Deny}
	T  = Answer{secmodel.Own, secmodel.Own, secmodel.Own}
	TM = Answer{secmodel.Own, secmodel.Deny, secmodel.Deny}
	TH = Answer{secmodel.Own, secmodel.Own, secmodel.Deny}
	L  = Answer{secmodel.Listed, secmodel.Listed, secmodel.Listed}
	P  = Answer{secmodel.Port, secmodel.Port, secmodel.Port}
	PH = Answer{secmodel.Port, secmodel.Port, secmodel.Deny}
)

const unknown = "no kernel makes such a request yet: closed until someone has thought about it"

// Scopes are all rows, by scope.
var Scopes = map[string][]Row{
	"generic": generic, "system": system, "process": process, "network": network,
	"machdep": machdep, "device": device, "vnode": vnode,
}

// Compare says where a kernel's table differs from the rows.
func Compare(rules []secmodel.Rule) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	have := map[string]secmodel.Rule{}
	for _, r := range rules {
		key := r.Scope + " " + r.Name
		if _, twice := have[key]; twice {
			say("two rules are named %q", key)
		}
		have[key] = r
	}
	for scope, rows := range Scopes {
		for _, row := range rows {
			key := scope + " " + row.Name
			r, ok := have[key]
			delete(have, key)
			switch {
			case !ok:
				say("the kernel's table lacks %q", key)
			case r.Verdict != row.Answer || r.Word != row.Word:
				say("%q must be %v, word %q (%s), but the kernel's table says %v, word %q", key, row.Answer, row.Word, row.Why, r.Verdict, r.Word)
			}
		}
	}
	for key := range have {
		say("the kernel's table has %q, which nobody has thought about", key)
	}
	slices.Sort(wrong)
	return wrong
}
