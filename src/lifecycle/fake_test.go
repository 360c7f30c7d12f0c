package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"jails/src/control"
	"jails/src/durable"
	"jails/src/jail"
	"jails/src/root"
	"jails/src/secmodel"
	"jails/src/supervise"
)

// fakeKernel keeps its jails in a directory, so that they outlive the process
// that made them, as the kernel's do.
type fakeKernel struct {
	dir       string
	createErr error
}

func (k *fakeKernel) path(name string) string { return filepath.Join(k.dir, name) }

func (k *fakeKernel) Create(name, root string, _ secmodel.Config) (secmodel.ID, error) {
	if k.createErr != nil {
		return 0, k.createErr
	}
	id := time.Now().UnixNano()%1e9 + 1
	// At once, as the kernel does it.
	err := durable.WriteFile(k.path(name), fmt.Appendf(nil, "%d %s", id, root), 0o600, true)
	if errors.Is(err, os.ErrExist) {
		return 0, secmodel.ErrExists
	}
	return secmodel.ID(id), err
}

func (k *fakeKernel) Lookup(name string) (secmodel.Jail, error) {
	b, err := os.ReadFile(k.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return secmodel.Jail{}, secmodel.ErrNoJail
	}
	if err != nil {
		return secmodel.Jail{}, err
	}
	var id uint32
	j := secmodel.Jail{Name: name, State: secmodel.Active}
	_, err = fmt.Sscanf(string(b), "%d %s", &id, &j.Root)
	j.ID = secmodel.ID(id)
	if _, initErr := os.Stat(k.path(name) + ".init"); initErr == nil {
		j.Init = 4711
	}
	return j, err
}

func (k *fakeKernel) byID(id secmodel.ID) string {
	names, _ := filepath.Glob(filepath.Join(k.dir, "[a-z]*"))
	for _, n := range names {
		if j, err := k.Lookup(filepath.Base(n)); err == nil && j.ID == id {
			return filepath.Base(n)
		}
	}
	return ""
}

func (k *fakeKernel) End(_ context.Context, id secmodel.ID) error {
	name := k.byID(id)
	if name == "" {
		return nil
	}
	_ = os.Remove(k.path(name) + ".init")
	return os.Remove(k.path(name))
}

// fakeSupervisor runs nothing, but keeps and gives up a jail as the real one
// does.
type fakeSupervisor struct {
	kernel    *fakeKernel
	startErr  error
	stopErr   error
	beforeEnd func() // of Start
	reloaded  []string
}

func (s *fakeSupervisor) path(name string) string { return s.kernel.path(name) + ".supervisor" }

func (s *fakeSupervisor) Start(ctx context.Context, name string, _ func(string)) error {
	if _, err := jail.Paths().Load(name); err != nil {
		return err
	}
	if s.startErr != nil && !stays(s.startErr) {
		// The real one destroys the kernel's jail then.
		return errors.Join(s.startErr, s.destroy(name))
	}
	for _, path := range []string{s.kernel.path(name) + ".init", s.path(name)} {
		if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			return err
		}
	}
	if s.beforeEnd != nil {
		s.beforeEnd()
	}
	if ctx.Err() != nil {
		return &supervise.StepError{Jail: name, Step: "test", Err: ctx.Err()}
	}
	return s.startErr
}

func (s *fakeSupervisor) destroy(name string) error {
	j, err := s.kernel.Lookup(name)
	if err != nil {
		return err
	}
	return s.kernel.End(context.Background(), j.ID)
}

func (s *fakeSupervisor) Stop(_ context.Context, name string, _ time.Duration, _ func(string)) error {
	if s.stopErr != nil {
		return s.stopErr
	}
	if !s.Running(name) {
		return supervise.ErrNotRunning
	}
	return errors.Join(s.destroy(name), os.Remove(s.path(name)))
}

func (s *fakeSupervisor) Reload(_ context.Context, def *jail.Definition, dry bool, _ func(string)) ([]control.Change, error) {
	s.reloaded = append(s.reloaded, fmt.Sprint(def.Name, " ", dry))
	return []control.Change{{What: control.Unchanged}}, nil
}

func (s *fakeSupervisor) Running(name string) bool {
	_, err := os.Stat(s.path(name))
	return err == nil
}

func (s *fakeSupervisor) Gone(context.Context, string) error { return nil }

// hostAt is a host in a directory, which may have been used before.
func hostAt(dir string) (*Host, *fakeKernel, *fakeSupervisor) {
	l := jail.Layout{Prefix: dir}
	k := &fakeKernel{dir: filepath.Join(dir, "kernel")}
	s := &fakeSupervisor{kernel: k}
	return &Host{Layout: l, Store: &root.Store{Layout: l}, Kernel: k, Supervisor: s}, k, s
}

// mountable says whether this system lets us mount. Where it does not, a
// jail's base is copied, and it has no volume.
// The helper is told, as it may be killed while it tries.
var mountable = os.Getenv(mountableVar) == "true" || os.Getenv(mountableVar) == "" && canMount()

const mountableVar = "LIFECYCLE_TEST_MOUNTABLE"

const noMounts = "no mounts are allowed here; run as root"

var definition = func() string {
	text := "base = 'b'\n[[service]]\nname = 'x'\ncommand = ['/bin/x']\n"
	if mountable {
		text += "[[mount]]\nvolume = 'v'\nat = '/var/v'\n"
	}
	return text
}()

// newHost is a host in a directory of its own, with a base.
func newHost(t testing.TB) (*Host, *fakeKernel, *fakeSupervisor) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root, and no user namespace is allowed here; run as root")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h, k, s := hostAt(dir)
	t.Setenv("JAILS_PREFIX", dir)
	for _, d := range []string{k.dir, h.Layout.Base("b") + "/dev", h.Layout.Base("b") + "/bin", h.Layout.Base("b") + "/etc"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range root.Writable {
		if err := os.MkdirAll(filepath.Join(h.Layout.Base("b"), w), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if left, err := h.Store.Mounted("web"); err != nil || len(left) > 0 {
			t.Errorf("left mounted: %v, %v", left, err)
			_ = h.Store.Release("web")
		}
	})
	return h, k, s
}

// clean checks that nothing of a jail runs, is mounted or recorded.
func clean(t *testing.T, h *Host) {
	t.Helper()
	if left, err := h.Store.Mounted("web"); err != nil || len(left) > 0 {
		t.Errorf("mounted: %v, %v", left, err)
	}
	if _, exists, err := h.lookup("web"); exists || err != nil {
		t.Errorf("still in the kernel: %v", err)
	}
	if _, err := os.Stat(h.Layout.Journal("web")); err == nil {
		t.Error("a journal is left")
	}
	if h.Layout.Locked("web") {
		t.Error("still locked")
	}
	if left, err := filepath.Glob(filepath.Join(h.Layout.Definitions(), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left beside the definition: %v, %v", left, err)
	}
}

// whole says whether the jail is there; half of one fails the test.
func whole(t *testing.T, h *Host) bool {
	t.Helper()
	there := map[string]bool{}
	for what, path := range map[string]string{"definition": h.Layout.Definition("web"), "data": h.Layout.Data("web") + "/usr/pkg"} {
		_, err := os.Lstat(path)
		there[what] = err == nil
	}
	if there["definition"] != there["data"] {
		t.Errorf("half a jail: %v", there)
	}
	if _, err := os.Lstat(h.Layout.Jail("web")); (err == nil) != there["data"] {
		t.Errorf("part of its data is left")
	}
	return there["definition"]
}
