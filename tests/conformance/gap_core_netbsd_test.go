package conformance

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

const (
	currentProcess = 0x7fffffff // PROC_CURPROC
	ptDumpcore     = 12
)

func init() {
	// What gcore(1) does without a name for the file.
	show("Core files", func(t *testing.T) {
		core := filepath.Join(t.TempDir(), "jail.core")
		got := newJail(t, secmodel.Config{Level: secmodel.Medium}).actor(t, 0).do(t, "name-core", core)
		check(t, got.errno() == unix.EPERM, "root in a jail at medium names its core files: %s", got)
		a := newJail(t, secmodel.Config{Level: secmodel.Low}).actor(t, 0)
		got = a.do(t, "name-core", core)
		must(t, got)
		pid, err := strconv.Atoi(got.Value)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the child has executed", func() bool {
			err = call(unix.SYS_PTRACE, ptAttach, uintptr(pid), 0, 0)
			return err != unix.EBUSY
		})
		if err != nil {
			t.Fatalf("PT_ATTACH: %v", err)
		}
		var ws unix.WaitStatus
		if _, err := unix.Wait4(pid, &ws, 0, nil); err != nil || ws&0xff != 0x7f {
			t.Fatalf("wait: %v, %#x", err, ws)
		}
		err = call(unix.SYS_PTRACE, ptDumpcore, uintptr(pid), 0, 0)
		if err := call(unix.SYS_PTRACE, ptDetach, uintptr(pid), 1, 0); err != nil {
			t.Errorf("PT_DETACH: %v", err)
		}
		st, missing := os.Stat(core)
		open(t, missing == nil && st.Size() > 0, "a process that the host traces does not dump core where it said: %v, %v", err, missing)
	})
	// name-core FILE: of this process, and of a child; the child's id.
	verb("name-core", func(args []string) (string, error) {
		if _, err := sysctl([]int32{ctlProc, currentProcess, procCorename}, nil, append([]byte(args[0]), 0)); err != nil {
			return "", err
		}
		pid, err := spawn("sleep")
		return strconv.Itoa(pid), err
	})
}
