package jailservice

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"jails/src/command"
	"jails/src/control"
	"jails/src/exit"
	"jails/src/output"
	"jails/src/service"
)

// outcome of a verb for one service.
type outcome struct {
	Jail    string `json:"jail"`
	Service string `json:"service"`
	Done    bool   `json:"done"`
	Skipped bool   `json:"skipped"` // there was nothing to do
	State   string `json:"state"`   // after that
	Error   string `json:"error,omitempty"`
	Code    int    `json:"code"` // of sysexits(3)

	err error
}

// act asks jail-init to do something to services, to all of them at the same
// time, and waits until that is done.
func act(r *request) error {
	number := 0
	if r.op == control.OpKill {
		var err error
		if number, err = command.Signal(r.String("signal")); err != nil {
			return command.Usage(r.Context, err)
		}
	}
	ctx := r.Context.Context
	if most := r.Duration("timeout"); most > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, most)
		defer cancel()
	}
	outcomes := make([]outcome, len(r.services))
	var names []string
	asked := map[string]*outcome{}
	for i, s := range r.services {
		o := &outcomes[i]
		*o = outcome{Jail: r.status.Jail, Service: s.Name, State: s.State}
		if o.Skipped = r.nothingToDo(&s); o.Skipped {
			o.Done = true
			continue
		}
		names = append(names, s.Name)
		asked[s.Name] = o
	}
	for _, result := range r.client.Services(ctx, r.op, names, number) {
		o := asked[result.Name]
		if o.err = r.failed(result); o.err == nil {
			o.Done, o.State = true, result.Service.State
		} else {
			o.Error, o.Code = o.err.Error(), exit.Code(o.err)
		}
	}
	return r.report(outcomes, number)
}

// nothingToDo says whether a service is as it is to become.
func (r *request) nothingToDo(s *control.Service) bool {
	switch r.op {
	case control.OpStart:
		return s.State == "ready"
	case control.OpStop:
		return s.State == "down"
	case control.OpClear:
		return s.State != "failed"
	}
	return false
}

// failed is what went wrong with one service, or nil.
func (r *request) failed(result control.Result) error {
	var refused *control.Refused
	switch {
	case result.Err == nil:
		return nil
	case errors.As(result.Err, &refused):
		return exit.With(result.Err, exit.Temporary, fmt.Sprintf("see: %s %s why", r.Command.HelpName, r.status.Jail))
	case errors.Is(result.Err, context.DeadlineExceeded):
		step := result.Step
		if step == "" {
			step = "jail-init has not answered"
		}
		return &exit.Error{Code: exit.Temporary, Msg: fmt.Sprintf("service %s: time is over; %s", result.Name, step)}
	case errors.Is(result.Err, context.Canceled):
		return &exit.Error{Code: exit.Temporary, Msg: fmt.Sprintf("service %s: interrupted; what was asked for goes on", result.Name)}
	}
	return fmt.Errorf("service %s: %w", result.Name, result.Err)
}

// report prints what was done, and gives the error of all: of one service its
// own, of several how many failed.
func (r *request) report(outcomes []outcome, number int) error {
	if r.Bool("json") {
		if err := output.JSON(r.App.Writer, outcomes); err != nil {
			return err
		}
	}
	failed := 0
	var last error
	for _, o := range outcomes {
		text := r.past + " " + o.Service
		switch {
		case o.err != nil:
			failed++
			if last = o.err; len(outcomes) > 1 && !r.Bool("json") {
				exit.Report(r.App.ErrWriter, o.Service, o.err) // its code is told by the sum
			}
			continue
		case o.Skipped:
			text = o.Service + " is " + o.State + " already"
			if r.op == control.OpClear {
				text = o.Service + " has not failed, it is " + o.State
			}
		case r.op == control.OpKill:
			text = "Sent " + service.SignalName(number) + " to " + o.Service
		}
		if !r.Bool("json") {
			if _, err := fmt.Fprintln(r.App.Writer, output.Text(text)); err != nil {
				return err
			}
		}
	}
	if failed > 1 || failed == 1 && len(outcomes) > 1 {
		last = &exit.Error{Code: exit.Temporary, Msg: fmt.Sprintf("%d of %d services %s (%d)",
			len(outcomes)-failed, len(outcomes), strings.ToLower(r.past), exit.Temporary)}
	}
	return last
}
