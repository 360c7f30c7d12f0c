// Package host gives tests the machine that they need: root, in a user
// namespace where it must be; the commands, built once; a kernel model that
// runs; and a directory in which all of it stays.
package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Host is a directory with the commands, and a model that they speak to.
type Host struct {
	Dir string   // JAILS_PREFIX
	Bin string   // with jailctl, jailmgr …
	Env []string // for the commands
}

// Main runs a package's tests with mounts of their own and as root, inside a
// user namespace where the user is another, if the machine allows it. It exits.
func Main(m interface{ Run() int }) {
	if status, done := asRoot(); done {
		os.Exit(status)
	}
	status := m.Run()
	removeBuilt()
	os.Exit(status)
}

// AsRoot is for a TestMain of its own: it does what Main does before the tests.
// If it has run the program again, it says with what status that ended.
func AsRoot() (status int, done bool) { return asRoot() }

// New gives the test a host of its own, taken down at its end. The test is
// skipped, by name and with the remedy, where the machine forbids it.
func New(t testing.TB) *Host {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root, and no user namespace is allowed here; run as root")
	}
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	// Short, because the path of a socket must be.
	dir, err := os.MkdirTemp("", "jails")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	h := &Host{Dir: dir, Bin: bin}
	h.Env = append(os.Environ(),
		"JAILS_PREFIX="+dir,
		"HOSTKERN_SOCKET="+filepath.Join(dir, "hostkern.sock"),
		"PATH="+bin+":"+os.Getenv("PATH"))
	h.startModel(t)
	return h
}

// Command is one of the commands, or another program, in the host's
// environment.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	if path := filepath.Join(h.Bin, name); exists(path) {
		name = path
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = h.Env
	return cmd
}

// Run runs a command that must succeed, and returns what it printed.
func (h *Host) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := h.Try(name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// Try runs a command for at most a minute, and returns what it printed to
// both its streams.
func (h *Host) Try(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := h.Command(ctx, name, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = errors.Join(err, errors.New("no end after a minute"))
	}
	return string(out), err
}

// Text is what a program that runs has printed.
type Text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *Text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *Text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// Eventually waits until ok is true; it fails the test after a minute.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not after a minute: %s", what)
		}
	}
}

// Source is the top of the source tree.
func Source() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; !exists(filepath.Join(dir, "go.mod")); dir = filepath.Dir(dir) {
		if dir == "/" {
			return "", errors.New("no go.mod above the working directory")
		}
	}
	return dir, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

var (
	once     sync.Once
	builtDir string
	builtErr error
)

// built builds the commands, once a run of the tests; JAILS_BIN names a
// directory in which they are built already.
func built() (string, error) {
	if dir := os.Getenv("JAILS_BIN"); dir != "" {
		return dir, nil
	}
	once.Do(func() {
		builtDir, builtErr = os.MkdirTemp("", "jails-bin")
		if builtErr == nil {
			builtErr = build(builtDir)
		}
	})
	return builtDir, builtErr
}

func removeBuilt() {
	if builtDir != "" {
		_ = os.RemoveAll(builtDir)
	}
}

func build(dir string) error {
	source, err := Source()
	if err != nil {
		return err
	}
	if err := compile(source, filepath.Join(dir, "jails"), "./src", "CGO_ENABLED=0"); err != nil {
		return err
	}
	if err := compile(source, filepath.Join(dir, "jail-exporter"), "./src/jail-exporter", "CGO_ENABLED=0"); err != nil {
		return err
	}
	for _, name := range []string{"jailctl", "jailmgr", "jail-init"} {
		if err := os.Symlink("jails", filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return buildModel(source, dir)
}

func compile(source, out, pkg string, env ...string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "urfave_cli_no_docs", "-o", out, pkg)
	cmd.Dir, cmd.Env = source, append(os.Environ(), env...)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, said)
	}
	return nil
}
