package jailctl

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/output"
	"jails/src/secmodel"
)

func suggestCommand() *cli.Command {
	return &cli.Command{
		Name:      "suggest",
		Usage:     "print the least that a jail has to be allowed for what it did",
		ArgsUsage: "NAME|ID",
		Description: "It goes by what was denied above the floor since the jail is observed, or else\n" +
			"since it exists: a word for each, its ports and its processes, at its level.\n" +
			"What a level allows is not recorded: observe at high to find the least.",
		Flags:        []cli.Flag{command.JSON()},
		BashComplete: completeJails,
		Action:       ofJail(suggest),
	}
}

func suggest(c *cli.Context, k *secmodel.Client, j *secmodel.Jail) error {
	if j.Hidden() {
		return fmt.Errorf("what jail %q needs: %w", j.Name, secmodel.ErrNotRoot)
	}
	owners, err := k.Ports()
	if err != nil {
		return err
	}
	for _, o := range owners {
		if o.Jail == j.ID {
			j.Config.Ports = append(j.Config.Ports, o.Port)
		}
	}
	seen, err := k.Seen(j.ID)
	if err != nil {
		return err
	}
	recent, err := k.Events(j.ID, 0)
	if err != nil {
		return err
	}
	s := newSuggestion(j, seen, recent)
	if c.Bool("json") {
		return output.JSON(c.App.Writer, s)
	}
	_, err = c.App.Writer.Write([]byte(s.String()))
	return err
}

// suggestion is what a jail needs, as JSON.
type suggestion struct {
	Jail     string      `json:"jail"`
	ID       secmodel.ID `json:"jail_id"`
	Observed bool        `json:"observed"` // it is just now
	Since    time.Time   `json:"since"`
	Needs    []need      `json:"needs"`
	Complete bool        `json:"complete"`      // false: there were ports that are not known any more
	Floor    uint64      `json:"floor_refused"` // recent ones, that nothing can allow
	Fits     fits        `json:"fits"`

	level string // that the jail has
}

// need is what a jail was denied and can be allowed.
type need struct {
	Need   string   `json:"need"` // a word; or ports, processes
	Count  uint64   `json:"count"`
	Sample happened `json:"sample"` // the latest
}

// fits is what of a configuration allows all that is needed.
type fits struct {
	Level     string   `json:"level"`
	Allow     []string `json:"allow"`
	Deny      []string `json:"deny"`
	Ports     []string `json:"ports"`
	Processes uint32   `json:"processes"` // at most; 0 for no cap
}

// The needs that are no words; no word has these names.
const (
	needPorts     = "ports"
	needProcesses = "processes"
)

// needOf says what would allow an event of a rule above the floor.
func needOf(e *secmodel.Event) string {
	switch {
	case e.Kind == secmodel.CountDetail:
		return needProcesses
	case e.Rule != nil && e.Rule.Word != "":
		return e.Rule.Word
	}
	return needPorts // that a strict jail has not reserved
}

// newSuggestion works out what a jail needs of what was seen; recent events
// tell which ports there were.
func newSuggestion(j *secmodel.Jail, seen, recent []secmodel.Event) *suggestion {
	s := &suggestion{
		Jail: j.Name, ID: j.ID, Observed: j.Config.Observe, Since: j.Since.UTC(), Complete: true, level: j.Config.Level.String(),
		Needs: []need{}, Floor: floorRefused(j, recent),
		Fits: fits{
			Level: j.Config.Level.String(), Allow: append([]string{}, j.Config.Allow...), Deny: append([]string{}, j.Config.Deny...),
			Processes: j.Config.Processes,
		},
	}
	list := slices.Clone(j.Config.Ports)
	for i := range seen {
		e := &seen[i]
		name := needOf(e)
		found, all := portsOf(j, e, recent)
		if name != needPorts && name != needProcesses && all {
			// To own a low port is less than to have all of them, if only
			// it is known which.
			name = needPorts
		}
		switch name {
		case needProcesses:
			if s.Fits.Processes != 0 {
				s.Fits.Processes = max(s.Fits.Processes, uint32(e.Value))
			}
		case needPorts:
			s.Complete = s.Complete && all
			for _, p := range found {
				if !slices.ContainsFunc(list, func(r secmodel.PortRange) bool { return covers(r, p) }) {
					list = append(list, p)
				}
			}
		default:
			s.allow(j, e.Rule)
		}
		s.add(name, e)
	}
	slices.SortStableFunc(s.Needs, func(a, b need) int { return cmp.Compare(a.Need, b.Need) })
	slices.Sort(s.Fits.Allow)
	s.Fits.Ports = ports(list)
	return s
}

// add counts an event as a need.
func (s *suggestion) add(name string, e *secmodel.Event) {
	names := map[secmodel.ID]string{s.ID: s.Jail}
	i := slices.IndexFunc(s.Needs, func(n need) bool { return n.Need == name })
	if i < 0 {
		s.Needs = append(s.Needs, need{Need: name, Count: e.Repeats, Sample: newHappened(e, names)})
		return
	}
	n := &s.Needs[i]
	n.Count += e.Repeats
	if e.Seq > n.Sample.Seq {
		n.Sample = newHappened(e, names)
	}
}

// allow makes the word of a rule allowed.
func (s *suggestion) allow(j *secmodel.Jail, r *secmodel.Rule) {
	s.Fits.Deny = slices.DeleteFunc(s.Fits.Deny, func(w string) bool { return w == r.Word })
	v := r.Verdict[min(int(j.Config.Level), len(r.Verdict)-1)]
	if (v == secmodel.Deny || v == secmodel.Port && j.Config.Strict) && !slices.Contains(s.Fits.Allow, r.Word) {
		s.Fits.Allow = append(s.Fits.Allow, r.Word)
	}
}

// covers says whether one range holds another.
func covers(r, p secmodel.PortRange) bool {
	return (r.Protocol == secmodel.AnyProtocol || r.Protocol == p.Protocol) && r.First <= p.First && p.Last <= r.Last
}

// portsOf returns the ports of events like e, and whether those are all there
// were. Of an event that is of no port, or of one that the kernel chose, there
// are none.
func portsOf(j *secmodel.Jail, e *secmodel.Event, recent []secmodel.Event) (list []secmodel.PortRange, all bool) {
	if e.Kind != secmodel.PortDetail || e.Value == 0 {
		return nil, false
	}
	known := uint64(0)
	add := func(e *secmodel.Event) {
		p := secmodel.PortRange{Protocol: secmodel.Protocol(e.Protocol), First: uint16(e.Value), Last: uint16(e.Value)}
		if p.Protocol != secmodel.TCP && p.Protocol != secmodel.UDP {
			p.Protocol = secmodel.AnyProtocol
		}
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	for i := range recent {
		r := &recent[i]
		if r.Action == e.Action && r.Request == e.Request && r.Scope == e.Scope && r.Target == 0 && r.Value != 0 && !r.Last.Before(j.Since) {
			known += r.Repeats
			add(r)
		}
	}
	add(e)
	return list, known >= e.Repeats
}

// floorRefused counts the recent events that no configuration would let pass.
func floorRefused(j *secmodel.Jail, recent []secmodel.Event) (n uint64) {
	for i := range recent {
		e := &recent[i]
		above := e.Kind == secmodel.CountDetail || e.Rule != nil && e.Rule.Word != "" || e.Scope == "port" && e.Target == 0
		// While a jail is observed, all that is above it passes.
		if !e.Observed && !e.Last.Before(j.Since) && (j.Config.Observe || !above) {
			n += e.Repeats
		}
	}
	return n
}

// String is the suggestion as printed.
func (s *suggestion) String() string {
	var b strings.Builder
	how := "not observed; refused"
	if s.Observed {
		how = "observed"
	}
	kinds := "kinds"
	if len(s.Needs) == 1 {
		kinds = "kind"
	}
	fmt.Fprintf(&b, "%s for %s: %d %s of operations that %s denies\n", how, output.Span(time.Since(s.Since)), len(s.Needs), kinds, s.level)
	width, digits := 0, 0
	for _, n := range s.Needs {
		width = max(width, len(n.Need))
		digits = max(digits, len(strconv.FormatUint(n.Count, 10)))
	}
	for _, n := range s.Needs {
		fmt.Fprintf(&b, "  %-*s  %*d  %s\n", width, n.Need, digits, n.Count, output.Text(n.Sample.who()+": "+n.Sample.what()))
	}
	if s.Floor > 0 {
		fmt.Fprintf(&b, "besides, %d that nothing can allow; see: jailctl events %s\n", s.Floor, s.Jail)
	}
	if !s.Complete {
		b.WriteString("ports were bound that are not known any more: reserve those below, and look again\n")
	}
	if !s.Observed {
		fmt.Fprintf(&b, "what was refused may have kept it from more: jailctl set --observe %s\n", s.Jail)
	}
	b.WriteString("fits: " + s.Fits.String() + "\n")
	return b.String()
}

// String is in the form of a definition, jail.toml(5).
func (f *fits) String() string {
	quoted := func(list []string) string {
		q := make([]string, len(list))
		for i, w := range list {
			q[i] = strconv.Quote(w)
		}
		return "[" + strings.Join(q, ", ") + "]"
	}
	s := "level = " + strconv.Quote(f.Level) + ", allow = " + quoted(f.Allow)
	if len(f.Deny) > 0 {
		s += ", deny = " + quoted(f.Deny)
	}
	if len(f.Ports) > 0 {
		s += ", ports = " + quoted(f.Ports)
	}
	if f.Processes > 0 {
		s += ", processes = " + strconv.FormatUint(uint64(f.Processes), 10)
	}
	return s
}
