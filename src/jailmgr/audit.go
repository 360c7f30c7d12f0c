package jailmgr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"jails/src/audit"
	"jails/src/output"
)

func auditCommand() *cli.Command {
	return &cli.Command{
		Name:         "audit",
		Usage:        "print what administrators did to jails, and what jails were denied",
		ArgsUsage:    "[NAME]...",
		BashComplete: completeJails,
		Description: "Each act has a line, once it has ended; those that have not, for they were\n" +
			"killed or go on, come last. Times are local. With --json each record is an\n" +
			"object, as in the file.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with the records to come"},
			&cli.StringFlag{Name: "since", Usage: "print records since `TIME` only: 10m ago, or as in 15:04 or \"2006-01-02 15:04\""},
			&cli.BoolFlag{Name: "json", Usage: "print each record as a JSON object"},
		},
		Action: on(withoutKernel, showAudit),
	}
}

// auditView prints records as they come.
type auditView struct {
	h      *host
	jails  []string // of these, or all
	since  time.Time
	open   map[string]*audit.Record // acts that have begun, by id
	caught bool                     // what comes now is new
}

func showAudit(ctx context.Context, h *host) error {
	v := &auditView{h: h, open: map[string]*audit.Record{}}
	if h.c.Args().Present() {
		var err error
		if v.jails, err = several(h.c); err != nil {
			return err
		}
	}
	var err error
	if v.since, err = momentOf(h.c, "since"); err != nil {
		return err
	}
	if h.c.Bool("follow") {
		return audit.Follow(ctx, h.Layout.Audit(), v.record, v.rest)
	}
	return errors.Join(audit.Read(h.Layout.Audit(), v.record), v.rest())
}

func (v *auditView) wanted(r *audit.Record) bool {
	// What comes now is new, also if the clock was set back.
	return (v.caught || !r.Time.Before(v.since)) &&
		(len(v.jails) == 0 || r.Event == audit.Damaged || slices.Contains(r.Jails, audit.AllJails) || slices.ContainsFunc(r.Jails, func(j string) bool { return slices.Contains(v.jails, j) }))
}

func (v *auditView) record(r *audit.Record) error {
	// An id may turn out to be a jail that is not wanted, or one that is.
	if r.Event == audit.End {
		delete(v.open, r.ID)
	}
	if !v.wanted(r) {
		return nil
	}
	if v.h.c.Bool("json") {
		return output.Line(v.h.c.App.Writer, r)
	}
	if r.Event == audit.Begin && !v.caught {
		v.open[r.ID] = r
		return nil
	}
	return v.print(r, "")
}

// rest prints those acts that have begun and not ended.
func (v *auditView) rest() error {
	v.caught = true
	for _, r := range slices.SortedFunc(maps.Values(v.open), func(a, b *audit.Record) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) }) {
		if err := v.print(r, ", not ended"); err != nil {
			return err
		}
	}
	v.open = nil
	return nil
}

// print prints a record; of one that begins open says what is known of its end.
func (v *auditView) print(r *audit.Record, open string) error {
	text := ""
	switch r.Event {
	case audit.Begin:
		text = actText(r) + open
	case audit.End:
		text = actText(r)
	case audit.Denied:
		text = deniedText(r)
	default:
		_, err := fmt.Fprintf(v.h.c.App.Writer, "%-19s damaged: %s\n", "", output.Text(r.Text))
		return err
	}
	_, err := fmt.Fprintf(v.h.c.App.Writer, "%s %s\n", r.Time.Local().Format(time.DateTime), output.Text(text))
	return err
}

// actText is "root (alice, pts/3): jailmgr stop web: exit 75 after 2.1 s: …".
func actText(r *audit.Record) string {
	a := r.Act
	who := cmp.Or(a.User, fmt.Sprintf("uid %d", a.UID))
	var from []string
	if a.Login != "" && a.Login != a.User {
		from = append(from, "login "+a.Login)
	}
	if a.TTY != "" {
		from = append(from, a.TTY)
	}
	if len(from) > 0 {
		who += " (" + strings.Join(from, ", ") + ")"
	}
	words := []string{a.Command}
	for _, w := range a.Args {
		words = append(words, quoteWord(w))
	}
	if a.ArgsCut > 0 {
		words = append(words, "…")
	}
	text := who + ": " + strings.Join(words, " ") + ": "
	switch {
	case r.Event == audit.Begin:
		return text + fmt.Sprintf("begun by process %d", a.PID)
	case a.Became:
		return text + "became that program"
	case a.Code != nil && *a.Code == 0:
		text += "done"
	case a.Code != nil:
		text += fmt.Sprintf("exit %d", *a.Code)
	}
	if a.Seconds != nil {
		text += " after " + took(time.Duration(*a.Seconds*float64(time.Second)))
	}
	if a.Error != "" {
		text += ": " + a.Error
	}
	for _, jail := range slices.Sorted(maps.Keys(a.Failed)) {
		if len(r.Jails) > 1 {
			text += fmt.Sprintf("; %s: %s", jail, a.Failed[jail])
		}
	}
	for _, f := range a.Files {
		text += "; " + f.Path + " " + filesText(f)
	}
	return text
}

// filesText is the beginnings of the digests of what a file held, before and
// after.
func filesText(f audit.File) string {
	short := func(digest string) string { return cmp.Or(digest[:min(len(digest), 12)], "none") }
	if f.Before == f.After {
		return short(f.After)
	}
	return short(f.Before) + " to " + short(f.After)
}

// quoteWord shows where an argument begins and ends.
func quoteWord(w string) string {
	if w != "" && !strings.ContainsAny(w, " \t\n'\"\\$`*?;&|<>()#~") {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// deniedText is "jail web: refused network.bind, 12 times, last by httpd[77] uid 0".
func deniedText(r *audit.Record) string {
	d := r.Denial
	text := "jail " + strings.Join(r.Jails, ", ") + ": "
	if d.Count > 0 {
		text += d.Result + " " + d.Action
		if d.Count > 1 {
			text += fmt.Sprintf(", %d times", d.Count)
		}
		text += fmt.Sprintf(" by %s[%d] uid %d", d.Program, d.Process, d.User)
	}
	if d.Lost > 0 {
		if d.Count > 0 {
			text += "; "
		}
		text += fmt.Sprintf("%d more that are not known", d.Lost)
	}
	return text
}
