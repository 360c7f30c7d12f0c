package logs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// rotated is a log of 30 lines in six files, the last of them current.
func rotated(t *testing.T) (dir string, want []string) {
	t.Helper()
	dir = t.TempDir()
	f := &File{Dir: dir, Keep: 100, Size: 5 * 40}
	defer f.Close()
	for i := range 30 {
		l := Line{Time: moment, Service: "a", Stream: "out", Full: true, Text: fmt.Appendf(nil, "%03d", i)}
		if _, err := f.Write(l.Append(nil), 0, unmarked); err != nil {
			t.Fatal(err)
		}
		want = append(want, string(l.Text))
	}
	return dir, want
}

func texts(t *testing.T, dir string) (all []string) {
	t.Helper()
	if err := Read(dir, Filter{}, func(l Line) error { all = append(all, string(l.Text)); return nil }); err != nil {
		t.Error(err)
	}
	return all
}

func names(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range list {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// Killed at whatever step of compression, each line is there once; the next one
// finishes it.
func TestCompressionKilled(t *testing.T) {
	const first = "log.000001"
	var stop atomic.Bool
	for _, c := range []struct {
		name string
		do   func(path string) error
	}{
		{"before", func(string) error { return nil }},
		{"in the midst", func(path string) error { return os.WriteFile(path+newSuffix, []byte("\x1f\x8b\x08"), 0o600) }},
		{"after the renaming", func(path string) error {
			text, err := os.ReadFile(path)
			return errors.Join(err, compressFile(path, &stop), os.WriteFile(path, text, 0o600))
		}},
		{"after all", func(path string) error { return compressFile(path, &stop) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, want := rotated(t)
			if err := c.do(filepath.Join(dir, first)); err != nil {
				t.Fatal(err)
			}
			if got := texts(t, dir); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("read: %q", got)
			}
			if err := errors.Join(sweep(dir), compress(dir, &stop)); err != nil {
				t.Error(err)
			}
			if got := names(t, dir); got != "current log.000001.gz log.000002.gz log.000003.gz log.000004.gz log.000005.gz" {
				t.Errorf("there is %s", got)
			}
			if got := texts(t, dir); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("read: %q", got)
			}
			// What is kept is counted in whatever form.
			f := &File{Dir: dir, Keep: 3, Size: 1 << 20}
			if _, err := f.Write([]byte("x\n"), 0, unmarked); err != nil {
				t.Error(err)
			}
			f.Close()
			if got := names(t, dir); got != "current log.000004.gz log.000005.gz" {
				t.Errorf("there is %s", got)
			}
		})
	}
}

// Whoever stops it leaves the plain file.
func TestCompressionStopped(t *testing.T) {
	dir, want := rotated(t)
	var stop atomic.Bool
	stop.Store(true)
	if err := compressFile(oldPath(dir, 1), &stop); !errors.Is(err, errStopped) {
		t.Error(err)
	}
	if got := texts(t, dir); fmt.Sprint(got) != fmt.Sprint(want) || strings.Contains(names(t, dir), compressed) {
		t.Errorf("read: %q of %s", got, names(t, dir))
	}
}

// One who has read a file knows it again when it has become old and compressed
// meanwhile.
func TestReadingOverCompression(t *testing.T) {
	dir := t.TempDir()
	f := &File{Dir: dir, Keep: 100, Size: 3 * 40}
	defer f.Close()
	wrote := 0
	write := func(lines int) {
		t.Helper()
		for range lines {
			l := Line{Time: moment, Service: "a", Stream: "out", Full: true, Text: fmt.Append(nil, wrote)}
			if _, err := f.Write(l.Append(nil), 0, unmarked); err != nil {
				t.Fatal(err)
			}
			wrote++
		}
	}
	write(2)
	r, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { r.close() }()
	got := 0
	read := func() {
		t.Helper()
		if err := r.read(Filter{}, func(l Line) error {
			if string(l.Text) != fmt.Sprint(got) {
				return fmt.Errorf("line %d is %s", got, l.Text)
			}
			got++
			return nil
		}); err != nil || got != wrote {
			t.Fatalf("%d lines of %d: %v", got, wrote, err)
		}
	}
	read()
	var stop atomic.Bool
	for range 5 {
		write(7)
		if err := compress(dir, &stop); err != nil {
			t.Fatal(err)
		}
		read()
	}
}

// A compressed file that is damaged is told of in its place; the others are
// read.
func TestCompressedAndDamaged(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(b []byte) []byte
		want   string
	}{
		{"empty", func(b []byte) []byte { return nil }, "log.000002.gz: EOF"},
		{"no gzip", func(b []byte) []byte { return []byte("hello hello hello") }, "log.000002.gz: gzip: invalid header"},
		{"cut short", func(b []byte) []byte { return b[:len(b)/2] }, "log.000002.gz: unexpected EOF"},
		{"a wrong sum", func(b []byte) []byte { b[len(b)-6]++; return b }, "log.000002.gz: gzip: invalid checksum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, want := rotated(t)
			var stop atomic.Bool
			if err := compress(dir, &stop); err != nil {
				t.Fatal(err)
			}
			path := oldPath(dir, 2) + compressed
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, c.change(b), 0o600); err != nil {
				t.Fatal(err)
			}
			got := texts(t, dir)
			all := strings.Join(got, " ")
			if !strings.Contains(all, c.want) || !strings.HasPrefix(all, want[0]) || got[len(got)-1] != want[29] || len(got) < 25 {
				t.Errorf("read: %q", got)
			}
		})
	}
}
