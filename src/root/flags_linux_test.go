package root

import (
	"testing"

	"golang.org/x/sys/unix"
)

// flags checks how a directory is mounted.
func flags(t *testing.T, path string, readOnly, noSetuid, noDevices bool) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		t.Fatal(err)
	}
	got := [3]bool{st.Flags&unix.ST_RDONLY != 0, st.Flags&unix.ST_NOSUID != 0, st.Flags&unix.ST_NODEV != 0}
	want := [3]bool{readOnly, noSetuid, noDevices}
	if got != want {
		t.Errorf("%s: read-only, no set-user-id, no devices: %v, want %v", path, got, want)
	}
}
