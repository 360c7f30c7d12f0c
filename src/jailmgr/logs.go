package jailmgr

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/jail"
	"jails/src/lifecycle"
	"jails/src/logs"
	"jails/src/output"
)

func logsCommand() *cli.Command {
	return &cli.Command{
		Name:         "logs",
		Usage:        "print what the services of jails wrote",
		ArgsUsage:    "NAME...",
		BashComplete: completeJails,
		Description: "Lines of several jails are in the order of time. Times are local. What could\n" +
			"change a terminal stands as \\xNN.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with the lines to come"},
			&cli.IntFlag{Name: "lines", Aliases: []string{"n"}, Usage: "print the last `NUMBER` lines only", DefaultText: "all"},
			&cli.StringSliceFlag{Name: "service", Aliases: []string{"s"}, Usage: "print lines of `SERVICE` only; repeat for more"},
			&cli.StringFlag{Name: "stream", Usage: "print lines of `STREAM` only: out or err"},
			&cli.DurationFlag{Name: "since", Usage: "print lines of the last `TIME` only, as in 10m"},
			&cli.DurationFlag{Name: "until", Usage: "print lines that are older than `TIME` only, as in 5m"},
			&cli.StringFlag{Name: "grep", Aliases: []string{"g"}, Usage: "print lines that hold `TEXT` only"},
			&cli.BoolFlag{Name: "json", Usage: "print each line as a JSON object"},
		},
		Action: on(withoutKernel, showLogs),
	}
}

// logLine is a line in JSON.
type logLine struct {
	Time    time.Time `json:"time"`
	Jail    string    `json:"jail"`
	Service string    `json:"service"`
	Stream  string    `json:"stream"`
	Partial bool      `json:"partial,omitempty"` // the service's line goes on in the next
	Text    string    `json:"text"`
}

func showLogs(ctx context.Context, h *host) error {
	c := h.c
	names, err := several(c)
	if err != nil {
		return err
	}
	filter := logs.Filter{Services: c.StringSlice("service"), Stream: c.String("stream"), Text: []byte(c.String("grep"))}
	if filter.Stream != "" && filter.Stream != "out" && filter.Stream != "err" {
		return command.Usage(c, fmt.Errorf("unknown stream %q: out or err", filter.Stream))
	}
	if since := c.Duration("since"); since > 0 {
		filter.Since = time.Now().Add(-since)
	}
	if c.IsSet("until") {
		if filter.Until = time.Now().Add(-c.Duration("until")); c.Bool("follow") {
			return command.Usage(c, errors.New("--follow goes on with new lines, which --until leaves out"))
		}
	}
	for _, s := range filter.Services {
		if err := jail.CheckName(s); err != nil {
			return command.Usage(c, err)
		}
	}
	last := -1
	if c.IsSet("lines") {
		if last = c.Int("lines"); last < 0 {
			return command.Usage(c, errors.New("--lines must not be negative"))
		}
	}
	var dirs []string
	for _, name := range names {
		dir := h.Layout.Log(name)
		dirs = append(dirs, dir)
		if err := h.logged(name, dir); err != nil {
			return err
		}
	}
	print := h.logPrinter(names)
	if c.Bool("follow") {
		return logs.Follow(ctx, dirs, filter, last, print)
	}
	return logs.Tail(dirs, filter, last, print)
}

// logged says that there is no such jail, if there is not.
func (h *host) logged(name, dir string) error {
	for _, path := range []string{dir, h.Layout.Definition(name)} {
		if _, err := os.Lstat(path); err == nil {
			return nil
		}
	}
	return &lifecycle.UnknownError{Name: name}
}

func (h *host) logPrinter(names []string) func(int, logs.Line) error {
	w := h.c.App.Writer
	if h.c.Bool("json") {
		return func(place int, l logs.Line) error {
			// Text may hold any byte; JSON has the form that is safe.
			return output.Line(w, logLine{l.Time, names[place], l.Service, l.Stream, !l.Full, string(logs.AppendSafe(nil, l.Text))})
		}
	}
	var b []byte
	return func(place int, l logs.Line) error {
		b = l.Time.Local().AppendFormat(b[:0], "2006-01-02 15:04:05.000 ")
		if len(names) > 1 {
			b = append(append(b, names[place]...), '/')
		}
		b = append(b, l.Service...)
		if l.Stream == "err" {
			b = append(b, '!')
		}
		b = append(b, ": "...)
		b = logs.AppendSafe(b, l.Text)
		if !l.Full {
			b = append(b, '\\')
		}
		_, err := w.Write(append(b, '\n'))
		return err
	}
}
