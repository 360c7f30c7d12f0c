package logs

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Where a disk has no room for the spool, or none for all of it, services are
// read all the same, and the log tells what that means.
func TestSpoolOnAFullDisk(t *testing.T) {
	for _, c := range []struct{ size, want string }{
		{"size=32k", "no spool: write "},
		{"size=100k", "the spool has no room for out of b: write "},
		{"size=1m", ""},
	} {
		t.Run(c.size, func(t *testing.T) {
			small := t.TempDir()
			if err := unix.Mount("small", small, "tmpfs", 0, c.size); err != nil {
				t.Skip("no mounts are allowed here; run as root")
			}
			defer unix.Unmount(small, 0)
			b := newBench(t, false)
			if err := b.w.Close(); err != nil {
				t.Fatal(err)
			}
			b.w = NewWriter(b.loop, &File{Dir: b.dir, Keep: 10, Size: 1 << 20}, nil, false, OpenSpool(filepath.Join(small, "spool")))
			for _, name := range []string{"a", "b", "c"} {
				fd := b.add(name)
				unix.Write(fd, []byte("a line of "+name+"\nhalf"))
			}
			b.w.Finish(0, func() {})
			text := strings.Join(b.text(), ",")
			for _, want := range []string{c.want, "a true a line of a", "b false half", "c true a line of c"} {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in %s", want, text)
				}
			}
			if c.want == "" && strings.Contains(text, "spool") {
				t.Errorf("the log is %s", text)
			}
			if err := b.w.Close(); err != nil {
				t.Error(err)
			}
			if left := names(t, small); left != "" {
				t.Errorf("left: %s", left)
			}
		})
	}
}
