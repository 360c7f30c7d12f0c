package logs

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/event"
)

// On a full disk the plain file stays, and the log tells of it, once.
func TestCompressionOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("small", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("no mounts are allowed here; run as root")
	}
	defer unix.Unmount(dir, 0)
	text := make([]byte, 700<<10)
	for i := range text {
		text[i] = byte(rand.Uint32())
	}
	if err := os.WriteFile(oldPath(dir, 1), text, 0o600); err != nil {
		t.Fatal(err)
	}
	loop, err := event.New()
	if err != nil {
		t.Fatal(err)
	}
	defer loop.Close()
	w := NewWriter(loop, &File{Dir: dir, Keep: 10, Size: 1 << 20, Compress: true}, nil, false, nil)
	for range 2 {
		if w.packer.timer == nil {
			t.Fatal("it does not want to compress")
		}
		w.packer.timer.Stop()
		w.pack()
		loop.After(time.Minute, loop.Stop)
		ended := w.packer.ended
		go func() {
			<-ended
			loop.Post(loop.Stop)
		}()
		if err := loop.Run(); err != nil {
			t.Fatal(err)
		}
		w.file.plain = true
		w.packLater()
	}
	if got, err := os.ReadFile(oldPath(dir, 1)); err != nil || !bytes.Equal(got, text) {
		t.Errorf("the old file has changed: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if got := names(t, dir); got != "current log.000001" {
		t.Errorf("there is %s", got)
	}
	b, err := os.ReadFile(filepath.Join(dir, currentName))
	if err != nil || strings.Count(string(b), "an old log is not compressed: write ") != 1 || !strings.Contains(string(b), "no space left on device") {
		t.Errorf("the log is %q %v", b, err)
	}
}
