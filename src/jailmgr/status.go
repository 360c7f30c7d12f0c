package jailmgr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/control"
	"jails/src/jail"
	"jails/src/lifecycle"
	"jails/src/logs"
	"jails/src/output"
	"jails/src/secmodel"
	"jails/src/supervise"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:         "status",
		Usage:        "show how jails are",
		ArgsUsage:    "[NAME]...",
		BashComplete: completeJails,
		Description: "CPU is the mean since the jail started, 100.0% one processor; for the load of now:\n" +
			"jailctl stats -w 1s. Below a jail that is not well stands why. status exits 0\n" +
			"whatever it shows.",
		Flags:  []cli.Flag{command.JSON()},
		Action: on(needsKernel, status),
	}
}

// jailStatus is one jail's row.
type jailStatus struct {
	Name      string            `json:"name"`
	State     string            `json:"state"` // running, starting, stopping, restarting, failed, stopped, changing, invalid
	Reason    string            `json:"reason,omitempty"`
	Hints     []string          `json:"hints"` // what may be behind it
	ID        uint32            `json:"id,omitempty"`
	Since     time.Time         `json:"since,omitzero"`
	Ready     int               `json:"services_ready"`
	Services  []serviceStatus   `json:"services"`
	Processes int               `json:"processes"`
	CPU       float64           `json:"cpu_seconds"`
	Resident  uint64            `json:"resident_bytes"`
	Restarts  int               `json:"restarts"`
	Denials   map[string]uint64 `json:"denials"` // by scope
	Ports     []string          `json:"ports"`
	Dropped   uint64            `json:"log_lines_dropped"`

	load float64 // mean, 1 is one processor
}

type serviceStatus struct {
	Name     string    `json:"name"`
	State    string    `json:"state"`
	PID      int       `json:"pid,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	Restarts int       `json:"restarts"`
	Reason   string    `json:"reason,omitempty"`
	LastLine string    `json:"last_line,omitempty"` // of one that failed, or waits for its next try
}

func status(ctx context.Context, h *host) error {
	names, err := h.named(h.present)
	if err != nil {
		return err
	}
	snapshot, err := h.client.Jails()
	if err != nil {
		return err
	}
	owners, err := h.client.Ports()
	if err != nil {
		return err
	}
	all, errs := make([]jailStatus, len(names)), make([]error, len(names))
	slots := make(chan struct{}, askedMost)
	var wg sync.WaitGroup
	for i, name := range names {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			all[i], errs[i] = h.statusOf(ctx, name, snapshot.Jails, owners)
		})
	}
	wg.Wait()
	for _, err := range errs { // that of the first jail, whichever was there first
		if err != nil {
			return err
		}
	}
	// What needs a look comes first.
	slices.SortStableFunc(all, func(a, b jailStatus) int { return rank(&a) - rank(&b) })
	if h.c.Bool("json") {
		return output.JSON(h.c.App.Writer, all)
	}
	return printStatus(h.c, all)
}

func rank(s *jailStatus) int {
	switch {
	case s.Reason != "", s.State == "failed":
		return 0
	case s.State == "stopped":
		return 2
	}
	return 1
}

func (h *host) statusOf(ctx context.Context, name string, kernel []secmodel.Jail, owners []secmodel.PortOwner) (jailStatus, error) {
	s := jailStatus{Name: name, State: "stopped", Hints: []string{}, Services: []serviceStatus{}, Ports: []string{}, Denials: map[string]uint64{}}
	def, err := h.Layout.Load(name)
	i := slices.IndexFunc(kernel, func(j secmodel.Jail) bool { return j.Name == name })
	exists := i >= 0
	if err == nil {
		s.Ports = append(s.Ports, def.Ports...)
		for _, svc := range def.Services {
			s.Services = append(s.Services, serviceStatus{Name: svc.Name, State: "down"})
		}
	}
	condition, condErr := h.Condition(name)
	if condErr != nil {
		return s, condErr
	}
	switch condition {
	case lifecycle.Running:
	case lifecycle.Unwatched:
		s.State, s.Reason = "failed", "its supervisor is gone; for a new one: jailmgr start "+name
	case lifecycle.Crashed:
		s.State, s.Reason = "failed", "it ended by itself; see: jailmgr logs "+name
	case lifecycle.Interrupted:
		s.State, s.Reason = "failed", "a change was interrupted; see: jailmgr repair "+name
	case lifecycle.Busy:
		s.State = "changing"
	case lifecycle.Stopped:
		if errors.Is(err, fs.ErrNotExist) && !h.Known(name) {
			return s, &lifecycle.UnknownError{Name: name}
		}
	}
	if exists {
		j := &kernel[i]
		s.ID, s.Since, s.Processes, s.Resident = uint32(j.ID), j.Created, j.Processes, j.Resident
		s.CPU = j.CPU().Seconds()
		if age := time.Since(j.Created); age > 0 {
			s.load = min(s.CPU/max(age.Seconds(), 1), 999)
		}
		s.Denials = j.Denials
	}
	if exists || condition == lifecycle.Running {
		h.supervised(ctx, &s)
	}
	switch {
	case err == nil:
		s.Hints = append(s.Hints, hints(&s, def, kernel, owners)...)
	case s.State == "stopped":
		s.State = "invalid"
		fallthrough
	case s.Reason == "":
		switch s.Reason = "its definition can not be read: " + first(err); {
		case errors.Is(err, jail.ErrInvalid):
			s.Reason = "its definition is not valid: " + first(err)
		case errors.Is(err, fs.ErrNotExist):
			if s.Reason = "it has no definition"; s.State == "invalid" {
				s.Reason += "; to remove what is left of it: jailmgr destroy " + name
			}
		}
	}
	return s, nil
}

// first is the first of what is wrong.
func first(err error) string {
	line, more, _ := strings.Cut(err.Error(), "\n")
	if more != "" {
		line += fmt.Sprintf(" (and %d more)", 1+strings.Count(more, "\n"))
	}
	return line
}

// hints tell of a jail that does not run as it should which jail has its
// ports, and what the kernel has refused it.
func hints(s *jailStatus, def *jail.Definition, kernel []secmodel.Jail, owners []secmodel.PortOwner) (all []string) {
	waits := slices.ContainsFunc(s.Services, func(v serviceStatus) bool { return v.State == "backoff" })
	if s.State != "stopped" && s.State != "failed" && !waits {
		return nil
	}
	for _, p := range portsOf(def) {
		for _, o := range owners {
			i := slices.IndexFunc(kernel, func(j secmodel.Jail) bool { return j.ID == o.Jail })
			if i >= 0 && kernel[i].Name != s.Name && jail.Overlap(p, o.Port) {
				all = append(all, fmt.Sprintf("port %s belongs to jail %s; see: jailctl ports", p, kernel[i].Name))
			}
		}
	}
	if refused := output.Counts(secmodel.Scopes[:], s.Denials); len(refused) > 0 {
		all = append(all, fmt.Sprintf("refused by the kernel: %s; see: jailctl policy %s", strings.Join(refused, ", "), s.Name))
	}
	return all
}

// portsOf are the ports that a jail means to have: those reserved for it, and
// those at which its services say to be ready.
func portsOf(def *jail.Definition) []secmodel.PortRange {
	texts := slices.Clone(def.Ports)
	for _, svc := range def.Services {
		if probe, err := jail.ParseReady(svc.Ready); err == nil && probe.Kind == "tcp" {
			texts = append(texts, probe.Addr[strings.LastIndexByte(probe.Addr, ':')+1:]+"/tcp")
		}
	}
	var ranges []secmodel.PortRange
	for _, text := range texts {
		p, err := secmodel.ParsePorts(text)
		if err == nil && !slices.ContainsFunc(ranges, func(r secmodel.PortRange) bool { return jail.Overlap(p, r) }) {
			ranges = append(ranges, p)
		}
	}
	return ranges
}

// supervised adds what jail-init and the supervisor know. A jail that does
// not answer stays as the kernel shows it.
func (h *host) supervised(ctx context.Context, s *jailStatus) {
	var st, init control.Status
	var err, initErr error
	var both sync.WaitGroup
	both.Go(func() { st, err = ask(ctx, supervise.Socket(h.Layout, s.Name)) })
	both.Go(func() { init, initErr = ask(ctx, h.Layout.ControlSocket(s.Name)) })
	both.Wait()
	switch {
	case err == nil:
		s.State, s.Reason, s.Restarts = st.State, st.Reason, st.Restarts
		if st.Logs != nil {
			s.Dropped = st.Logs.Dropped
			if st.Logs.Blocked != "" {
				s.Reason = "its log is blocked: " + st.Logs.Blocked
			}
		}
	case !errors.Is(err, control.ErrNotRunning):
		s.State = "failed"
		s.Reason = fmt.Sprintf("its supervisor, in ps(1) \"jailctl: supervise %s\", does not answer; once it is killed, for a new one: jailmgr start %[1]s", s.Name)
	}
	if initErr != nil {
		if !errors.Is(initErr, control.ErrNotRunning) && s.Reason == "" {
			s.State, s.Reason = "failed", "its jail-init does not answer; to start the jail anew: jailmgr restart "+s.Name
		}
		return
	}
	if !init.Since.IsZero() {
		s.Since = init.Since
	}
	s.Services = s.Services[:0]
	last := lastLines(h.Layout.Log(s.Name), init.Services)
	for _, v := range init.Services {
		svc := serviceStatus{Name: v.Name, State: v.State, PID: v.PID, Since: v.Since, Restarts: v.Restarts, Reason: v.Reason, LastLine: last[v.Name]}
		s.Restarts += v.Restarts
		switch v.State {
		case "ready", "completed":
			s.Ready++
		case "failed":
			s.State = "failed"
		}
		s.Services = append(s.Services, svc)
	}
}

// answerTime bounds how long a jail is waited for: it may be malicious. So
// many are asked at one time.
const (
	answerTime = 2 * time.Second
	askedMost  = 32
)

func ask(ctx context.Context, socket string) (control.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	c, err := control.Dial(ctx, socket)
	if err != nil {
		return control.Status{}, err
	}
	defer c.Close()
	return c.Status(ctx)
}

// lastLines are what those services wrote last that failed, or wait for their
// next try.
func lastLines(dir string, services []control.Service) map[string]string {
	last := map[string]string{}
	for _, v := range services {
		if v.State == "failed" || v.State == "backoff" {
			last[v.Name] = ""
		}
	}
	if len(last) == 0 {
		return nil
	}
	// A log that can't be read has nothing to tell here.
	_ = logs.Read(dir, logs.Filter{Since: time.Now().Add(-time.Hour)}, func(l logs.Line) error {
		if _, is := last[l.Service]; is {
			last[l.Service] = strings.TrimSpace(string(l.Text))
		}
		return nil
	})
	return last
}

func printStatus(c *cli.Context, all []jailStatus) error {
	t := output.NewTable("NAME", "STATE", ">SINCE", ">SERVICES", ">PROCS", ">CPU", ">RSS", ">RESTARTS", ">DENIED", "PORTS")
	var below [][]string
	for _, s := range all {
		if s.ID == 0 {
			t.Row(s.Name, s.State, "", fmt.Sprintf("0/%d", len(s.Services)), "", "", "", "", "", strings.Join(s.Ports, " "))
		} else {
			t.Row(s.Name, s.State, output.Span(time.Since(s.Since)), fmt.Sprintf("%d/%d", s.Ready, len(s.Services)), strconv.Itoa(s.Processes),
				output.Percent(s.load), output.Size(s.Resident), strconv.Itoa(s.Restarts), strconv.FormatUint(secmodel.Sum(s.Denials), 10), strings.Join(s.Ports, " "))
		}
		below = append(below, reasons(&s))
	}
	var table strings.Builder
	if err := t.Print(&table); err != nil {
		return err
	}
	lines := strings.SplitAfter(table.String(), "\n")
	var out strings.Builder
	out.WriteString(lines[0])
	for i, why := range below {
		out.WriteString(lines[i+1])
		for _, r := range why {
			fmt.Fprintf(&out, "      %s\n", output.Text(r))
		}
	}
	_, err := fmt.Fprint(c.App.Writer, out.String())
	return err
}

// reasons say why a jail is not well.
func reasons(s *jailStatus) []string {
	var why []string
	told := false
	for _, v := range s.Services {
		if v.Reason == "" || v.State == "ready" || v.State == "completed" || s.ID == 0 {
			continue
		}
		r := v.Name + ": " + v.Reason
		if v.LastLine != "" {
			r += "; last line: " + v.LastLine
		}
		why = append(why, r)
		told = told || strings.Contains(s.Reason, v.Name)
	}
	if s.Reason != "" && !told {
		why = append([]string{s.Reason}, why...)
	}
	return append(why, s.Hints...)
}
