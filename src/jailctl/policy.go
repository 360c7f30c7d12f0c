package jailctl

import (
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/nearest"
	"jails/src/output"
	"jails/src/secmodel"
)

func policyCommand() *cli.Command {
	return &cli.Command{
		Name:      "policy",
		Usage:     "print what jails may do, as the kernel holds it",
		ArgsUsage: "[LEVEL|NAME|ID]",
		Description: "yes: as on the host. no: never. own: within the jail only. listed: harmless\n" +
			"devices only. port: by who has reserved the port. A WORD can allow or deny\n" +
			"the line for one jail; a line without is the floor, the same for all. With a\n" +
			"jail's name its own answers are printed, and BY is what they are due to.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "words", Usage: "print the words and what they mean"},
			command.JSON(),
		},
		BashComplete: completePolicy,
		Action:       connected(0, 1, policy),
	}
}

func policy(c *cli.Context, k *secmodel.Client, args []string) error {
	if c.Bool("words") {
		if len(args) != 0 {
			return command.Usage(c, errors.New("--words goes with no argument"))
		}
		return printWords(c, k)
	}
	rules, err := k.Policy()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return printPolicy(c, rules)
	}
	if level, err := secmodel.ParseLevel(args[0]); err == nil {
		return printAnswers(c, rules, level.String(), func(r *secmodel.Rule) (secmodel.Verdict, string) {
			return r.Verdict[level], ""
		})
	}
	j, err := k.Lookup(args[0])
	if errors.Is(err, secmodel.ErrNoJail) {
		if near := nearest.Of(args[0], levelNames()); near != "" {
			return fmt.Errorf("%w, and no level; did you mean %q?", err, near)
		}
	}
	if err != nil {
		return err
	}
	if j.Hidden() {
		return fmt.Errorf("the answers of jail %q: %w", j.Name, secmodel.ErrNotRoot)
	}
	return printAnswers(c, rules, j.Name, func(r *secmodel.Rule) (secmodel.Verdict, string) { return answer(&j, r) })
}

func levelNames() []string {
	return []string{secmodel.Low.String(), secmodel.Medium.String(), secmodel.High.String()}
}

// answer is what a rule answers for a jail, and what that is due to. It says
// what sys/secmodel/jail/jail_policy.c does.
func answer(j *secmodel.Jail, r *secmodel.Rule) (secmodel.Verdict, string) {
	switch {
	case r.Word == "":
		return r.Verdict[j.Config.Level], "floor"
	case slices.Contains(j.Config.Deny, r.Word):
		return secmodel.Deny, "deny"
	case !slices.Contains(j.Config.Allow, r.Word):
		return r.Verdict[j.Config.Level], "level"
	}
	switch v := r.Verdict[secmodel.Low]; v {
	case secmodel.Own, secmodel.Listed:
		return v, "allow"
	}
	return secmodel.Defer, "allow"
}

func printPolicy(c *cli.Context, rules []secmodel.Rule) error {
	if c.Bool("json") {
		all := make([]rule, len(rules))
		for i := range rules {
			r := &rules[i]
			all[i] = newRule(r)
			all[i].Low, all[i].Medium, all[i].High = r.Verdict[0].String(), r.Verdict[1].String(), r.Verdict[2].String()
		}
		return output.JSON(c.App.Writer, all)
	}
	t := output.NewTable("SCOPE", "ACTION", "LOW", "MEDIUM", "HIGH", "WORD", "MEANING")
	for _, r := range rules {
		t.Row(r.Scope, r.Name, r.Verdict[0].String(), r.Verdict[1].String(), r.Verdict[2].String(), r.Word, r.What)
	}
	return t.Print(c.App.Writer)
}

// printAnswers prints the answers of a level, or of a jail with their causes.
func printAnswers(c *cli.Context, rules []secmodel.Rule, name string, answer func(*secmodel.Rule) (secmodel.Verdict, string)) error {
	all := make([]rule, len(rules))
	ofJail := false
	for i := range rules {
		v, by := answer(&rules[i])
		all[i] = newRule(&rules[i])
		all[i].Answer, all[i].By = v.String(), by
		ofJail = ofJail || by != ""
	}
	if c.Bool("json") {
		return output.JSON(c.App.Writer, all)
	}
	t := output.NewTable("SCOPE", "ACTION", name)
	if ofJail {
		t.Add("BY")
	}
	t.Add("WORD", "MEANING")
	for _, r := range all {
		row := []string{r.Scope, r.Action, r.Answer}
		if ofJail {
			row = append(row, r.By)
		}
		t.Row(append(row, r.Word, r.Meaning)...)
	}
	return t.Print(c.App.Writer)
}

// rule is a rule as JSON: with the answer at each level, or with one answer
// for the level or the jail that was asked for.
type rule struct {
	Scope   string `json:"scope"`
	Action  string `json:"action"`
	Low     string `json:"low,omitempty"`
	Medium  string `json:"medium,omitempty"`
	High    string `json:"high,omitempty"`
	Answer  string `json:"answer,omitempty"`
	By      string `json:"by,omitempty"` // of a jail: floor, level, allow, deny
	Word    string `json:"word"`         // "" for the floor
	Meaning string `json:"meaning"`
}

func newRule(r *secmodel.Rule) rule {
	return rule{Scope: r.Scope, Action: r.Name, Word: r.Word, Meaning: r.What}
}

func printWords(c *cli.Context, k *secmodel.Client) error {
	all, err := k.Words()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		list := make([]word, len(all))
		for i, w := range all {
			list[i] = word{w.Name, w.What}
		}
		return output.JSON(c.App.Writer, list)
	}
	t := output.NewTable("WORD", "MEANING")
	for _, w := range all {
		t.Row(w.Name, w.What)
	}
	return t.Print(c.App.Writer)
}

type word struct {
	Word    string `json:"word"`
	Meaning string `json:"meaning"`
}
