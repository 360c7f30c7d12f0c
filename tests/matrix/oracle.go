package matrix

import (
	"slices"

	"jails/src/secmodel"
)

// Relation is where what an action is about is, seen from who asks.
type Relation string

const (
	None  Relation = ""
	Own   Relation = "own jail" // or, for the host, the host
	Other Relation = "other jail"
	Hosts Relation = "host"
	Dying Relation = "dying jail"
)

// Situation is all that an answer depends on, next to the rule.
type Situation struct {
	Host   bool            // who asks is on the host
	Root   bool            // and root; in a jail that is no matter
	Dying  bool            // who asks is in a dying jail
	Config secmodel.Config // of the jail of who asks

	Relation Relation // of the process or socket that it is about
	Self     bool     // it is the process that asks
	Init     bool     // it is the jail's init
	Listed   bool     // it is a device of the list
}

// Verdict is what a rule says for a configuration: as the level has it,
// nothing if the word is denied, and what the lowest level gives, or all, if
// it is allowed.
func Verdict(r secmodel.Rule, c secmodel.Config) secmodel.Verdict {
	switch {
	case r.Word != "" && slices.Contains(c.Deny, r.Word):
		return secmodel.Deny
	case r.Word == "" || !slices.Contains(c.Allow, r.Word):
		return r.Verdict[c.Level]
	case r.Verdict[secmodel.Low] == secmodel.Own:
		return secmodel.Own
	}
	return secmodel.Defer
}

// freest is the configuration that lets a rule pass if any does.
func freest(r secmodel.Rule) secmodel.Config {
	c := secmodel.Config{Level: secmodel.Low}
	if r.Word != "" {
		c.Allow = []string{r.Word}
	}
	return c
}

// Denies says whether the model must deny what a rule is about. Ports have
// rules of their own: see Bind.
func (s Situation) Denies(r secmodel.Rule) bool {
	switch {
	case s.Host:
		// Nobody but root has to do with what is in a jail.
		jailed := s.Relation == Other || s.Relation == Dying
		return jailed && !s.Root && r.Verdict[secmodel.Low] != secmodel.Defer
	case s.Dying:
		return true
	}
	switch Verdict(r, s.Config) {
	case secmodel.Defer, secmodel.Port:
		return false
	case secmodel.Own:
		if s.Relation != Own && s.Relation != None {
			return true
		}
		return s.Init && !s.Self && r.Scope == "process" && slices.Contains(guarded, r.Name)
	case secmodel.Listed:
		return !s.Listed
	}
	return true
}

// Observed says whether what a rule denies passes nevertheless, for the jail
// is observed and another configuration would let it.
func (s Situation) Observed(r secmodel.Rule) bool {
	if !s.Config.Observe || s.Host || s.Dying {
		return false
	}
	s.Config = freest(r)
	return !s.Denies(r)
}

// Counts says whether a denial by a rule is counted, and an event.
func Counts(r secmodel.Rule) bool {
	return !slices.Contains(uncounted, r.Scope+" "+r.Name)
}

// Berth is a port that someone wants to bind.
type Berth struct {
	Auto  bool     // the kernel shall choose one
	Low   bool     // it is below 1024
	Owner Relation // who has reserved it: None, Own or Other
}

// Bind says by which rule of the network scope a port is refused, if it is,
// where that is counted, and whether observation lets it pass.
func (s Situation) Bind(rules map[string]secmodel.Rule, b Berth) (rule, scope string, observed bool) {
	floor := b.Owner == Other // another's port is, to everybody
	switch {
	case s.Dying:
		return "any", "network", false
	case floor:
		rule, scope = "bind.port", "port"
	case s.Host || b.Owner == Own:
		return "", "", false
	case b.Auto:
		v := Verdict(rules["network bind.auto"], s.Config)
		if v == secmodel.Deny || v == secmodel.Port && s.Config.Strict {
			rule, scope = "bind.auto", "port"
		}
	case s.Config.Strict:
		rule, scope = "bind.port", "port"
	case b.Low && Verdict(rules["network bind.privport"], s.Config) == secmodel.Deny:
		rule, scope = "bind.privport", "network"
	}
	return rule, scope, rule != "" && !floor && s.Config.Observe && !s.Host
}
