package jailservice

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"jails/src/control"
	"jails/src/output"
	"jails/src/service"
)

// shown is a service in JSON.
type shown struct {
	Jail     string    `json:"jail"`
	Name     string    `json:"name"`
	State    string    `json:"state"`
	Since    time.Time `json:"since"`
	PID      int       `json:"pid,omitempty"`
	Restarts int       `json:"restarts"`
	WaitsFor string    `json:"waits_for,omitempty"`
	Why      string    `json:"why"` // a sentence
	Last     *ended    `json:"last,omitempty"`
	Ends     []end     `json:"ends,omitempty"` // of status, the newest first
}

// ended is how a process ended: by one of the three.
type ended struct {
	Code   *int   `json:"code,omitempty"`
	Signal string `json:"signal,omitempty"`
	Error  string `json:"error,omitempty"` // why it did not start
}

func newEnded(x control.Exit) ended {
	e := ended{Signal: service.SignalName(x.Signal), Error: x.Error}
	if x.Error == "" && x.Signal == 0 {
		e.Code = &x.Code
	}
	return e
}

// end is one of the last processes.
type end struct {
	Time time.Time `json:"time"`
	Ran  float64   `json:"ran_seconds"`
	PID  int       `json:"pid,omitempty"`
	ended
	Why string `json:"why,omitempty"` // why jail-init ended it
}

func (r *request) json() error {
	all := make([]shown, len(r.services))
	for i, s := range r.services {
		all[i] = shown{
			Jail: r.status.Jail, Name: s.Name, State: s.State, Since: s.Since, PID: s.PID, Restarts: s.Restarts,
			WaitsFor: s.WaitsFor, Why: r.explain(&s),
		}
		if s.Last != nil {
			last := newEnded(*s.Last)
			all[i].Last = &last
		}
		for _, d := range slices.Backward(s.Deaths) {
			all[i].Ends = append(all[i].Ends, end{d.Time, d.Ran.Seconds(), d.PID, newEnded(d.Exit), d.Why})
		}
	}
	return output.JSON(r.App.Writer, all)
}

func list(r *request) error {
	if r.Bool("json") {
		return r.json()
	}
	t := output.NewTable("SERVICE", "STATE", ">SINCE", ">PID", ">RESTARTS", "LAST END", "REASON")
	for _, s := range r.services {
		pid := ""
		if s.PID != 0 {
			pid = strconv.Itoa(s.PID)
		}
		t.Row(s.Name, s.State, output.Span(time.Since(s.Since)), pid, strconv.Itoa(s.Restarts), ending(s.Last), s.Reason)
	}
	return t.Print(r.App.Writer)
}

func status(r *request) error {
	var names []string
	for _, s := range r.services {
		names = append(names, s.Name)
	}
	ctx, cancel := context.WithTimeout(r.Context.Context, answerTime)
	defer cancel()
	for i, result := range r.client.Services(ctx, control.OpStatus, names, 0) {
		if result.Err != nil {
			return fmt.Errorf("ask service %s: %w", result.Name, result.Err)
		}
		r.services[i] = *result.Service
	}
	if r.Bool("json") {
		return r.json()
	}
	var b strings.Builder
	line := func(key, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", key, output.Text(fmt.Sprintf(format, args...)))
	}
	for i, s := range r.services {
		if i > 0 {
			b.WriteByte('\n')
		}
		line("name", "%s", s.Name)
		line("state", "%s since %s, %s ago", s.State, s.Since.Local().Format(time.DateTime), output.Span(time.Since(s.Since)))
		line("why", "%s", r.explain(&s))
		if s.PID != 0 {
			line("process", "%d", s.PID)
		}
		line("restarts", "%d", s.Restarts)
		key := "ends"
		for _, d := range slices.Backward(s.Deaths) {
			line(key, "%s %s", d.Time.Local().Format(time.DateTime), deathText(&d))
			key = ""
		}
	}
	_, err := r.App.Writer.Write([]byte(b.String()))
	return err
}

// deathText is "process 77 exited 1 after 12s; stopped".
func deathText(d *control.Death) string {
	text := ending(&d.Exit)
	if d.PID != 0 {
		text = fmt.Sprintf("process %d %s after %s", d.PID, text, output.Span(d.Ran))
	}
	return sentence(text, d.Why)
}

func ending(x *control.Exit) string {
	if x == nil {
		return ""
	}
	return service.Exit(*x).String()
}

func why(r *request) error {
	if r.Bool("json") {
		return r.json()
	}
	for _, s := range r.services {
		if _, err := fmt.Fprintln(r.App.Writer, output.Text(r.explain(&s))); err != nil {
			return err
		}
	}
	return nil
}
