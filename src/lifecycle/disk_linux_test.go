package lifecycle

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of 1 MB.
func smallDisk(t *testing.T, dir string) (unmount func()) {
	t.Helper()
	if err := unix.Mount("test", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}
}

func canMount() bool {
	dir, err := os.MkdirTemp("", "mount")
	if err != nil {
		return false
	}
	defer os.Remove(dir)
	return unix.Mount("test", dir, "tmpfs", 0, "size=1m") == nil && unix.Unmount(dir, 0) == nil
}
