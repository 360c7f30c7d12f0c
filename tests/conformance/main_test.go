// Package conformance tests a running kernel model: the real one on NetBSD,
// hostkern's on Linux. Actors, on the host and in jails, as root and as
// ordinary users, try what the policy table is about, and the table that the
// kernel exports says what must happen.
package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jails/src/secmodel"
	"jails/tests/host"
)

// self is this program's path.
var self string

// model is the suite's own connection, as root on the host.
var model *secmodel.Client

// work is the suite's directory: the jails' roots are in it.
var work string

// image is this program in work, to be linked into roots.
var image string

// unable is why nothing can be run here, with the remedy, or "".
var unable string

func TestMain(m *testing.M) {
	if role, ok := os.LookupEnv(roleVariable); ok {
		if play := roles[role]; play != nil {
			play()
			os.Exit(0)
		}
		os.Exit(2)
	}
	if begin, ok := os.LookupEnv(actorVariable); ok {
		act(begin)
	}
	if status, done := host.AsRoot(); done {
		os.Exit(status)
	}
	os.Exit(main(m))
}

func main(m *testing.M) (status int) {
	undo, err := prepare()
	defer func() {
		if err := undo(); err != nil {
			fmt.Fprintln(os.Stderr, "conformance: cleaning up:", err)
			status = max(status, 1)
		}
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		return 1
	}
	status = m.Run()
	tally.print()
	return status
}

// prepare connects to the model, started if need be, and makes the work
// directory. It sets unable where the machine does not allow the suite.
func prepare() (undo func() error, err error) {
	undo = func() error { return nil }
	if self, err = os.Executable(); err != nil {
		return undo, err
	}
	if os.Geteuid() != 0 {
		unable = "not root, and no user namespace is allowed here; run as root"
		return undo, nil
	}
	if err = checkPorts(); err != nil {
		return undo, err
	}
	if work, err = os.MkdirTemp("", "conformance"); err != nil {
		return undo, err
	}
	undo = func() error { return os.RemoveAll(work) }
	// Ordinary users' actors are this program too.
	if err = os.Chmod(work, 0o755); err != nil {
		return undo, err
	}
	image = filepath.Join(work, "conformance")
	if err = copyFile(self, image); err != nil {
		return undo, err
	}
	stop, err := startModel()
	remove := undo
	undo = func() error {
		if model != nil {
			model.Close()
		}
		if err := stop(); err != nil {
			return err
		}
		return remove()
	}
	if err != nil {
		return undo, err
	}
	if unable != "" {
		return undo, nil
	}
	if model, err = secmodel.Open(); err != nil {
		return undo, err
	}
	a, got, err := launch(part{UID: user})
	if a != nil {
		a.end()
	} else if err == nil {
		delete(uids, "user")
		oneUser = "nobody here can become an ordinary user (" + strings.ReplaceAll(got.Error, "\n", ", ") + "); run as root, outside of user namespaces"
	}
	return undo, err
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

// need skips a test where the suite can't run, by name and with the remedy.
func need(t *testing.T) {
	t.Helper()
	if unable != "" {
		skip(t, unable)
	}
}
