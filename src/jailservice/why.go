package jailservice

import (
	"fmt"
	"time"

	"jails/src/control"
	"jails/src/output"
)

// explain is one sentence about why a service is as it is, and, where someone
// has to do something, what.
func (r *request) explain(s *control.Service) string {
	span := output.Span(time.Since(s.Since))
	again := fmt.Sprintf("to start it: %s %s start %s", r.Command.HelpName, r.status.Jail, s.Name)
	switch s.State {
	case "ready":
		return sentence(fmt.Sprintf("%s is ready since %s", s.Name, span), s.Reason)
	case "completed":
		return fmt.Sprintf("%s completed %s ago", s.Name, span)
	case "down":
		return sentence(fmt.Sprintf("%s is down since %s", s.Name, span), again)
	case "failed":
		return sentence(fmt.Sprintf("%s failed %s ago: %s", s.Name, span, s.Reason), background(s), again)
	case "waiting":
		text := fmt.Sprintf("%s %s, since %s", s.Name, s.Reason, span)
		if root := r.cause(s); root != nil && root.Name != s.Name {
			text = sentence(text, r.explain(root))
		}
		return text
	case "backoff":
		return sentence(fmt.Sprintf("%s ended %s ago: %s", s.Name, span, s.Reason), background(s))
	}
	// starting, stopping, finishing, and what a later jail-init may know
	text := fmt.Sprintf("%s is %s since %s", s.Name, s.State, span)
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}

// background is what is most often behind a service that ends well, and should
// not end.
func background(s *control.Service) string {
	if x := s.Last; x != nil && x.Code == 0 && x.Signal == 0 && x.Error == "" {
		return "if it went into the background: it must stay in the foreground"
	}
	return ""
}

// cause is the service at the end of those that s waits for, one behind the
// other; nil if jail-init does not know it.
func (r *request) cause(s *control.Service) *control.Service {
	for range r.status.Services { // jail-init may be wrong about it, but not for ever
		next := r.named(s.WaitsFor)
		if next == nil || next.State != "waiting" {
			return next
		}
		s = next
	}
	return nil
}

func (r *request) named(name string) *control.Service {
	for i := range r.status.Services {
		if r.status.Services[i].Name == name {
			return &r.status.Services[i]
		}
	}
	return nil
}
