package root

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRemoveTree(t *testing.T) {
	s := store(t)
	victim := filepath.Join(s.Layout.Prefix, "victim")
	write(t, filepath.Join(victim, "file"), "mine")
	top := filepath.Join(s.Layout.Prefix, "top")
	write(t, filepath.Join(top, "a/b/c"), "x")
	write(t, filepath.Join(top, ".raised-1/x"), "in the way")
	for name, target := range map[string]string{"link": victim, "a/up": "../../victim", "self": "."} {
		if err := os.Symlink(target, filepath.Join(top, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(top, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(top, "locked"), 0o000); err != nil {
		t.Fatal(err)
	}
	// Deeper than descriptors would last.
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	low := limit
	low.Cur = 100
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	}()
	dir, err := os.Open(top)
	if err != nil {
		t.Fatal(err)
	}
	for range 300 {
		if err := unix.Mkdirat(int(dir.Fd()), "deep", 0o755); err != nil {
			t.Fatal(err)
		}
		next, err := openDir(int(dir.Fd()), "deep", "deep")
		if err != nil {
			t.Fatal(err)
		}
		dir.Close()
		dir = next
	}
	dir.Close()
	if err := s.removeTree(top); err != nil {
		t.Fatal(err)
	}
	if exists(top) || read(t, filepath.Join(victim, "file")) != "mine" {
		t.Error("not removed, or too much")
	}
	if err := s.removeTree(top); err != nil {
		t.Errorf("a second time: %v", err)
	}
	// A link in place of the directory is not followed.
	if err := os.Symlink(victim, top); err != nil {
		t.Fatal(err)
	}
	if err := s.removeTree(top); !errors.Is(err, ErrLink) || !exists(filepath.Join(victim, "file")) {
		t.Errorf("through a link: %v", err)
	}
}

// Nothing that is mounted is ever removed, whether the table of mounts shows
// it or not.
func TestRemoveTreeMounted(t *testing.T) {
	skipUnlessRoot(t)
	s := store(t)
	source, top := filepath.Join(s.Layout.Prefix, "source"), filepath.Join(s.Layout.Prefix, "top")
	write(t, filepath.Join(source, "precious"), "x")
	target := filepath.Join(top, "a/b")
	if err := os.MkdirAll(target, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := (kernel{}).Null(source, target, Flags{}); err != nil {
		t.Skipf("no mounts are allowed here (%v); run as root", err)
	}
	defer func() {
		if err := (kernel{}).Unmount(target); err != nil {
			t.Error(err)
		}
	}()
	if err := s.removeTree(top); !errors.Is(err, ErrMounted) {
		t.Errorf("got %v", err)
	}
	s.Mounts = blind{}
	if err := s.removeTree(top); !errors.Is(err, ErrMounted) {
		t.Errorf("without the table: %v", err)
	}
	if err := s.removeTree(target); !errors.Is(err, ErrMounted) {
		t.Errorf("the mount point itself: %v", err)
	}
	if read(t, filepath.Join(source, "precious")) != "x" {
		t.Error("removed through a mount")
	}
}

// blind sees no mounts.
type blind struct{ kernel }

func (blind) Below(string) ([]string, error) { return nil, nil }
