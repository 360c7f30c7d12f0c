package main

import (
	"fmt"
	"io"
	"strings"
)

// report counts what the steps' Go tests say, and keeps most of it from the
// terminal; the console's record has it all.
type report struct {
	terminal io.Writer
	steps    []*stepReport
	said     map[string]string // the last words of each test
	test     string            // that which speaks
}

// stepReport is of one step.
type stepReport struct {
	name                    string
	status                  string // "" until it has ended
	passed, failed, skipped int
	skips                   []string
}

// line is one of the console.
func (r *report) line(s string) {
	f := strings.Fields(s)
	switch {
	case len(f) == 3 && f[0] == "===":
		r.test = f[2]
		return
	case len(f) >= 3 && f[0] == "---":
		if r.result(f[1], strings.TrimSuffix(f[2], ":")) {
			return
		}
	case strings.HasPrefix(s, "rule "):
		return
	case strings.Contains(s, "_test.go:"):
		if r.said == nil {
			r.said = map[string]string{}
		}
		_, words, _ := strings.Cut(s, "_test.go:")
		_, words, _ = strings.Cut(words, ": ")
		r.said[r.test] = words
	}
	fmt.Fprintln(r.terminal, s)
}

// result counts a test's, and says whether that is all there is to do.
func (r *report) result(how, test string) bool {
	step := r.step()
	switch how {
	case "PASS:":
		step.passed++
		return true
	case "SKIP:":
		step.skipped++
		step.skips = append(step.skips, test+": "+r.said[test])
		return true
	case "FAIL:":
		step.failed++
	}
	return false
}

// step is the one that runs.
func (r *report) step() *stepReport {
	if len(r.steps) == 0 || r.steps[len(r.steps)-1].status != "" {
		r.steps = append(r.steps, new(stepReport))
	}
	return r.steps[len(r.steps)-1]
}

func (r *report) begin(name string) { r.step().name = name }

func (r *report) end(status string) { r.step().status = status }

// print says how each step went.
func (r *report) print() {
	for _, s := range r.steps {
		if s.name == "" {
			continue
		}
		how := "ended with status " + s.status
		if s.status == "" {
			how = "has not ended"
		}
		if s.passed+s.failed+s.skipped > 0 {
			how += fmt.Sprintf("; tests: %d passed, %d failed, %d skipped", s.passed, s.failed, s.skipped)
		}
		fmt.Fprintf(r.terminal, "vm: %s %s\n", s.name, how)
		for _, k := range s.skips {
			fmt.Fprintf(r.terminal, "vm: %s skipped %s\n", s.name, k)
		}
	}
}
