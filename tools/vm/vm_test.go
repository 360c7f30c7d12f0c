package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"jails/tools/vm/plan"
)

func TestSpecNamesParentsOnceAndFirst(t *testing.T) {
	got := spec([]file{{"sbin/init", "", 0o755}, {"a/b/c", "", 0o644}}, []string{"a", "tmp"})
	seen := map[string]bool{}
	for _, line := range strings.Split(got, "\n")[2:] {
		path, _, _ := strings.Cut(line, " ")
		if path == "" {
			continue
		}
		if seen[path] {
			t.Errorf("%s comes twice", path)
		}
		seen[path] = true
		if dir := path[:max(strings.LastIndexByte(path, '/'), 0)]; dir != "" && dir != "./dev" && !seen[dir] {
			t.Errorf("%s comes before %s", path, dir)
		}
	}
	for _, want := range []string{
		"./tmp type=dir mode=1777", "./a/b/c type=file mode=0644",
		"./dev/null type=char mode=0666 device=514", "./dev/urandom type=char mode=0644 device=11777",
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestRelay(t *testing.T) {
	for _, c := range []struct {
		name, console string
		up, done      bool
		status        int
		fatal         string
	}{
		{name: "silence"},
		{name: "up", console: "boot\r\n" + plan.Line("t", plan.Up), up: true},
		{name: "passed", console: plan.Line("t", plan.Up) + plan.Line("t", plan.Status, "0"), up: true, done: true},
		{name: "failed", console: plan.Line("t", plan.Status, "1"), done: true, status: 1},
		{name: "another token", console: plan.Line("x", plan.Up) + plan.Line("x", plan.Status, "0")},
		{name: "no number", console: plan.Line("t", plan.Status, "fine")},
		{name: "panic", console: "[ 1.0] panic: kernel diagnostic assertion\ntrace\n", fatal: "[ 1.0] panic: kernel diagnostic assertion"},
		{name: "no newline at the end", console: strings.TrimSpace(plan.Line("t", plan.Status, "0")), done: true},
	} {
		w := &watch{token: "t", out: io.Discard, up: make(chan struct{}), fatal: make(chan string, 1)}
		if err := w.relay(strings.NewReader(c.console)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		up := false
		select {
		case <-w.up:
			up = true
		default:
		}
		fatal := ""
		select {
		case fatal = <-w.fatal:
		default:
		}
		if up != c.up || w.done != c.done || w.status != c.status || fatal != c.fatal {
			t.Errorf("%s: up %v, done %v, status %d, fatal %q", c.name, up, w.done, w.status, fatal)
		}
	}
}

func TestParse(t *testing.T) {
	for _, args := range []string{"", "-kernel k extra", "-kernel k -unload perhaps", "-kernel k -step x", "-kernel k -step x=", "-kernel k -file /x=/no/such"} {
		if _, err := parse(strings.Fields(args), new(bytes.Buffer)); err == nil {
			t.Errorf("%q passes", args)
		}
	}
	o, err := parse([]string{"-kernel", "k", "-test", "-step", "demo=/tests/demo -x"}, new(bytes.Buffer))
	if err != nil || len(o.steps) != 2 || o.steps[0].Name != "conformance" || o.steps[1].Argv[1] != "-x" {
		t.Errorf("%+v %v", o, err)
	}
}
