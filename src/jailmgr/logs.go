package jailmgr

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/lifecycle"
	"jails/src/logs"
	"jails/src/nearest"
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
			&cli.StringFlag{Name: "since", Usage: "print lines since `TIME` only: 10m ago, or as in 15:04 or \"2006-01-02 15:04\""},
			&cli.StringFlag{Name: "until", Usage: "print lines from before `TIME` only"},
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
	if filter.Since, err = momentOf(c, "since"); err != nil {
		return err
	}
	if filter.Until, err = momentOf(c, "until"); err != nil {
		return err
	}
	if c.IsSet("until") && c.Bool("follow") {
		return command.Usage(c, errors.New("--follow goes on with new lines, which --until leaves out"))
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
	print, unknown := h.logPrinter(names), h.unknownService(names, filter.Services)
	if c.Bool("follow") {
		if unknown != nil { // it may come yet
			exit.Report(c.App.ErrWriter, c.App.Name, unknown)
		}
		return logs.Follow(ctx, dirs, filter, last, print)
	}
	any := false
	err = logs.Tail(dirs, filter, last, func(place int, l logs.Line) error {
		any = true
		return print(place, l)
	})
	if err == nil && !any {
		err = unknown // and none that there was once
	}
	return err
}

// unknownService says that none of the jails has one of the services, as far as
// that can be told.
func (h *host) unknownService(names, services []string) error {
	known := []string{"jail-init", "supervisor", "syslog"}
	for _, name := range names {
		def, err := h.Layout.Load(name)
		if err != nil {
			return nil
		}
		for _, s := range def.Services {
			known = append(known, s.Name)
		}
	}
	for _, s := range services {
		if !slices.Contains(known, s) {
			msg := fmt.Sprintf("no service %q in jail %s", s, strings.Join(names, ", "))
			if near := nearest.Of(s, known); near != "" {
				msg += fmt.Sprintf("; did you mean %q?", near)
			}
			return &exit.Error{Code: exit.NoInput, Msg: msg}
		}
	}
	return nil
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
