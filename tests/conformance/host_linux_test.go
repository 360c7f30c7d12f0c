package conformance

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
	"jails/tests/host"
)

// startModel starts hostkern, built from this tree, unless one is named.
func startModel() (stop func() error, err error) {
	none := func() error { return nil }
	if os.Getenv(secmodel.SocketVariable) != "" {
		return none, nil
	}
	program, err := hostkern()
	if err != nil {
		return none, err
	}
	socket := filepath.Join(work, "hostkern.sock")
	if err := os.Setenv(secmodel.SocketVariable, socket); err != nil {
		return none, err
	}
	m, err := host.StartModel(exec.Command(program), socket)
	if errors.Is(err, host.ErrForbidden) {
		unable = err.Error()
		return none, nil
	}
	if err != nil {
		return none, err
	}
	// Ordinary users may speak to it; what it tells them is the model's.
	return m.Stop, os.Chmod(socket, 0o666)
}

// hostkern is the path of one, built if $HOSTKERN names none.
func hostkern() (string, error) {
	if path := os.Getenv("HOSTKERN"); path != "" {
		return path, nil
	}
	path := filepath.Join(work, "hostkern")
	cmd := exec.Command("go", "build", "-o", path, "jails/tools/hostkern")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building hostkern: %w\n%s", err, said)
	}
	return path, nil
}

// filtered says whether a filter of system calls is over this process, whose
// refusals come before hostkern's answers.
var filtered = sync.OnceValue(func() bool {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	return !strings.Contains(string(b), "\nSeccomp:\t0\n")
})

// becomeUser changes the user for good. hostkern, where it lacks
// CAP_SYS_PTRACE, can serve only who lets itself be traced after that.
func becomeUser(uid int) error {
	return errors.Join(syscall.Setgroups(nil), syscall.Setgid(uid), syscall.Setuid(uid),
		unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0))
}

// modelIsApart: a process can be one about which the model is not asked.
const modelIsApart = true

// observe lets hostkern ask the model about a process of the host.
func observe() error { return secmodel.Observe() }

// niceness is what this process, and so each actor, has.
var niceness = func() int {
	n, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		panic(err)
	}
	return 20 - n // as the system call counts
}()

// furnish puts hostkern's socket into a root: the same one, by another name.
func furnish(t testing.TB, root string) {
	t.Helper()
	socket := os.Getenv(secmodel.SocketVariable)
	to := filepath.Join(root, socket)
	if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.Link(socket, to)); err != nil {
		t.Fatal(err)
	}
}
