package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"jails/tests/host"
)

// runit starts a service again at once when it has run for a second, else
// after another; there is nothing to set.
var runit = competitor{name: "runit", pkg: "runit", needs: []string{"runsvdir", "runsv", "svlogd"},
	prepare: func(*testing.B, *host.Host) supervisor { return &runitSupervisor{} },
	log: func(*testing.B, *host.Host) keeper {
		return &pipeKeeper{logger: func(b *testing.B, dir string) *exec.Cmd {
			config := fmt.Sprintf("n%d\ns%d\n", logFiles, logSize)
			if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o644); err != nil {
				b.Fatal(err)
			}
			return exec.Command("svlogd", "-t", "-b", "65536", dir)
		}}
	}}

type runitSupervisor struct{ running }

func (v *runitSupervisor) start(b *testing.B, s *site) {
	b.Helper()
	v.run(b, exec.Command("runsvdir", "-P", runnable(b, s)))
}

func (v *runitSupervisor) stop(b *testing.B) {
	b.Helper()
	v.end(b, unix.SIGHUP, 111)
}
