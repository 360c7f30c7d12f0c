package jailctl

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/exit"
	"jails/src/metrics"
	"jails/src/output"
	"jails/src/secmodel"
)

func statsCommand() *cli.Command {
	return &cli.Command{
		Name:      "stats",
		Usage:     "print what the jails use, and were denied",
		ArgsUsage: "[NAME|ID]...",
		Description: "CPU is the time that the jail's processes have used, those that ended\n" +
			"included. With -w a column CPU% is added, measured over that time: 100.0% is\n" +
			"one processor. DENIED counts refused operations.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "print more columns"},
			&cli.BoolFlag{Name: "prometheus", Aliases: []string{"P"}, Usage: "print all jails' metrics in Prometheus' text format"},
			&cli.DurationFlag{Name: "window", Aliases: []string{"w"}, Usage: "measure for `TIME`, as in 1s, and print the share of the processors used"},
			command.JSON(),
		},
		BashComplete: completeJails,
		Action:       stats,
	}
}

func stats(c *cli.Context) error {
	window := c.Duration("window")
	if c.IsSet("window") && window < 10*time.Millisecond {
		return command.Usage(c, errors.New("-w: measure for 10ms at least"))
	}
	if !c.Bool("prometheus") {
		return connected(0, -1, func(c *cli.Context, k *secmodel.Client, args []string) error {
			return measureJails(c, k, args, window)
		})(c)
	}
	if c.Bool("json") || c.Bool("verbose") || window > 0 {
		return command.Usage(c, errors.New("-P goes with no other option"))
	}
	return connected(0, 0, func(c *cli.Context, k *secmodel.Client, _ []string) error {
		now, err := k.Jails()
		if err != nil {
			return err
		}
		return exit.With(metrics.WriteText(c.App.Writer, &now), exit.IO, "")
	})(c)
}

func measureJails(c *cli.Context, k *secmodel.Client, args []string, window time.Duration) (err error) {
	var before secmodel.Snapshot
	if window > 0 {
		if before, err = k.Jails(); err != nil {
			return err
		}
		select {
		case <-time.After(window):
		case <-c.Context.Done():
			return c.Context.Err()
		}
	}
	now, err := k.Jails()
	if err != nil {
		return err
	}
	jails, err := pick(now.Jails, args)
	if err != nil {
		return err
	}
	measured := make([]measure, len(jails))
	for i := range jails {
		measured[i] = measure{j: &jails[i]}
		if window > 0 {
			measured[i].since(&before, now.Uptime)
		}
	}
	if c.Bool("json") {
		return statsJSON(c, measured)
	}
	return statsTable(c, measured, window > 0)
}

// measure is a jail and the share of a processor that it used.
type measure struct {
	j     *secmodel.Jail
	share *float64
}

// since compares with an earlier snapshot, which may not have the jail.
func (m *measure) since(before *secmodel.Snapshot, uptime time.Duration) {
	used := m.j.CPU()
	if i := slices.IndexFunc(before.Jails, func(j secmodel.Jail) bool { return j.ID == m.j.ID }); i >= 0 {
		used -= before.Jails[i].CPU()
	}
	share := 0.0
	if elapsed := uptime - before.Uptime; elapsed > 0 {
		share = float64(used) / float64(elapsed)
	}
	m.share = &share
}

func statsTable(c *cli.Context, measured []measure, shares bool) error {
	t := output.NewTable(">ID", "NAME")
	if shares {
		t.Add(">CPU%")
	}
	t.Add(">CPU", ">PROC", ">MEMORY", ">DENIED")
	if c.Bool("verbose") {
		t.Add(">THREADS", ">VIRTUAL", ">ENTRIES", ">FORKS", ">EXITS", ">AGE", "DENIALS", "ROOT")
	}
	for _, m := range measured {
		j := m.j
		row := []string{j.ID.String(), j.Name}
		if shares {
			row = append(row, output.Percent(*m.share))
		}
		row = append(row, output.CPU(j.CPU()), strconv.Itoa(j.Processes), output.Size(j.Resident), number(secmodel.Sum(j.Denials)))
		if c.Bool("verbose") {
			row = append(row, strconv.Itoa(j.Threads), output.Size(j.Virtual), number(j.Entries), number(j.Forks), number(j.Exits),
				output.Span(time.Since(j.Created)), words(output.Counts(secmodel.Scopes[:], j.Denials)), j.Root)
		}
		t.Row(row...)
	}
	return t.Print(c.App.Writer)
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// stat is a jail's measurements as JSON.
type stat struct {
	ID        secmodel.ID       `json:"id"`
	Name      string            `json:"name"`
	State     string            `json:"state"`
	Share     *float64          `json:"cpu_ratio,omitempty"` // with -w; 1 is one processor
	User      float64           `json:"user_seconds"`
	System    float64           `json:"system_seconds"`
	Interrupt float64           `json:"interrupt_seconds"`
	Processes int               `json:"processes"`
	Threads   int               `json:"threads"`
	Resident  uint64            `json:"resident_bytes"`
	Virtual   uint64            `json:"virtual_bytes"`
	Entries   uint64            `json:"entries"`
	Forks     uint64            `json:"forks"`
	Exits     uint64            `json:"exits"`
	Denials   map[string]uint64 `json:"denials"`
	Observed  map[string]uint64 `json:"observed"`
}

func statsJSON(c *cli.Context, measured []measure) error {
	all := make([]stat, len(measured))
	for i, m := range measured {
		j := m.j
		all[i] = stat{
			ID: j.ID, Name: j.Name, State: j.State.String(), Share: m.share,
			User: j.User.Seconds(), System: j.System.Seconds(), Interrupt: j.Interrupt.Seconds(),
			Processes: j.Processes, Threads: j.Threads, Resident: j.Resident, Virtual: j.Virtual,
			Entries: j.Entries, Forks: j.Forks, Exits: j.Exits, Denials: j.Denials, Observed: j.Observed,
		}
	}
	return output.JSON(c.App.Writer, all)
}
