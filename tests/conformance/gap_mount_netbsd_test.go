package conformance

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func init() {
	// NetBSD looks whether who goes up is in his root still, and gives up
	// after so many steps, content; below a null mount they never end.
	show("Moved directories", func(t *testing.T) {
		j := strictest(t)
		a := j.actor(t, 0)
		out, volume, over := filepath.Join(work, treasure), j.root+"-volume", filepath.Join(j.root, "over")
		if err := os.WriteFile(out, []byte("out"), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{filepath.Join(volume, "shared/a/b"), over} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		args := make([]byte, 264) // struct null_args, which begins with a path
		binary.NativeEndian.PutUint64(args, uint64(text(filepath.Join(volume, "shared"))))
		if err := mountFS("null", over, args); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(over, 0x00080000); err != nil { // MNT_FORCE
				t.Error(err)
			}
			for _, path := range []string{out, volume} {
				if err := os.RemoveAll(path); err != nil {
					t.Error(err)
				}
			}
		})
		must(t, a.do(t, "chdir", "/over/a/b"))
		got := a.do(t, "climb", "cwd")
		check(t, got.Error != "", "a jail climbs out of a mount to %q", got.Value)
		must(t, a.do(t, "chdir", "/over/a/b"))
		if err := os.Rename(filepath.Join(volume, "shared/a"), filepath.Join(volume, "a")); err != nil {
			t.Fatal(err)
		}
		got = a.do(t, "climb", "cwd")
		open(t, got.Value == "out", "from a directory that was moved out of a mount a jail climbs to %q: %s", got.Value, got.Error)
	})
}
