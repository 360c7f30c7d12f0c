package main

import (
	"bytes"
	"io"
	"slices"
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
		{name: "lock", console: "Mutex error: mutex_vector_enter,509: locking against myself\n", fatal: "Mutex error: mutex_vector_enter,509: locking against myself"},
		{name: "trap", console: "[ 9.1] fatal page fault in supervisor mode\n", fatal: "[ 9.1] fatal page fault in supervisor mode"},
		{name: "debugger", console: "db{0}> \n", fatal: "db{0}> "},
		{name: "panic at the end", console: plan.Line("t", plan.Status, "0") + "panic: x\n", done: true, fatal: "panic: x"},
		{name: "tests that fail", console: "    a_test.go:1: no panic\nFatal: no\n"},
		{name: "no newline at the end", console: strings.TrimSpace(plan.Line("t", plan.Status, "0")), done: true},
	} {
		w := newWatch("t", io.Discard, io.Discard)
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

func TestReport(t *testing.T) {
	var terminal, record strings.Builder
	w := newWatch("t", &terminal, &record)
	console := plan.Line("t", plan.Begin, "a") + `=== RUN   TestOne
--- PASS: TestOne (0.00s)
=== RUN   TestTwo
=== RUN   TestTwo/part
    two_test.go:7: no such thing: get one
--- PASS: TestTwo (0.01s)
    --- SKIP: TestTwo/part (0.00s)
=== RUN   TestThree
    three_test.go:8: wrong
--- FAIL: TestThree (0.00s)
rule of thumb: none
12 cases
` + plan.Line("t", plan.End, "a", "1") + plan.Line("t", plan.Begin, "b")
	if err := w.relay(strings.NewReader(console)); err != nil {
		t.Fatal(err)
	}
	w.report.print()
	want := `vm: begin a
    two_test.go:7: no such thing: get one
    three_test.go:8: wrong
--- FAIL: TestThree (0.00s)
12 cases
vm: begin b
vm: a ended with status 1; tests: 2 passed, 1 failed, 1 skipped
vm: a skipped TestTwo/part: no such thing: get one
vm: b has not ended
`
	if terminal.String() != want {
		t.Errorf("the terminal has\n%s\nwant\n%s", terminal.String(), want)
	}
	if record.String() != console {
		t.Errorf("the record has\n%s\nwant\n%s", record.String(), console)
	}
}

func TestParse(t *testing.T) {
	for _, args := range []string{"", "-kernel k extra", "-kernel k -unload perhaps", "-kernel k -step x", "-kernel k -step x=", "-kernel k -file /x=/no/such", "-kernel k -test ./no/such", "-kernel k -count -accel kvm"} {
		if _, err := parse(strings.Fields(args), new(bytes.Buffer)); err == nil {
			t.Errorf("%q passes", args)
		}
	}
	for long, want := range map[string]int{"": 20, "1": 1000} {
		t.Setenv("JAILS_LONG", long)
		if o, err := parse([]string{"-kernel", "k"}, new(bytes.Buffer)); err != nil || o.loads != want {
			t.Errorf("JAILS_LONG=%q: %+v %v, want %d loads", long, o, err, want)
		}
		if o, err := parse([]string{"-kernel", "k", "-loads", "7"}, new(bytes.Buffer)); err != nil || o.loads != 7 {
			t.Errorf("JAILS_LONG=%q: %+v %v, want 7 loads", long, o, err)
		}
	}
	o, err := parse([]string{"-kernel", "k", "-test", "./plan", "-step", "demo=/tests/demo -x"}, new(bytes.Buffer))
	if err != nil || len(o.steps) != 2 || o.steps[0].Name != "plan" || o.steps[0].Argv[0] != "/tests/plan/test" || o.steps[1].Argv[1] != "-x" {
		t.Errorf("%+v %v", o, err)
	}
	o, err = parse([]string{"-kernel", "k", "-count", "-step", "a=/a"}, new(bytes.Buffer))
	if err != nil || o.machine.cpus != 1 || !slices.Contains(o.steps[0].Env, "VM_CLOCK=instructions") ||
		!slices.Contains(o.machine.args(o, "tcg", "img"), "-icount") {
		t.Errorf("-count: %+v %v", o, err)
	}
}
