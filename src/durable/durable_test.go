package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"web.toml", ".web.toml.123", ".web.toml.swp", ".web2.toml.123", "web.toml.123"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(filepath.Join(dir, "web.toml")); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 4 {
		t.Errorf("%v, %v", entries, err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".web.toml.123")); err == nil {
		t.Error("not removed")
	}
	if err := Sweep("/nonexistent/x"); err != nil {
		t.Error(err)
	}
}
