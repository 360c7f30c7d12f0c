package jail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	check := func(want string) {
		t.Helper()
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Errorf("left behind: %v", entries)
		}
	}
	if err := WriteFile(path, []byte("1"), 0o640, true); err != nil {
		t.Fatal(err)
	}
	check("1")
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o640 {
		t.Error(st.Mode())
	}
	if err := WriteFile(path, []byte("2"), 0o640, true); !errors.Is(err, os.ErrExist) {
		t.Errorf("replaced: %v", err)
	}
	check("1")
	if err := WriteFile(path, []byte("3"), 0o600, false); err != nil {
		t.Fatal(err)
	}
	check("3")
	if err := WriteFile(filepath.Join(dir, "no", "a"), nil, 0o600, false); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// Of many who create one file at one time, one does.
func TestWriteFileRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := WriteFile(path, fmt.Append(nil, i), 0o600, true); err == nil {
				won.Add(1)
			} else if !errors.Is(err, os.ErrExist) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d created it", won.Load())
	}
}

func TestSweepFile(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"web.toml", ".web.toml.123", ".web.toml.swp", ".web2.toml.123", "web.toml.123"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := SweepFile(filepath.Join(dir, "web.toml")); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 4 {
		t.Errorf("%v, %v", entries, err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".web.toml.123")); err == nil {
		t.Error("not removed")
	}
	if err := SweepFile("/nonexistent/x"); err != nil {
		t.Error(err)
	}
}

func TestLock(t *testing.T) {
	l := Layout{Prefix: t.TempDir()}
	k, err := l.Lock("web", "start")
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Lock("web", "stop")
	want := fmt.Sprintf("process %d works on jail web (start); try again later", os.Getpid())
	if !errors.Is(err, ErrLocked) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	other, err := l.Lock("web2", "stop")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(other.Unlock(), k.Unlock()); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(l.locks()); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}

// A lock file that goes away between open and flock never lets two in.
func TestLockRace(t *testing.T) {
	l := Layout{Prefix: t.TempDir()}
	var inside atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				k, err := l.Lock("web", "test")
				if errors.Is(err, ErrLocked) {
					continue
				} else if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two hold the lock")
				}
				inside.Add(-1)
				if err := k.Unlock(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestPaths(t *testing.T) {
	t.Setenv("JAILS_PREFIX", "")
	if got := Paths().Definition("web"); got != "/etc/jails/web.toml" {
		t.Error(got)
	}
	t.Setenv("JAILS_PREFIX", "/tmp/x/")
	if got := Paths().ControlSocket("web"); got != "/tmp/x/var/run/jails/web/control.sock" {
		t.Error(got)
	}
	t.Setenv("JAILS_PREFIX", "rel")
	if got := Paths().Root("web"); !strings.HasPrefix(got, "/") || !strings.HasSuffix(got, "/rel/var/jails/jail/web/root") {
		t.Error(got)
	}
}
