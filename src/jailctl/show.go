package jailctl

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/output"
	"jails/src/secmodel"
)

func showCommand() *cli.Command {
	return &cli.Command{
		Name:         "show",
		Usage:        "print all about one jail",
		ArgsUsage:    "NAME|ID",
		Flags:        []cli.Flag{command.JSON()},
		BashComplete: completeJails,
		Action:       ofJail(show),
	}
}

func show(c *cli.Context, k *secmodel.Client, j *secmodel.Jail) error {
	owners, err := k.Ports()
	if err != nil {
		return err
	}
	for _, o := range owners {
		if o.Jail == j.ID {
			j.Config.Ports = append(j.Config.Ports, o.Port)
		}
	}
	if c.Bool("json") {
		return output.JSON(c.App.Writer, newShown(j))
	}
	var b strings.Builder
	line := func(key, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", key, output.Text(fmt.Sprintf(format, args...)))
	}
	line("id", "%d", j.ID)
	line("name", "%s", j.Name)
	line("state", "%s", j.State)
	if !j.Hidden() {
		line("root", "%s", j.Root)
		line("level", "%s", j.Config.Level)
		line("allow", "%s", words(j.Config.Allow))
		line("deny", "%s", words(j.Config.Deny))
		line("ports", "%s", words(ports(j.Config.Ports)))
		line("strict", "%s", output.YesNo(j.Config.Strict))
		line("observe", "%s", output.YesNo(j.Config.Observe))
		for _, l := range j.Config.Limits {
			line("limit", "%s %s soft, %s hard", secmodel.LimitName(l.Resource), amount(l.Soft), amount(l.Hard))
		}
	}
	line("created", "%s, %s ago", j.Created.Format(time.DateTime), output.Span(time.Since(j.Created)))
	if j.Init != 0 {
		line("init", "process %d", j.Init)
	}
	if most := j.Config.Processes; most != 0 {
		line("processes", "%d of at most %d", j.Processes, most)
	} else {
		line("processes", "%d", j.Processes)
	}
	line("threads", "%d", j.Threads)
	line("memory", "%s resident, %s virtual", output.Size(j.Resident), output.Size(j.Virtual))
	line("cpu", "%s user, %s system, %s interrupt", output.CPU(j.User), output.CPU(j.System), output.CPU(j.Interrupt))
	line("entries", "%d", j.Entries)
	line("forks", "%d", j.Forks)
	line("exits", "%d", j.Exits)
	line("denials", "%s", words(output.Counts(secmodel.Scopes[:], j.Denials)))
	line("observed", "%s", words(output.Counts(secmodel.Scopes[:], j.Observed)))
	line("lost", "%d", j.Lost)
	_, err = c.App.Writer.Write([]byte(b.String()))
	return err
}

// words joins a list, or says that it is empty.
func words(list []string) string {
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, " ")
}

func ports(list []secmodel.PortRange) []string {
	all := make([]string, len(list))
	for i, p := range list {
		all[i] = p.String()
	}
	return all
}

// shown is all of a jail as JSON. What the kernel hides from the caller is
// left out.
type shown struct {
	ID        secmodel.ID       `json:"id"`
	Name      string            `json:"name"`
	State     string            `json:"state"`
	Root      string            `json:"root,omitempty"`
	Config    *config           `json:"config,omitempty"`
	Created   time.Time         `json:"created"`
	Init      int               `json:"init_pid"` // 0 for none
	Processes int               `json:"processes"`
	Threads   int               `json:"threads"`
	Resident  uint64            `json:"resident_bytes"`
	Virtual   uint64            `json:"virtual_bytes"`
	Oldest    *time.Time        `json:"oldest_started"`
	User      float64           `json:"user_seconds"`
	System    float64           `json:"system_seconds"`
	Interrupt float64           `json:"interrupt_seconds"`
	Entries   uint64            `json:"entries"`
	Forks     uint64            `json:"forks"`
	Exits     uint64            `json:"exits"`
	Denials   map[string]uint64 `json:"denials"`
	Observed  map[string]uint64 `json:"observed"`    // denied, but let pass
	Lost      uint64            `json:"lost_events"` // of both
}

type config struct {
	Level     string           `json:"level"`
	Allow     []string         `json:"allow"`
	Deny      []string         `json:"deny"`
	Ports     []string         `json:"ports"`
	Strict    bool             `json:"strict"`
	Observe   bool             `json:"observe"`
	Processes uint32           `json:"processes"` // at most; 0 for no cap
	Limits    map[string]limit `json:"limits"`
}

// limit is a soft and a hard limit; null for none.
type limit struct {
	Soft *uint64 `json:"soft"`
	Hard *uint64 `json:"hard"`
}

func newShown(j *secmodel.Jail) shown {
	s := shown{
		ID: j.ID, Name: j.Name, State: j.State.String(), Root: j.Root,
		Created: j.Created.UTC(), Init: j.Init, Processes: j.Processes, Threads: j.Threads,
		Resident: j.Resident, Virtual: j.Virtual,
		User: j.User.Seconds(), System: j.System.Seconds(), Interrupt: j.Interrupt.Seconds(),
		Entries: j.Entries, Forks: j.Forks, Exits: j.Exits, Denials: j.Denials,
		Observed: j.Observed, Lost: j.Lost,
	}
	if !j.Oldest.IsZero() {
		oldest := j.Oldest.UTC()
		s.Oldest = &oldest
	}
	if j.Hidden() {
		return s
	}
	c := j.Config
	s.Config = &config{
		Level: c.Level.String(), Allow: append([]string{}, c.Allow...), Deny: append([]string{}, c.Deny...),
		Ports: ports(c.Ports), Strict: c.Strict, Observe: c.Observe, Processes: c.Processes, Limits: map[string]limit{},
	}
	for _, l := range c.Limits {
		s.Config.Limits[secmodel.LimitName(l.Resource)] = limit{finite(l.Soft), finite(l.Hard)}
	}
	return s
}

func finite(n uint64) *uint64 {
	if amount(n) == "unlimited" {
		return nil
	}
	return &n
}
