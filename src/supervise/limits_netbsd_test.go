package supervise

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/jail"
)

// limits says what it was started with, of files, and of the stack and cores in
// KB, and whether it can raise a limit.
func limits() int {
	var all []string
	for _, l := range []struct{ resource, unit int }{{unix.RLIMIT_NOFILE, 1}, {unix.RLIMIT_STACK, 1024}, {unix.RLIMIT_CORE, 1024}} {
		var r unix.Rlimit
		if err := unix.Getrlimit(l.resource, &r); err != nil {
			return 1
		}
		// Go has raised the soft limit of files.
		all = append(all, fmt.Sprint(int64(r.Max)/int64(l.unit)))
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return 1
	}
	err := syscall.Setrlimit(unix.RLIMIT_NOFILE, &syscall.Rlimit{Cur: files.Cur, Max: files.Max + 1})
	fmt.Println(strings.Join(all, " "), err)
	fmt.Fprintln(os.NewFile(3, "pipe"))
	return idle()
}

// A service starts with its own limits, else with the jail's; a reload brings
// others.
func TestLimitsInAJail(t *testing.T) {
	own := func(files int) string {
		return runs("own", "limits", `ready = "fd:3"`, fmt.Sprintf(`limits = { files = %d, stack = "512 KB" }`, files))
	}
	text := func(files, own string) string {
		return "limits = { files = { soft = 25, hard = " + files + " }, core = 0, cpu = 60, stack = \"1 MB\" }\n" +
			runs("all", "limits", `ready = "fd:3"`) + own
	}
	w := newWorld(t, text("30", own(20)))
	w.mustStart()
	want := func(service, line string) {
		t.Helper()
		w.eventually(service+" to say "+line, func() bool { // it is ready before its line is read
			lines := w.lines(service, "out")
			return len(lines) > 0 && lines[len(lines)-1] == line
		})
	}
	want("all", "30 1024 0 operation not permitted")
	want("own", "20 512 0 operation not permitted")
	reload := func(text string, want ...string) {
		t.Helper()
		if err := os.WriteFile(w.layout.Definition(name), fmt.Appendf(nil, "root = %q\n%s", w.root, text), 0o600); err != nil {
			t.Fatal(err)
		}
		def, err := jail.Paths().Load(name)
		if err != nil {
			t.Fatal(err)
		}
		changes, err := Reload(w.ctx(), def, false, nil)
		var got []string
		for _, c := range changes {
			if c.What != control.Unchanged {
				got = append(got, fmt.Sprint(c.Service, " ", c.What, c.Keys))
			}
		}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("reload: %v, %q, want %q", err, got, want)
		}
	}
	reload(text("31", own(20)), " changed[limits processes]", "all restarted[limits]")
	want("all", "31 1024 0 operation not permitted")
	reload(text("31", own(21)), "own restarted[limits]")
	want("own", "21 512 0 operation not permitted")
	w.mustStop()
}
