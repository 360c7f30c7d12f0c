package logs

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A stream that floods does not keep another's line waiting for more than one
// buffer, however much there is of it.
func TestWriterIsFair(t *testing.T) {
	b := newBench(t, false)
	flood, quiet := b.add("flood"), b.add("quiet")
	const size = 1 << 20
	if _, err := unix.FcntlInt(uintptr(flood), unix.F_SETPIPE_SZ, size); err != nil {
		t.Fatal(err)
	}
	line := []byte("0123456789abcde\n")
	if n, err := unix.Write(flood, bytes.Repeat(line, size/len(line))); n != size || err != nil {
		t.Fatal(n, err)
	}
	if _, err := unix.Write(quiet, []byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	b.run(100 * time.Millisecond)
	for i, l := range b.text() {
		if l == "quiet true hello" {
			if i > blockSize/len(line) {
				t.Errorf("the quiet line is number %d", i+1)
			}
			return
		}
	}
	t.Error("no quiet line")
}
