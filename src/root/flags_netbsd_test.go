package root

import (
	"testing"

	"golang.org/x/sys/unix"
)

// flags checks how a directory is mounted.
func flags(t *testing.T, path string, readOnly, noSetuid, noDevices bool) {
	t.Helper()
	var st unix.Statvfs_t
	if err := unix.Statvfs(path, &st); err != nil {
		t.Fatal(err)
	}
	got := [3]bool{st.Flag&mntReadOnly != 0, st.Flag&mntNoSuid != 0, st.Flag&mntNoDev != 0}
	if want := [3]bool{readOnly, noSetuid, noDevices}; got != want {
		t.Errorf("%s: read-only, no set-user-id, no devices: %v, want %v", path, got, want)
	}
}
