// Package jailservice is the verb service of jailctl and of jailmgr: the
// services of one jail that runs. It asks the jail's jail-init, which answers
// whether or not there is a supervisor at the moment.
package jailservice

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"jails/src/audit"
	"jails/src/command"
	"jails/src/control"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/nearest"
	"jails/src/supervise"
)

// Jails is what the command that has the verb knows of jails.
type Jails struct {
	Find     func(c *cli.Context, arg string) (name string, err error)
	Absent   func(name string) error // why no jail-init answers for that jail
	Complete cli.BashCompleteFunc    // prints the jails for a shell
}

// verb is what may follow the jail.
type verb struct {
	name  string
	least int    // services that it needs
	op    string // what jail-init is asked, or ""
	past  string // what was done then
	run   func(r *request) error
}

func verbs() []verb {
	return []verb{
		{name: "list", run: list},
		{name: "status", run: status},
		{name: "why", run: why},
		{name: "start", least: 1, op: control.OpStart, past: "Started", run: act},
		{name: "stop", least: 1, op: control.OpStop, past: "Stopped", run: act},
		{name: "restart", least: 1, op: control.OpRestart, past: "Restarted", run: act},
		{name: "kill", least: 1, op: control.OpKill, past: "Signalled", run: act},
		{name: "clear", least: 1, op: control.OpClear, past: "Cleared", run: act},
	}
}

// answerTime bounds how long a jail is waited for that is asked how it is.
const answerTime = 2 * time.Second

// Command is the verb service.
func Command(j Jails) *cli.Command {
	return &cli.Command{
		Name:      "service",
		Usage:     "list the services of a jail that runs, start and stop them, say why they are as they are",
		ArgsUsage: "JAIL [list|status|why [SERVICE]... | start|stop|restart|kill|clear SERVICE...]",
		Description: "Without more than JAIL it is list. start, stop and restart return when the\n" +
			"services are ready, completed or down; when that fails, or the time is over,\n" +
			"they exit 75. kill sends a signal to the service's own process. clear takes a\n" +
			"service that has failed for one that is down; start and restart do that too.",
		Flags: []cli.Flag{
			command.JSON(),
			&cli.StringFlag{Name: "signal", Aliases: []string{"s"}, Usage: "kill sends `SIGNAL`, a name or a number", Value: "TERM"},
			&cli.DurationFlag{Name: "timeout", Aliases: []string{"w"}, Usage: "wait for `TIME` at most; 0 for ever", Value: time.Minute},
		},
		BashComplete: func(c *cli.Context) { complete(c, j) },
		Action:       func(c *cli.Context) error { return run(c, j) },
	}
}

// Acts is for command.Act: what changes services is an act, to show them is
// not.
func Acts(c *cli.Context) ([]string, bool) {
	at := slices.IndexFunc(verbs(), func(v verb) bool { return v.name == c.Args().Get(1) })
	return []string{c.Args().First()}, at >= 0 && verbs()[at].op != ""
}

// request is one use of the verb.
type request struct {
	*cli.Context
	verb
	client   *control.Client
	status   control.Status
	services []control.Service // those that are named, or all
}

func run(c *cli.Context, j Jails) error {
	args, err := command.Args(c, 1, -1)
	if err != nil {
		return err
	}
	r := &request{Context: c}
	if r.verb, err = find(c, args[1:]); err != nil {
		return err
	}
	name, err := j.Find(c, args[0])
	if err != nil {
		return err
	}
	audit.From(c.Context).Concerns(name)
	ctx, stop := signal.NotifyContext(c.Context, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	c.Context = ctx
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	r.client, err = control.Dial(ctx, jail.Paths().ControlSocket(name))
	if errors.Is(err, control.ErrNotRunning) {
		if supervise.Running(name) {
			return &exit.Error{Code: exit.Temporary, Msg: fmt.Sprintf("the services of jail %s do not run at this moment", name), Hint: "see: jailmgr status " + name}
		}
		return j.Absent(name)
	}
	if err != nil {
		return err
	}
	defer r.client.Close()
	if r.status, err = r.client.Status(ctx); err != nil {
		return fmt.Errorf("ask the services of jail %s: %w", name, err)
	}
	if r.services, err = pick(c, &r.status, args[min(2, len(args)):]); err != nil {
		return err
	}
	return r.run(r)
}

// find is the verb that stands behind the jail.
func find(c *cli.Context, args []string) (verb, error) {
	all := verbs()
	if len(args) == 0 {
		return all[0], nil
	}
	for _, a := range args {
		if strings.HasPrefix(a, "-") { // no service's name does
			return verb{}, command.Usage(c, fmt.Errorf("option %q must come before %q", a, c.Args().First()))
		}
	}
	i := slices.IndexFunc(all, func(v verb) bool { return v.name == args[0] })
	if i < 0 {
		var names []string
		for _, v := range all {
			names = append(names, v.name)
		}
		near := nearest.Of(args[0], names)
		if near != "" {
			near = fmt.Sprintf("; did you mean %q?", near)
		}
		return verb{}, command.Usage(c, fmt.Errorf("nothing called %q can be done to services%s", args[0], near))
	}
	switch v := all[i]; {
	case len(args)-1 < v.least:
		return v, command.Usage(c, fmt.Errorf("%s needs the name of a service", v.name))
	case c.IsSet("signal") && v.op != control.OpKill:
		return v, command.Usage(c, errors.New("--signal goes with kill only"))
	case c.Duration("timeout") < 0:
		return v, command.Usage(c, errors.New("--timeout: a time can not be negative"))
	}
	return all[i], nil
}

// pick is those of a jail's services that are named, each once; all if none
// is.
func pick(c *cli.Context, st *control.Status, names []string) ([]control.Service, error) {
	if len(names) == 0 {
		return st.Services, nil
	}
	var picked []control.Service
	for i, name := range names {
		at := slices.IndexFunc(st.Services, func(s control.Service) bool { return s.Name == name })
		if at < 0 {
			var known []string
			for _, s := range st.Services {
				known = append(known, s.Name)
			}
			msg := fmt.Sprintf("jail %s has no service %q", st.Jail, name)
			if near := nearest.Of(name, known); near != "" {
				msg += fmt.Sprintf("; did you mean %q?", near)
			}
			return nil, &exit.Error{Code: exit.NoInput, Msg: msg, Hint: "see: " + c.Command.HelpName + " " + st.Jail}
		}
		if !slices.Contains(names[:i], name) {
			picked = append(picked, st.Services[at])
		}
	}
	return picked, nil
}

// complete offers jails, then verbs, then the jail's services.
func complete(c *cli.Context, j Jails) {
	args := c.Args().Slice()
	switch len(args) {
	case 0:
		j.Complete(c)
		return
	case 1:
		for _, v := range verbs() {
			fmt.Fprintln(c.App.Writer, v.name)
		}
		return
	}
	// What is wrong now will be told when the command runs.
	name, err := j.Find(c, args[0])
	if err != nil {
		return
	}
	for _, s := range serviceNames(c.Context, name) {
		if !slices.Contains(args[2:], s) {
			fmt.Fprintln(c.App.Writer, s)
		}
	}
}

// serviceNames are those that the jail runs, or else has in its definition.
func serviceNames(ctx context.Context, name string) (names []string) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	layout := jail.Paths()
	if client, err := control.Dial(ctx, layout.ControlSocket(name)); err == nil {
		defer client.Close()
		if st, err := client.Status(ctx); err == nil {
			for _, s := range st.Services {
				// A shell puts it on the command line as it is.
				if jail.CheckName(s.Name) == nil {
					names = append(names, s.Name)
				}
			}
			return names
		}
	}
	if def, err := layout.Load(name); err == nil {
		for _, s := range def.Services {
			names = append(names, s.Name)
		}
	}
	return names
}

// sentence joins clauses, without those that are empty.
func sentence(clauses ...string) string {
	return strings.Join(slices.DeleteFunc(clauses, func(s string) bool { return s == "" }), "; ")
}
