package lifecycle

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"jails/src/journal"
)

// helperVar makes this program do one verb, "VERB STEP DIRECTORY", and kill
// itself when it has recorded that many steps.
const helperVar = "LIFECYCLE_TEST_HELPER"

// stepSelf is the step at which the supervisor's start is over, but nobody
// has noted it.
const stepSelf = 1000

func helper() {
	order := os.Getenv(helperVar)
	if order == "" {
		return
	}
	parts := strings.SplitN(order, " ", 3)
	last, err := strconv.Atoi(parts[1])
	if err != nil {
		panic(err)
	}
	h, _, s := hostAt(parts[2])
	kill := func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} }
	n := 0
	journal.Hook = func(string, journal.Step) {
		if n++; n == last {
			kill()
		}
	}
	if last == stepSelf {
		s.beforeEnd = kill
	}
	switch parts[0] {
	case "create":
		err = h.Create(ctx, "web", []byte(definition))
	case "start":
		err = h.Start(ctx, "web", 0, nil)
	case "stop":
		err = h.Stop(ctx, "web", 0, nil)
	case "destroy":
		err = h.Destroy(ctx, "web", true)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run runs the verb in a process of its own, and says whether it was killed.
// after, unless 0, is when it is killed whatever it does.
func run(t *testing.T, h *Host, verb string, step int, after time.Duration) (killed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s", helperVar, verb, step, h.Layout.Prefix), fmt.Sprintf("%s=%v", mountableVar, mountable))
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if after > 0 {
		defer time.AfterFunc(after, func() { _ = cmd.Process.Kill() }).Stop()
	}
	err := cmd.Wait()
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() && status.Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("%s: %v: %s", verb, err, out.String())
	}
	return false
}

// arrange brings the jail to where the verb begins.
func arrange(t *testing.T, h *Host, verb string) {
	t.Helper()
	var err error
	if verb != "create" {
		err = h.Create(ctx, "web", []byte(definition))
	}
	if err == nil && verb == "stop" {
		err = h.Start(ctx, "web", 0, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// converge puts right what a killed verb left, by repair or by the verb that
// comes next, and then goes through a whole life.
func converge(t *testing.T, h *Host, verb string, byRepair bool) {
	t.Helper()
	if byRepair {
		if err := h.Repair(ctx, "web"); err != nil {
			t.Errorf("repair: %v", err)
		}
		there := whole(t, h)
		switch c, err := h.Condition("web"); {
		case err != nil:
			t.Error(err)
		case c == Running && (verb == "start" || verb == "stop"):
			// It was done, or had not begun.
		case c == Stopped:
			clean(t, h)
		default:
			t.Errorf("condition %v after repair", c)
		}
		if !there && (verb == "start" || verb == "stop") {
			t.Error("the jail is gone")
		}
	}
	err := h.Start(ctx, "web", 0, nil)
	var running *RunningError
	var unknown *UnknownError
	switch {
	case err == nil, errors.As(err, &running):
	case errors.As(err, &unknown):
		if verb != "create" && verb != "destroy" {
			t.Error(err)
		}
		if whole(t, h) {
			t.Error("there is a jail")
		}
		if err := h.Create(ctx, "web", []byte(definition)); err != nil {
			t.Errorf("create: %v", err)
		}
		if err := h.Start(ctx, "web", 0, nil); err != nil {
			t.Errorf("start: %v", err)
		}
	default:
		t.Errorf("start: %v", err)
	}
	condition(t, h, Running)
	if err := h.Stop(ctx, "web", 0, nil); err != nil {
		t.Errorf("stop: %v", err)
	}
	clean(t, h)
	if err := h.Destroy(ctx, "web", false); err != nil {
		t.Errorf("destroy: %v", err)
	}
	if whole(t, h) {
		t.Error("not destroyed")
	}
	clean(t, h)
}

// However far a verb got before it was killed, what comes next puts it right.
func TestKilledAtEachStep(t *testing.T) {
	h, _, _ := started(t)
	if err := h.Stop(ctx, "web", 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := h.Destroy(ctx, "web", false); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"create", "start", "stop", "destroy"} {
		steps := 0
		for step := 1; ; step++ {
			for _, byRepair := range []bool{true, false} {
				arrange(t, h, verb)
				killed := run(t, h, verb, step, 0)
				if killed {
					steps = step
					condition(t, h, Interrupted)
				}
				converge(t, h, verb, byRepair)
				if t.Failed() {
					t.Fatalf("%s, killed at step %d, by repair: %v", verb, step, byRepair)
				}
			}
			if steps < step {
				break
			}
		}
		t.Logf("%s: killed at each of %d steps", verb, steps)
		if least := map[string]int{"create": 2, "start": 7, "stop": 2, "destroy": 1}[verb]; steps < least {
			t.Errorf("%s has only %d steps", verb, steps)
		}
	}
	for _, byRepair := range []bool{true, false} {
		arrange(t, h, "start")
		if !run(t, h, "start", stepSelf, 0) {
			t.Fatal("not killed")
		}
		condition(t, h, Interrupted)
		converge(t, h, "start", byRepair)
	}
}

func TestKilledAtAnyMoment(t *testing.T) {
	h, _, _ := started(t)
	if err := h.Stop(ctx, "web", 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := h.Destroy(ctx, "web", false); err != nil {
		t.Fatal(err)
	}
	// How long a process of this program takes to do nothing.
	begun := time.Now()
	arrange(t, h, "destroy")
	run(t, h, "destroy", 0, 0)
	span := time.Since(begun)
	rounds, kills := 12, 0
	if !testing.Short() {
		rounds = 40
	}
	for i := range rounds {
		verb := []string{"create", "start", "stop", "destroy"}[i%4]
		arrange(t, h, verb)
		after := 1 + rand.N(span)
		if run(t, h, verb, 0, after) {
			kills++
		}
		converge(t, h, verb, i%8 < 4)
		if t.Failed() {
			t.Fatalf("%s, killed after %v", verb, after)
		}
	}
	t.Logf("%d of %d were killed before their end", kills, rounds)
}
