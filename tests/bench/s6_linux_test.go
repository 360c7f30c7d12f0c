package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"jails/tests/host"
)

// s6 starts a service again at once when it had said that it was ready, and ran
// for a second; else after that. So its services do say so.
var s6 = competitor{name: "s6", pkg: "s6", needs: []string{"s6-svscan", "s6-svscanctl", "s6-log"},
	prepare: func(*testing.B, *host.Host) supervisor { return &s6Supervisor{} },
	log: func(*testing.B, *host.Host) keeper {
		return &pipeKeeper{logger: func(b *testing.B, dir string) *exec.Cmd {
			return exec.Command("s6-log", fmt.Sprintf("n%d", logFiles), fmt.Sprintf("s%d", logSize), "t", dir)
		}}
	}}

type s6Supervisor struct{ running }

func (v *s6Supervisor) start(b *testing.B, s *site) {
	b.Helper()
	scan := runnable(b, s)
	for i := range s.count {
		if err := os.WriteFile(filepath.Join(s.service(i), "notification-fd"), []byte("3\n"), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	cmd := exec.Command("s6-svscan", "-c", "1000", scan)
	cmd.Env = append(os.Environ(), "NOTIFY=3")
	v.run(b, cmd)
}

func (v *s6Supervisor) stop(b *testing.B) {
	b.Helper()
	if out, err := exec.Command("s6-svscanctl", "-t", v.cmd.Args[3]).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	v.end(b, 0, 0)
}

// runnable gives the services what daemontools and its descendants want: each
// a program run, which is started in its directory. It is no script: that would
// cost time. It returns the directory of all.
func runnable(b *testing.B, s *site) string {
	b.Helper()
	for i := range s.count {
		if err := os.Symlink(s.program(), filepath.Join(s.service(i), "run")); err != nil {
			b.Fatal(err)
		}
	}
	return filepath.Dir(s.service(0))
}
