// Summary runs all checks and tests and says at the end, by name and with the
// reason, what was skipped; so that nothing passes silently.
//
//	go run ./tests/summary [-check NAME[,PROGRAM]=COMMAND]... [-fuzz TIME [-fuzz-packages PATTERN]... [-fuzz-c-packages PATTERN]...] [-- GO-TEST-ARGUMENT...]...
//
// Packages with C are fuzzed with its sanitizers of addresses and of undefined
// behaviour.
//
// A check is skipped where the program that it needs is not installed. It exits
// with 0 if nothing failed, else with 1.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

func main() {
	s := &summary{out: os.Stdout, started: time.Now()}
	if err := s.run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(64)
	}
	s.print()
	if s.failed > 0 {
		os.Exit(1)
	}
}

// summary counts as it goes.
type summary struct {
	out            io.Writer
	started        time.Time
	passed, failed int
	failures       []string
	skips          []skip
}

type skip struct{ name, why string }

// run takes the command line apart and does it in its order, on to the end
// whatever fails.
func (s *summary) run(args []string) error {
	own, runs := split(args)
	var checks, patterns, cPatterns []string
	fuzz := ""
	for i := 0; i < len(own); i += 2 {
		if i+1 == len(own) {
			return fmt.Errorf("%s needs a value", own[i])
		}
		switch own[i] {
		case "-check":
			checks = append(checks, own[i+1])
		case "-fuzz":
			fuzz = own[i+1]
		case "-fuzz-packages":
			patterns = append(patterns, own[i+1])
		case "-fuzz-c-packages":
			cPatterns = append(cPatterns, own[i+1])
		default:
			return fmt.Errorf("what is %q?", own[i])
		}
	}
	for _, run := range runs {
		s.goTest(run...)
	}
	for _, c := range checks {
		name, command, ok := strings.Cut(c, "=")
		if !ok {
			return fmt.Errorf("-check %q: want NAME=COMMAND", c)
		}
		name, program, _ := strings.Cut(name, ",")
		if _, err := exec.LookPath(program); program != "" && err != nil {
			s.skips = append(s.skips, skip{name, fmt.Sprintf("no %s; install it", program)})
			continue
		}
		s.check(name, exec.Command("sh", "-c", command))
	}
	if fuzz != "" {
		s.fuzz(fuzz, patterns, nil)
		s.fuzz(fuzz, cPatterns, []string{"CGO_CFLAGS=-g -O1 -fsanitize=undefined -fno-sanitize-recover=undefined", "CGO_LDFLAGS=-fsanitize=undefined"}, "-asan")
	}
	return nil
}

// split cuts the arguments at each "--".
func split(args []string) (own []string, runs [][]string) {
	all := [][]string{nil}
	for _, a := range args {
		if a == "--" {
			all = append(all, nil)
			continue
		}
		last := len(all) - 1
		all[last] = append(all[last], a)
	}
	return all[0], all[1:]
}

// check runs a command, and shows what it said if it failed.
func (s *summary) check(name string, cmd *exec.Cmd) {
	start := time.Now()
	said, err := cmd.CombinedOutput()
	if err != nil {
		s.failed++
		s.failures = append(s.failures, name)
		fmt.Fprintf(s.out, "FAIL\t%s\t%v\n%s", name, err, said)
		return
	}
	s.passed++
	fmt.Fprintf(s.out, "ok  \t%s\t%.3fs\n", name, time.Since(start).Seconds())
}

// fuzz runs every fuzz target of the packages for that long, with more in the
// environment and flags of go test.
func (s *summary) fuzz(long string, patterns, env []string, flags ...string) {
	if len(patterns) == 0 {
		return
	}
	list := exec.Command("go", append([]string{"test", "-list", "^Fuzz"}, patterns...)...)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		s.failed++
		s.failures = append(s.failures, "listing the fuzz targets")
		return
	}
	var targets []string
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 1:
			targets = append(targets, f[0])
		case len(f) > 1 && f[0] == "ok":
			for _, target := range targets {
				args := append([]string{"test", "-run", "^$", "-fuzz", "^" + target + "$", "-fuzztime", long}, flags...)
				cmd := exec.Command("go", append(args, f[1])...)
				cmd.Env = append(os.Environ(), env...)
				s.check("fuzz "+f[1]+" "+target, cmd)
			}
			targets = nil
		}
	}
}

// event is what go test -json prints, a line each.
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

// goTest runs go test and reads its events.
func (s *summary) goTest(args ...string) {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.failed++
		s.failures = append(s.failures, "go test: "+err.Error())
		return
	}
	before := s.failed
	s.read(out)
	if err := cmd.Wait(); err != nil && s.failed == before {
		s.failed++
		s.failures = append(s.failures, fmt.Sprintf("go test %s: %v", strings.Join(args, " "), err))
	}
}

// read counts the tests, prints a line for each package, and what failed
// tests said.
func (s *summary) read(r io.Reader) {
	said := map[string][]string{} // by package and test
	broken := map[string]bool{}   // packages in which a test failed
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(s.out, "%s", line)
			} else {
				s.event(&e, said, broken)
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.failed++
				s.failures = append(s.failures, err.Error())
			}
			return
		}
	}
}

func (s *summary) event(e *event, said map[string][]string, broken map[string]bool) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		said[key] = append(said[key], e.Output)
		return
	case "build-output":
		fmt.Fprint(s.out, e.Output)
		return
	case "pass", "fail", "skip":
	default:
		return
	}
	defer delete(said, key)
	switch {
	case e.Test == "" && e.Action == "fail":
		fmt.Fprintf(s.out, "FAIL\t%s\t%.3fs\n", e.Package, e.Elapsed)
		if !broken[e.Package] { // it did not compile, or died
			s.failed++
			s.failures = append(s.failures, e.Package)
			fmt.Fprint(s.out, strings.Join(said[key], ""))
		}
	case e.Test == "" && e.Action == "pass":
		fmt.Fprintf(s.out, "ok  \t%s\t%.3fs\n", e.Package, e.Elapsed)
	case e.Test == "": // a package without tests
	case e.Action == "pass":
		s.passed++
	case e.Action == "fail":
		s.failed++
		broken[e.Package] = true
		s.failures = append(s.failures, key)
		fmt.Fprint(s.out, strings.Join(said[key], ""))
	case e.Action == "skip":
		s.skips = append(s.skips, skip{key, reason(said[key])})
	}
}

// reason is what a test said when it was skipped, without its place.
func reason(said []string) string {
	var words []string
	for _, line := range said {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if place, rest, ok := strings.Cut(line, ": "); ok && strings.Contains(place, ".go:") {
			line = rest
		}
		words = append(words, line)
	}
	if words == nil {
		return "no reason given"
	}
	return strings.Join(words, " ")
}

// print ends the run.
func (s *summary) print() {
	fmt.Fprintln(s.out)
	for _, f := range s.failures {
		fmt.Fprintln(s.out, "failed:", f)
	}
	// What has one reason stands together, so that each is read once.
	slices.SortStableFunc(s.skips, func(a, b skip) int { return strings.Compare(a.why, b.why) })
	for i, k := range s.skips {
		if i == 0 || k.why != s.skips[i-1].why {
			fmt.Fprintln(s.out, "skipped:", k.why)
		}
		fmt.Fprintf(s.out, "\t%s\n", k.name)
	}
	fmt.Fprintf(s.out, "in %s\n", time.Since(s.started).Round(time.Second))
	fmt.Fprintf(s.out, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, len(s.skips))
}
