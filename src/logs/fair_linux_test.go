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

// A stream that brings a line at a time is read now and then, not for each.
func TestLittleAndOften(t *testing.T) {
	b := newBench(t, false)
	pipe := b.add("steady")
	const lasts = 100 * time.Millisecond
	written := make(chan int)
	go func() {
		lines := 0
		for end := time.Now().Add(lasts); time.Now().Before(end); lines++ {
			if _, err := unix.Write(pipe, []byte("a line\n")); err != nil {
				t.Error(err)
				break
			}
			for next := time.Now().Add(20 * time.Microsecond); time.Now().Before(next); {
			}
		}
		written <- lines
	}()
	b.run(2 * lasts)
	lines := <-written
	b.run(lasts)
	kept, blocks := 0, map[time.Time]bool{} // each has a time of its own
	if err := Read(b.dir, Filter{}, func(l Line) error {
		kept++
		blocks[l.Time] = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d reads of %d lines", len(blocks), lines)
	if most := int(lasts/often) + 20; kept != lines || len(blocks) > most {
		t.Errorf("%d of %d lines by %d reads, at most %d", kept, lines, len(blocks), most)
	}
}
