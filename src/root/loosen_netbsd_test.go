package root

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What root in a jail has made immutable is removed with the jail.
func TestRemoveTreeFlags(t *testing.T) {
	s := store(t)
	top := filepath.Join(s.Layout.Prefix, "top")
	deep := filepath.Join(top, strings.Repeat(strings.Repeat("d", 200)+"/", 3))
	for _, dir := range []string{"immutable", "append", "empty"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(top, "immutable/file"), "x")
	write(t, filepath.Join(top, "append/file"), "x")
	write(t, filepath.Join(deep, "file"), "x")
	if err := os.Symlink(s.Layout.Prefix, filepath.Join(top, "link")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(top, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		path string
		flag uintptr
	}{
		{deep + "/file", userImmutable}, {deep, userAppend}, {top + "/immutable/file", userAppend}, {top + "/immutable", userImmutable},
		{top + "/append", userAppend}, {top + "/empty", userImmutable}, {top + "/link", userImmutable}, {top + "/fifo", userImmutable}, {top, userImmutable},
	} {
		p, err := unix.BytePtrFromString(f.path)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, errno := unix.Syscall(unix.SYS_LCHFLAGS, uintptr(unsafe.Pointer(p)), f.flag, 0); errno != 0 {
			t.Fatalf("%s: %v", f.path, errno)
		}
	}
	if err := os.Remove(filepath.Join(top, "append/file")); err == nil {
		t.Error("the flags are of no effect here")
	}
	if err := s.removeTree(top); err != nil {
		t.Fatal(err)
	}
	if exists(top) || !exists(s.Layout.Prefix) {
		t.Error("not removed, or too much")
	}
}
