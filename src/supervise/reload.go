package supervise

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"jails/src/control"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/jailinit"
	"jails/src/logs"
	"jails/src/secmodel"
)

// Reload makes a running jail that of another definition, with the fewest
// restarts, and tells of every change; with dry it only tells. It returns when
// the services that it touches have come to rest; like Start it gives a
// *ServiceError if one of them has failed, and a *StepError when ctx ends
// first, while the reload goes on. After any other error nothing is changed;
// except after the death of the supervisor or of jail-init in the midst of it,
// when another Reload does what is left.
//
// What of the definition can not be changed while the jail runs (its root and
// mounts) is the caller's to see to.
func Reload(ctx context.Context, def *jail.Definition, dry bool, progress func(string)) ([]control.Change, error) {
	data, err := json.Marshal(def)
	if err != nil {
		return nil, err
	}
	c, err := control.Dial(ctx, Socket(jail.Paths(), def.Name))
	if err != nil {
		return nil, fmt.Errorf("jail %s: %w", def.Name, err)
	}
	defer c.Close()
	step := "the supervisor was asked to reload"
	changes, failed, err := c.Reload(ctx, data, dry, func(s string) {
		step = s
		if progress != nil {
			progress(s)
		}
	})
	var refused *control.Refused
	switch {
	case ctx.Err() != nil:
		return changes, &StepError{def.Name, step, ctx.Err()}
	case errors.As(err, &refused):
		return changes, &exit.Error{Code: cmp.Or(refused.Code, exit.Temporary), Msg: refused.Reason, Hint: refused.Hint}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return changes, exit.With(fmt.Errorf("the supervisor of jail %s died in the midst of the reload", def.Name), exit.Temporary,
			fmt.Sprintf("jailmgr start %s gives it a new one; then reload again", def.Name))
	case err != nil:
		return changes, fmt.Errorf("reload jail %s: %w", def.Name, err)
	case failed != "":
		return changes, &ServiceError{def.Name, failed}
	}
	return changes, nil
}

// reload is one that is under way.
type reload struct {
	id      uint32        // of the request to jail-init
	peer    *control.Peer // who asked, or nil if he is gone
	request uint32        // his number of it
	dry     bool
	def     *jail.Definition
	setup   *jailinit.Setup
	log     logs.Settings
	change  secmodel.Change // of the jail in the kernel
	back    secmodel.Change // the opposite
	changes []control.Change

	asked    bool // jail-init was told to do it, not only whether it can
	accepted bool // and does it
}

// beginReload is a request of a reload. It goes on in steps, each of which may
// refuse while nothing is done: jail-init says whether it can; then the kernel
// changes the jail, wholly or not at all; then jail-init changes the services.
// Should it not after all, the kernel's jail is changed back.
func (s *supervisor) beginReload(peer *control.Peer, m *control.Message) {
	r := &reload{peer: peer, request: m.ID, dry: m.Dry, def: new(jail.Definition)}
	if err := json.Unmarshal(m.Setup, r.def); err != nil {
		r.fail(exit.Software, "read the definition: "+err.Error())
		return
	}
	r.def.Name = s.name
	var err error
	if r.setup, err = setup(r.def); err == nil {
		r.log, err = settings(&r.def.Log)
	}
	switch {
	case err != nil:
		r.fail(exit.Config, err.Error())
		return
	case s.state == stopping:
		r.fail(exit.Temporary, "jail "+s.name+" is stopping")
		return
	case s.init == nil || !s.entered:
		r.fail(exit.Temporary, "jail-init of jail "+s.name+" is being started; try again")
		return
	case s.reload != nil && !s.reload.accepted:
		r.fail(exit.Temporary, "another reload of jail "+s.name+" is under way; try again")
		return
	}
	s.endReload(exit.Temporary, "another reload has followed this one")
	s.reload = r
	r.setup.ID = uint32(s.id)
	s.askReload(r, true)
}

// askReload asks jail-init whether it can, or tells it to.
func (s *supervisor) askReload(r *reload, dry bool) {
	data, err := json.Marshal(r.setup)
	if err != nil {
		s.endReload(exit.Software, err.Error())
		return
	}
	s.reloads++
	r.id, r.asked = reloadID+s.reloads, !dry
	s.init.Send(&control.Message{ID: r.id, Op: control.OpReload, Setup: data, Dry: dry})
}

// reloadTold is what jail-init says to a reload.
func (s *supervisor) reloadTold(m *control.Message) {
	r := s.reload
	if r == nil || m.ID != r.id {
		return
	}
	switch {
	case m.Op == control.OpError && r.asked:
		r.id = 0
		s.takeBack(r, m.Error)
	case m.Op == control.OpError:
		s.endReload(exit.Temporary, m.Error)
	case m.Op == control.OpProgress:
		r.tell(&control.Message{Op: control.OpProgress, Error: m.Error})
	case m.Op == control.OpAccepted:
		r.accepted = true
		s.setup = r.setup
		if len(logKeys(&s.logging, &r.def.Log)) > 0 {
			s.log.Configure(r.log)
			s.logging = r.def.Log
		}
		r.tell(&control.Message{Op: control.OpAccepted, Changes: r.changes})
	case r.accepted:
		s.reload = nil
		r.tell(&control.Message{Op: control.OpDone, Error: m.Error})
	default:
		r.id = 0 // what it says more than once does not count
		s.changeJail(r, m.Changes)
	}
}

// changeJail follows when jail-init can: the kernel's turn.
func (s *supervisor) changeJail(r *reload, services []control.Change) {
	config, err := r.def.Config()
	if err != nil {
		s.endReload(exit.Config, err.Error())
		return
	}
	id, kernel := s.id, s.kernel
	var keys []string
	s.work(func() error {
		have, err := configOf(kernel, id)
		if err != nil {
			return err
		}
		r.change, keys = differ(have, config)
		r.back, _ = differ(config, have)
		if r.dry || len(keys) == 0 {
			return nil
		}
		return kernel.Set(id, r.change)
	}, func(err error) {
		if s.reload != r {
			return // it has ended meanwhile, with an error
		}
		if err != nil {
			s.reload = nil
			r.tell(&control.Message{Op: control.OpError, Code: exit.Code(err), Error: err.Error(), Hint: exit.Hint(err)})
			return
		}
		keys = append(keys, logKeys(&s.logging, &r.def.Log)...)
		own := control.Change{What: control.Unchanged, Keys: keys}
		if len(keys) > 0 {
			own.What = control.Changed
		}
		r.changes = append([]control.Change{own}, services...)
		if r.dry {
			s.reload = nil
			r.tell(&control.Message{Op: control.OpDone, Changes: r.changes})
			return
		}
		if len(keys) > 0 {
			s.note("reload: changed %v", keys)
		}
		s.askReload(r, false)
	})
}

// takeBack follows when jail-init could and then could not.
func (s *supervisor) takeBack(r *reload, why string) {
	id := s.id
	s.work(func() error {
		if r.change == (secmodel.Change{}) {
			return nil
		}
		return s.kernel.Set(id, r.back)
	}, func(err error) {
		if err != nil {
			why += fmt.Sprintf("; and the jail could not be changed back: %v", err)
			s.note("%s", why)
		}
		if s.reload == r {
			s.endReload(exit.Temporary, why)
		}
	})
}

// endReload ends a reload, if one is under way, with an error.
func (s *supervisor) endReload(code int, why string) {
	if r := s.reload; r != nil {
		s.reload = nil
		r.fail(code, why)
	}
}

func (r *reload) fail(code int, why string) {
	r.tell(&control.Message{Op: control.OpError, Code: code, Error: why})
}

func (r *reload) tell(m *control.Message) {
	if r.peer != nil {
		m.ID = r.request
		r.peer.Send(m)
	}
}

// configOf is what the kernel has of a jail, ports included.
func configOf(k Kernel, id secmodel.ID) (secmodel.Config, error) {
	j, err := k.Lookup(id.String())
	if err != nil {
		return j.Config, err
	}
	all, err := k.Ports()
	j.Config.Ports = nil
	for _, p := range all {
		if p.Jail == id {
			j.Config.Ports = append(j.Config.Ports, p.Port)
		}
	}
	return j.Config, err
}

// differ is the change that makes one configuration the other, and the keys of
// the definition that it stands in.
func differ(have, want secmodel.Config) (c secmodel.Change, keys []string) {
	key := func(name string, same bool, change func()) {
		if !same {
			change()
			keys = append(keys, name)
		}
	}
	key("level", have.Level == want.Level, func() { c.Level = &want.Level })
	key("allow", sameSet(have.Allow, want.Allow), func() { c.Allow = &want.Allow })
	key("deny", sameSet(have.Deny, want.Deny), func() { c.Deny = &want.Deny })
	key("ports", sameSet(have.Ports, want.Ports), func() { c.Ports = &want.Ports })
	key("strict", have.Strict == want.Strict, func() { c.Strict = &want.Strict })
	key("observe", have.Observe == want.Observe, func() { c.Observe = &want.Observe })
	key("limits", sameSet(have.Limits, want.Limits), func() { c.Limits = &want.Limits })
	key("processes", have.Processes == want.Processes, func() { c.Processes = &want.Processes })
	return c, keys
}

// sameSet compares lists, of which each thing stands in one once, in any order.
func sameSet[T comparable](a, b []T) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(x T) bool { return !slices.Contains(b, x) })
}

// logKeys are the keys of the log that are others.
func logKeys(have, want *jail.Log) (keys []string) {
	if have.Keep != want.Keep {
		keys = append(keys, "log.keep")
	}
	if have.Full != want.Full {
		keys = append(keys, "log.full")
	}
	if *have.Compress != *want.Compress {
		keys = append(keys, "log.compress")
	}
	if a, b := have.Syslog, want.Syslog; (a == nil) != (b == nil) || a != nil && *a != *b {
		keys = append(keys, "log.syslog")
	}
	return keys
}
