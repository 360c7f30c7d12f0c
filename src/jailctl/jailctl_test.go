package jailctl

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"jails/src/secmodel"
)

func TestTree(t *testing.T) {
	p := func(pid, parent int) secmodel.Process { return secmodel.Process{PID: pid, Parent: parent} }
	for name, c := range map[string]struct {
		all  []secmodel.Process
		want [][2]int // process id, depth
	}{
		"children follow their parents": {
			[]secmodel.Process{p(30, 20), p(10, 1), p(20, 10), p(25, 10), p(40, 2)},
			[][2]int{{10, 0}, {20, 1}, {30, 2}, {25, 1}, {40, 0}},
		},
		"a cycle, and its own parent": {
			[]secmodel.Process{p(1, 2), p(2, 1), p(3, 3)},
			[][2]int{{1, 0}, {2, 1}, {3, 0}},
		},
		"none": {},
	} {
		var got [][2]int
		for _, m := range tree("web", c.all) {
			got = append(got, [2]int{m.PID, m.depth})
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAnswer(t *testing.T) {
	const yes, no, own, port = secmodel.Defer, secmodel.Deny, secmodel.Own, secmodel.Port
	j := &secmodel.Jail{Config: secmodel.Config{Level: secmodel.High, Allow: []string{"chroot", "ptrace", "low-port"}, Deny: []string{"nice"}}}
	for _, c := range []struct {
		word    string
		verdict [3]secmodel.Verdict
		want    secmodel.Verdict
		by      string
	}{
		{"", [3]secmodel.Verdict{no, no, no}, no, "floor"},
		{"", [3]secmodel.Verdict{own, own, own}, own, "floor"},
		{"tty", [3]secmodel.Verdict{yes, yes, no}, no, "level"},
		{"chroot", [3]secmodel.Verdict{yes, yes, no}, yes, "allow"},
		{"chroot", [3]secmodel.Verdict{no, no, no}, yes, "allow"},
		{"ptrace", [3]secmodel.Verdict{own, own, no}, own, "allow"},
		{"low-port", [3]secmodel.Verdict{port, port, no}, yes, "allow"},
		{"nice", [3]secmodel.Verdict{own, own, own}, no, "deny"},
	} {
		if v, by := answer(j, &secmodel.Rule{Word: c.word, Verdict: c.verdict}); v != c.want || by != c.by {
			t.Errorf("%q %v: %v by %s, want %v by %s", c.word, c.verdict, v, by, c.want, c.by)
		}
	}
}

func TestParseLimit(t *testing.T) {
	const none = math.MaxUint64
	for s, want := range map[string]secmodel.Limit{
		"files=1024":       {Resource: 8, Soft: 1024, Hard: 1024},
		"nofile=1024":      {Resource: 8, Soft: 1024, Hard: 1024},
		"data=64MB":        {Resource: 2, Soft: 64 << 20, Hard: 64 << 20},
		"core=0:unlimited": {Resource: 4, Soft: 0, Hard: none},
		"cpu=unlimited":    {Resource: 0, Soft: none, Hard: none},
		"nthr=1:2":         {Resource: 11, Soft: 1, Hard: 2},
	} {
		if got, err := parseLimit(s); err != nil || got != want {
			t.Errorf("parseLimit(%q) = %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "nofile", "nofile=", "nofile=-1", "nofile=2:1", "nofile=unlimited:1", "file=1", "nofile=1:2:3", "nofile=9223372036854775808"} {
		if got, err := parseLimit(s); err == nil {
			t.Errorf("parseLimit(%q) = %v", s, got)
		}
	}
}

// The share is of the time between the snapshots; a new jail counts from 0,
// and a jail that is gone does not count.
func TestMeasure(t *testing.T) {
	before := &secmodel.Snapshot{Uptime: 10 * time.Second, Jails: []secmodel.Jail{{ID: 1, User: time.Second}, {ID: 2, User: 5 * time.Second}}}
	for _, c := range []struct {
		j    secmodel.Jail
		want float64
	}{
		{secmodel.Jail{ID: 1, User: 2 * time.Second, System: 3 * time.Second}, 2},
		{secmodel.Jail{ID: 3, Interrupt: time.Second}, 0.5},
	} {
		m := measure{j: &c.j}
		m.since(before, 12*time.Second)
		if *m.share != c.want {
			t.Errorf("jail %d: %v, want %v", c.j.ID, *m.share, c.want)
		}
		if m.since(before, 10*time.Second); *m.share != 0 {
			t.Errorf("in no time: %v", *m.share)
		}
	}
}

// Every verb can be asked for help, and explains each of its options.
func TestHelp(t *testing.T) {
	for _, v := range App().Commands {
		if v.Usage == "" || v.Action == nil {
			t.Errorf("%s says not what it does", v.Name)
		}
		for _, f := range v.Flags {
			if d := f.(cli.DocGenerationFlag); d.GetUsage() == "" && f.(cli.VisibleFlag).IsVisible() {
				t.Errorf("%s: option %s says not what it does", v.Name, strings.Join(f.Names(), " "))
			}
		}
	}
}
