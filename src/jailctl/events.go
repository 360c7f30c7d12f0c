package jailctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/output"
	"jails/src/secmodel"
)

// followRest is how long events -f lets those gather that come after one.
const followRest = 100 * time.Millisecond

func eventsCommand() *cli.Command {
	return &cli.Command{
		Name:      "events",
		Usage:     "print what the jails were denied",
		ArgsUsage: "[NAME|ID]",
		Description: "Each line is something that the policy denies: refused, or, in a jail that is\n" +
			"observed, let pass. What is repeated at once has one line. The kernel keeps\n" +
			"the latest 64 of each jail, and counts the others. With -f and --json each\n" +
			"line is an object.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what comes"},
			command.JSON(),
		},
		BashComplete: completeJails,
		Action:       connected(0, 1, events),
	}
}

func events(c *cli.Context, k *secmodel.Client, args []string) error {
	r := &eventReader{kernel: k, last: map[secmodel.ID]uint64{}}
	if len(args) == 1 {
		j, err := k.Lookup(args[0])
		if err != nil {
			return err
		}
		if r.want = args[0]; j.Hidden() {
			return fmt.Errorf("the events of jail %q: %w", j.Name, secmodel.ErrNotRoot)
		}
	}
	if !c.Bool("follow") {
		all, err := r.read()
		if err != nil {
			return err
		}
		if c.Bool("json") {
			return output.JSON(c.App.Writer, all)
		}
		return printEvents(c.App.Writer, all)
	}
	for read := r.read; ; read = func() ([]happened, error) { return r.next(c.Context) } {
		all, err := read()
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		if c.Bool("json") {
			err = printObjects(c.App.Writer, all)
		} else {
			err = printEvents(c.App.Writer, all)
		}
		if err != nil {
			return err
		}
		select {
		case <-time.After(followRest):
		case <-c.Context.Done():
			return nil
		}
	}
}

// eventReader reads events, each once.
type eventReader struct {
	kernel *secmodel.Client
	want   string // a jail's name or id, or "" for all
	since  uint64
	last   map[secmodel.ID]uint64 // the number of each jail's latest
}

// read returns what came since it was called before.
func (r *eventReader) read() ([]happened, error) {
	return r.told(r.kernel.Events(0, r.since))
}

// next is read, but waits for something to come. That is of any jail: a name
// may be another's tomorrow.
func (r *eventReader) next(ctx context.Context) ([]happened, error) {
	return r.told(r.kernel.NextEvents(ctx, 0, r.since))
}

func (r *eventReader) told(all []secmodel.Event, err error) ([]happened, error) {
	if err != nil {
		return nil, err
	}
	// Read afterwards, it has the jail of each, but those that are gone.
	s, err := r.kernel.Jails()
	if err != nil {
		return nil, err
	}
	return r.sort(all, s.Jails), nil
}

// sort picks the events that are wanted. What was told already of one that
// has been repeated since is not told again.
func (r *eventReader) sort(all []secmodel.Event, jails []secmodel.Jail) []happened {
	names := make(map[secmodel.ID]string, len(jails))
	for _, j := range jails {
		names[j.ID] = j.Name
	}
	list := []happened{}
	for i := range all {
		e := &all[i]
		r.since = max(r.since, e.Seq)
		before := r.last[e.Jail]
		r.last[e.Jail] = e.Number
		if r.want != "" && r.want != e.Jail.String() && r.want != names[e.Jail] {
			continue
		}
		h := newHappened(e, names)
		if first := e.Number - e.Repeats; first > before {
			h.Lost = first - before
		} else {
			h.Count = e.Number - before
		}
		list = append(list, h)
	}
	return list
}

// happened is an event as JSON.
type happened struct {
	Seq     uint64      `json:"seq"`
	First   time.Time   `json:"first"`
	Last    time.Time   `json:"last"`
	Count   uint64      `json:"count"`       // times, that were not told before
	Lost    uint64      `json:"lost_before"` // times of others of the jail that the kernel no more had
	Jail    string      `json:"jail"`        // "" if it is gone
	ID      secmodel.ID `json:"jail_id"`
	PID     int         `json:"pid"`
	Command string      `json:"command"`
	UID     uint32      `json:"uid"`
	Result  string      `json:"result"` // refused, observed
	Scope   string      `json:"scope"`
	Action  string      `json:"action"` // as in jailctl policy
	Word    string      `json:"word"`   // "" for none
	Detail  detail      `json:"detail"`
}

// detail is what is known beyond the action; what there is not is left out.
type detail struct {
	Port      *uint64      `json:"port,omitempty"` // 0 for one that the kernel chooses
	Protocol  string       `json:"protocol,omitempty"`
	PID       *uint64      `json:"pid,omitempty"`
	Device    *uint64      `json:"device,omitempty"`
	Family    *uint64      `json:"family,omitempty"`
	Processes *uint64      `json:"processes,omitempty"`
	Jail      string       `json:"jail,omitempty"` // the port's owner, the process's
	JailID    *secmodel.ID `json:"jail_id,omitempty"`
}

func newHappened(e *secmodel.Event, names map[secmodel.ID]string) happened {
	h := happened{
		Seq: e.Seq, First: e.First.UTC(), Last: e.Last.UTC(), Count: e.Repeats, Jail: names[e.Jail], ID: e.Jail,
		PID: e.PID, Command: e.Command, UID: e.UID, Result: "refused", Scope: e.Scope, Action: e.Name(),
	}
	if e.Observed {
		h.Result = "observed"
	}
	if e.Rule != nil {
		h.Word = e.Rule.Word
	}
	value := e.Value
	switch e.Kind {
	case secmodel.ProcessDetail:
		h.Detail.PID = &value
	case secmodel.PortDetail:
		h.Detail.Port = &value
		h.Detail.Protocol = secmodel.Protocol(e.Protocol).String()
	case secmodel.DeviceDetail:
		h.Detail.Device = &value
	case secmodel.SocketDetail:
		h.Detail.Family = &value
		h.Detail.Protocol = strconv.FormatUint(uint64(e.Protocol), 10)
	case secmodel.CountDetail:
		h.Detail.Processes = &value
	}
	if e.Target != 0 && e.Target != e.Jail {
		target := e.Target
		h.Detail.Jail, h.Detail.JailID = names[e.Target], &target
	}
	return h
}

// String is the detail in words.
func (d *detail) String() string {
	var s string
	switch {
	case d.PID != nil:
		s = fmt.Sprintf("process %d", *d.PID)
	case d.Port != nil && *d.Port == 0:
		s = "any port/" + d.Protocol
	case d.Port != nil:
		s = fmt.Sprintf("port %d/%s", *d.Port, d.Protocol)
	case d.Device != nil:
		s = fmt.Sprintf("device %#x", *d.Device)
	case d.Family != nil:
		s = fmt.Sprintf("family %d protocol %s", *d.Family, d.Protocol)
	case d.Processes != nil:
		s = fmt.Sprintf("%d processes", *d.Processes)
	}
	switch {
	case d.Jail != "":
		s += " of jail " + d.Jail
	case d.JailID != nil:
		s += " of jail " + d.JailID.String()
	}
	return s
}

// who is the process.
func (h *happened) who() string { return fmt.Sprintf("%s[%d] uid %d", h.Command, h.PID, h.UID) }

// what is what it did.
func (h *happened) what() string {
	if d := h.Detail.String(); d != "" {
		return h.Action + ", " + d
	}
	return h.Action
}

func (h *happened) name() string {
	if h.Jail == "" {
		return h.ID.String()
	}
	return h.Jail
}

// printEvents writes a line for each: of a width that does not depend on the
// others, for those that follow are not known.
func printEvents(w io.Writer, all []happened) error {
	var b strings.Builder
	for i := range all {
		h := &all[i]
		if h.Lost > 0 {
			fmt.Fprintf(&b, "%-19s %-12s %d lost\n", "", h.name(), h.Lost)
		}
		times := ""
		if h.Count > 1 {
			times = fmt.Sprintf(", %d times", h.Count)
		}
		fmt.Fprintf(&b, "%-19s %-12s %-8s %s by %s%s\n", h.Last.Local().Format(time.DateTime), h.name(), h.Result,
			h.what(), output.Text(h.who()), times)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printObjects writes each as a line of JSON.
func printObjects(w io.Writer, all []happened) error {
	for i := range all {
		if err := output.Line(w, &all[i]); err != nil {
			return err
		}
	}
	return nil
}
