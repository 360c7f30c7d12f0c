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

// supervisord looks once a second which processes have ended, and starts one
// again then that has run for startsecs; its interval can't be set.
// Of what services write it keeps the bytes, not the lines and their times.
var supervisord = competitor{name: "supervisord", pkg: "supervisor", needs: []string{"supervisord"},
	prepare: func(*testing.B, *host.Host) supervisor { return &pythonSupervisor{} }}

type pythonSupervisor struct{ running }

func (v *pythonSupervisor) start(b *testing.B, s *site) {
	b.Helper()
	file := filepath.Join(s.dir, "supervisord.conf")
	text := fmt.Sprintf(`[supervisord]
nodaemon = true
user = root
logfile = /dev/null
logfile_maxbytes = 0
pidfile = %[1]s/pid
childlogdir = %[1]s

[program:service]
command = %[2]s
directory = %[3]s/%%(process_num)d
process_name = %%(program_name)s%%(process_num)d
numprocs = %[4]d
autorestart = true
startsecs = 1
stdout_logfile = NONE
stderr_logfile = NONE
`, s.dir, s.program(), filepath.Dir(s.service(0)), s.count)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	v.run(b, exec.Command("supervisord", "-c", file))
}

func (v *pythonSupervisor) stop(b *testing.B) {
	b.Helper()
	v.end(b, unix.SIGTERM, 0)
}
