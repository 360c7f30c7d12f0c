package command

import (
	"os"

	"github.com/urfave/cli/v2"

	"jails/src/audit"
	"jails/src/exit"
	"jails/src/jail"
)

// actCategory marks verbs that are acts; no help shows categories.
const actCategory = "acts"

// asGiven is where an app keeps its arguments as they were given.
const asGiven = "arguments"

// Given tells what the arguments were, where Run is given others.
func Given(app *cli.App, args []string) {
	app.Metadata = map[string]any{asGiven: args[min(1, len(args)):]}
}

// Act marks a verb of a command's table as one that changes something: what
// root does with it is recorded in the audit trail, with those jails that about
// gives, and not where it says that this is no act. Verbs record nothing
// themselves; they may say more about the act that audit.From gives.
func Act(about func(c *cli.Context) (jails []string, act bool), verb *cli.Command) *cli.Command {
	verb.Category = actCategory
	run := verb.Action
	verb.Action = func(c *cli.Context) error {
		jails, act := about(c)
		if !act || os.Geteuid() != 0 { // others can not, neither do it nor write there
			return run(c)
		}
		given, _ := c.App.Metadata[asGiven].([]string)
		doing := audit.Start(audit.Trail{Path: jail.Paths().Audit()}, c.App.Name, verb.Name, given, jails, c.App.ErrWriter)
		c.Context = audit.With(c.Context, doing)
		err := run(c)
		doing.End(exit.Code(err), err)
		return err
	}
	return verb
}

// IsAct says whether a verb is marked by Act.
func IsAct(verb *cli.Command) bool { return verb.Category == actCategory }

// OnFirst is for Act: the jail that the first argument names.
func OnFirst(c *cli.Context) ([]string, bool) { return c.Args().Slice()[:min(1, c.NArg())], true }

// OnEach is for Act: the jails that the arguments name, or else those that the
// verb chooses itself. It is none with --dry-run.
func OnEach(c *cli.Context) ([]string, bool) {
	act := !c.Bool("dry-run")
	if c.NArg() == 0 {
		return []string{audit.AllJails}, act
	}
	return c.Args().Slice(), act
}

// OnNone is for Act: what is about no jail.
func OnNone(*cli.Context) ([]string, bool) { return nil, true }
