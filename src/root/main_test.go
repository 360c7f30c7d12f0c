package root

import (
	"os"
	"path/filepath"
	"testing"

	"jails/src/jail"
	"jails/src/journal"
	"jails/tests/host"
)

func TestMain(m *testing.M) { host.Main(m) }

// skipUnlessRoot skips what only root can see done.
func skipUnlessRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root, and no user namespace is allowed here; run as root")
	}
}

// store is a Store in a directory of its own.
func store(t *testing.T) *Store {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{Layout: jail.Layout{Prefix: dir}}
	if err := s.makeParents(); err != nil {
		t.Fatal(err)
	}
	return s
}

// begin is a journal of a test's own.
func begin(t *testing.T, s *Store, name, verb string) *journal.Journal {
	t.Helper()
	j, err := journal.Begin(s.Layout.Journal(name), verb)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func undo(t *testing.T, s *Store, j *journal.Journal) {
	t.Helper()
	u := s.Undo()
	if err := j.Undo(func(step journal.Step) error {
		_, err := u.Step(step)
		return err
	}); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
