package cli

import (
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"jails/tests/host"
)

// Two administrators at one time: of what can not both be, one is done and the
// other is told; nothing is half done.
func TestTwoAdministrators(t *testing.T) {
	h := host.New(t)
	root := h.Userland(t)
	h.Run(t, "tar", "-C", root, "-czf", filepath.Join(h.Dir, "base.tgz"), "bin", "etc")
	h.Run(t, "jailmgr", "bootstrap", "--sets", h.Dir, "--name", "b", "--no-verify")
	defer h.Run(t, "jailmgr", "stop", "--all")
	// together runs commands at one time and returns their exit codes.
	together := func(lines ...string) []int {
		t.Helper()
		codes := make([]int, len(lines))
		var wg sync.WaitGroup
		for i, line := range lines {
			wg.Go(func() {
				args := strings.Split(line, "|")
				out, err := h.Try(args[0], args[1:]...)
				var exit *exec.ExitError
				if errors.As(err, &exit) {
					codes[i] = exit.ExitCode()
				} else if err != nil {
					t.Errorf("%s: %v", line, err)
				}
				if codes[i] != 0 && !strings.Contains(out, "try again") && !strings.Contains(out, "jail web ") && !strings.Contains(out, `jail "web"`) && !strings.Contains(out, `jail "c" exists`) {
					t.Errorf("%s: %d: %s", line, codes[i], out)
				}
			})
		}
		wg.Wait()
		return codes
	}
	count := func(codes []int, code int) (n int) {
		for _, c := range codes {
			if c == code {
				n++
			}
		}
		return n
	}
	create := "jailmgr|create|web|-x|sleep 1000"
	if codes := together(create, create, create, create); count(codes, 0) != 1 || count(codes, 73)+count(codes, 75) != 3 {
		t.Errorf("create: %v", codes)
	}
	kernel := "jailctl|create|-n|c|" + root
	if codes := together(kernel, kernel, kernel, kernel); count(codes, 0) != 1 || count(codes, 73) != 3 {
		t.Errorf("jailctl create: %v", codes)
	}
	h.Run(t, "jailctl", "destroy", "c")
	for range 5 {
		codes := together("jailmgr|start|web", "jailmgr|stop|web", "jailmgr|edit|web|-l|low", "jailmgr|edit|web|-l|medium")
		// A start that was first is stopped only if the stop came after it.
		running := codes[0] == 0 && codes[1] != 0
		out := h.Run(t, "jailmgr", "status", "web")
		if running != strings.Contains(out, "web   running") {
			t.Errorf("start and stop: %v: %s", codes, out)
		}
		if !slices.Contains([]int{0, 75}, codes[2]) || !slices.Contains([]int{0, 75}, codes[3]) {
			t.Errorf("edit: %v", codes)
		}
		if running {
			h.Run(t, "jailmgr", "stop", "web")
		}
		h.Run(t, "jailmgr", "check")
	}
	destroy := "jailmgr|destroy|--yes|web"
	if codes := together(destroy, destroy, "jailmgr|start|web", destroy); count(codes, 0) != 1 {
		t.Errorf("destroy: %v", codes)
	}
}
