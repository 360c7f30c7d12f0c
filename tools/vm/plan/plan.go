// Package plan is what the host's runner and the guest's init agree on: the
// file that says what to run, and the lines by which the guest answers on
// its serial console.
package plan

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// Path is where the image holds the plan.
const Path = "/etc/vm.json"

// Module's unloading, as a Plan expects it at the end.
const (
	Unloads = "unloads" // unloading works
	Busy    = "busy"    // refused: jails have existed
)

// Plan is what the guest does before it halts.
type Plan struct {
	Token  string // that marks the guest's answers, new for each run
	Module string // path of a module to load, or "" for none
	Name   string // the module's name, to unload it
	Loads  int    // how often it comes and goes before it is loaded
	Unload string // Unloads or Busy, after the steps
	Steps  []Step
}

// Step is one command; it has failed unless its status is 0.
type Step struct {
	Name    string
	Argv    []string
	Dir     string // where it runs; "" for the root
	Env     []string
	Before  bool // the module is not loaded yet
	Timeout time.Duration
}

// Read decodes the plan at path.
func Read(path string) (*Plan, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := new(Plan)
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// The guest's answers.
const (
	Up     = "up"     // init runs
	Begin  = "begin"  // a step begins: its name
	End    = "end"    // a step has ended: its name and status
	Status = "status" // the last one: 0 if all went as planned
)

// Line is an answer as the console shows it. It stands on a line of its own
// and is recognized anywhere in one, for the kernel writes there too.
func Line(token, kind string, words ...string) string {
	return fmt.Sprintf("\n##vm:%s %s##\n", token, strings.Join(append([]string{kind}, words...), " "))
}

// Parse finds an answer in a line of the console.
func Parse(token, line string) (kind string, words []string, ok bool) {
	_, rest, ok := strings.Cut(line, "##vm:"+token+" ")
	if !ok {
		return "", nil, false
	}
	body, _, ok := strings.Cut(rest, "##")
	f := strings.Fields(body)
	if !ok || len(f) == 0 {
		return "", nil, false
	}
	return f[0], f[1:], true
}
