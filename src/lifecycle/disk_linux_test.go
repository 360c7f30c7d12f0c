package lifecycle

import (
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of 1 MB.
func smallDisk(t *testing.T, dir string) (unmount func()) {
	t.Helper()
	if err := unix.Mount("test", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no mounts are allowed here (%v); run as root", err)
	}
	return func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}
}
