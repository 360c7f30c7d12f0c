package jailctl

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/output"
	"jails/src/secmodel"
)

func psCommand() *cli.Command {
	return &cli.Command{
		Name:      "ps",
		Usage:     "list the processes in jails, children below their parents",
		ArgsUsage: "[NAME|ID]...",
		Description: "UID is a number: the jail's users have their names in the jail. A process in\n" +
			"<angle brackets> has ended, and its parent has not asked for its status.",
		Flags:        []cli.Flag{command.JSON()},
		BashComplete: completeJails,
		Action:       ofJails(ps),
	}
}

func ps(c *cli.Context, k *secmodel.Client, jails []secmodel.Jail) error {
	all, err := k.Processes()
	if err != nil {
		return err
	}
	var rows []member
	for _, j := range jails {
		rows = append(rows, tree(j.Name, slices.DeleteFunc(slices.Clone(all), func(p secmodel.Process) bool { return p.Jail != j.ID }))...)
	}
	if c.Bool("json") {
		return psJSON(c, rows)
	}
	t := output.NewTable("JAIL", ">PID", ">PPID", ">UID", ">THREADS", ">MEMORY", ">CPU", ">AGE", "COMMAND")
	for _, m := range rows {
		p := m.Process
		name := p.Command
		if p.Zombie {
			name = "<" + name + ">"
		}
		t.Row(m.jail, strconv.Itoa(p.PID), strconv.Itoa(p.Parent), strconv.FormatUint(uint64(p.UID), 10), strconv.Itoa(p.Threads),
			output.Size(p.Resident), output.CPU(p.CPU), output.Span(time.Since(p.Started)), strings.Repeat("  ", m.depth)+name)
	}
	return t.Print(c.App.Writer)
}

// member is a process, and how many of its ancestors are in its jail.
type member struct {
	secmodel.Process
	jail  string
	depth int
}

// tree orders one jail's processes: parents before their children, in the
// order of their ids.
func tree(jail string, all []secmodel.Process) []member {
	slices.SortFunc(all, func(a, b secmodel.Process) int { return cmp.Compare(a.PID, b.PID) })
	children := map[int][]int{} // by parent, indices of all
	present := map[int]bool{}
	for i, p := range all {
		children[p.Parent] = append(children[p.Parent], i)
		present[p.PID] = true
	}
	rows := make([]member, 0, len(all))
	placed := make([]bool, len(all))
	var place func(i, depth int)
	place = func(i, depth int) {
		if placed[i] {
			return
		}
		placed[i] = true
		rows = append(rows, member{all[i], jail, depth})
		for _, child := range children[all[i].PID] {
			place(child, depth+1)
		}
	}
	for i, p := range all {
		if !present[p.Parent] {
			place(i, 0)
		}
	}
	for i := range all { // none is left, unless the list contradicts itself
		place(i, 0)
	}
	return rows
}

// process is a process as JSON.
type process struct {
	Jail     string      `json:"jail"`
	ID       secmodel.ID `json:"jail_id"`
	PID      int         `json:"pid"`
	Parent   int         `json:"ppid"`
	UID      uint32      `json:"uid"`
	Init     bool        `json:"init"`
	Zombie   bool        `json:"zombie"`
	Threads  int         `json:"threads"`
	Resident uint64      `json:"resident_bytes"`
	Virtual  uint64      `json:"virtual_bytes"`
	CPU      float64     `json:"cpu_seconds"`
	Started  time.Time   `json:"started"`
	Command  string      `json:"command"`
}

func psJSON(c *cli.Context, rows []member) error {
	all := make([]process, len(rows))
	for i, m := range rows {
		p := m.Process
		all[i] = process{
			Jail: m.jail, ID: p.Jail, PID: p.PID, Parent: p.Parent, UID: p.UID, Init: p.Init, Zombie: p.Zombie,
			Threads: p.Threads, Resident: p.Resident, Virtual: p.Virtual, CPU: p.CPU.Seconds(), Started: p.Started.UTC(), Command: p.Command,
		}
	}
	return output.JSON(c.App.Writer, all)
}
