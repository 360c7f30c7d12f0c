package root

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// entry of a test's archive.
type entry struct {
	kind       byte
	name, link string
	mode       int64
	text       string
}

func archiveOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if e.mode == 0 {
			e.mode = 0o755
		}
		h := &tar.Header{Typeflag: e.kind, Name: e.name, Linkname: e.link, Mode: e.mode, Size: int64(len(e.text)), ModTime: time.Unix(1e9, 0), Uid: os.Getuid(), Gid: os.Getgid(), Format: tar.FormatPAX}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// extractTo extracts below a directory that has a neighbour which must not
// be touched.
func extractTo(t testing.TB, limit int64, data []byte) (dir string, x *extractor, err error) {
	t.Helper()
	top := t.TempDir()
	dir = filepath.Join(top, "in")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(top, "out"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(top, "out", "victim"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	x, err = newExtractor(dir, limit)
	if err != nil {
		t.Fatal(err)
	}
	err = x.extract(context.Background(), bytes.NewReader(data))
	if e := x.finish(); err == nil {
		err = e
	}
	out, e := os.ReadDir(filepath.Join(top, "out"))
	if e != nil || len(out) != 1 {
		t.Errorf("outside: %v, %v", out, e)
	}
	if b, e := os.ReadFile(filepath.Join(top, "out", "victim")); e != nil || string(b) != "mine" {
		t.Errorf("outside was written: %q, %v", b, e)
	}
	if st, e := os.Stat(filepath.Join(top, "out", "victim")); e != nil || st.Mode() != 0o600 {
		t.Errorf("outside was changed: %v, %v", st.Mode(), e)
	}
	return dir, x, err
}

func TestExtract(t *testing.T) {
	dir, x, err := extractTo(t, 1<<20, archiveOf(t,
		entry{kind: tar.TypeDir, name: "./", mode: 0o755},
		entry{kind: tar.TypeDir, name: "./bin/", mode: 0o555}, // files come into it all the same
		entry{kind: tar.TypeReg, name: "./bin/su", mode: 0o4555, text: "su"},
		entry{kind: tar.TypeLink, name: "./bin/su2", link: "./bin/su"},
		entry{kind: tar.TypeSymlink, name: "./bin/sh", link: "/bin/su"},
		entry{kind: tar.TypeReg, name: "deep/er/file", mode: 0o640, text: "x"},
		entry{kind: tar.TypeChar, name: "./dev/mem"},
		entry{kind: tar.TypeReg, name: "./twice", text: "old"},
		entry{kind: tar.TypeReg, name: "./twice", text: "new"},
		entry{kind: tar.TypeSymlink, name: "./link", link: "twice"},
		entry{kind: tar.TypeReg, name: "./link", text: "a file now"},
	))
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(filepath.Join(dir, "bin/su")); err != nil || st.Mode()&fs.ModePerm != 0o555 || (os.Geteuid() == 0) != (st.Mode()&fs.ModeSetuid != 0) {
		t.Errorf("su: %v, %v", st.Mode(), err)
	}
	if st, err := os.Stat(filepath.Join(dir, "bin")); err != nil || !st.ModTime().Equal(time.Unix(1e9, 0)) || os.Geteuid() == 0 && st.Mode().Perm() != 0o555 {
		t.Errorf("bin: %v %v", st, err)
	}
	a, _ := os.Stat(filepath.Join(dir, "bin/su"))
	b, _ := os.Stat(filepath.Join(dir, "bin/su2"))
	if !os.SameFile(a, b) {
		t.Error("the hard link is none")
	}
	if l, err := os.Readlink(filepath.Join(dir, "bin/sh")); err != nil || l != "/bin/su" {
		t.Error(l, err)
	}
	if got := read(t, filepath.Join(dir, "twice")); got != "new" {
		t.Errorf("twice holds %q: the link to it was written through", got)
	}
	if exists(filepath.Join(dir, "dev/mem")) || x.skipped != 1 {
		t.Error("an archive made a device node")
	}
}

func TestHostileArchives(t *testing.T) {
	for _, tt := range []struct {
		name    string
		want    error
		entries []entry
	}{
		{"dot-dot", ErrHostile, []entry{{kind: tar.TypeReg, name: "../out/victim", text: "evil"}}},
		{"dot-dot inside", ErrHostile, []entry{{kind: tar.TypeReg, name: "a/../../out/victim", text: "evil"}}},
		{"absolute", ErrHostile, []entry{{kind: tar.TypeReg, name: "/etc/passwd", text: "evil"}}},
		{"through a link", ErrHostile, []entry{{kind: tar.TypeSymlink, name: "a", link: "../out"}, {kind: tar.TypeReg, name: "a/victim", text: "evil"}}},
		{"through an absolute link", ErrHostile, []entry{{kind: tar.TypeSymlink, name: "a", link: "/tmp"}, {kind: tar.TypeReg, name: "a/evil", text: "evil"}}},
		{"through a link inside", ErrHostile, []entry{{kind: tar.TypeDir, name: "b"}, {kind: tar.TypeSymlink, name: "a", link: "b"}, {kind: tar.TypeReg, name: "a/x", text: "evil"}}},
		{"directory through a link", ErrHostile, []entry{{kind: tar.TypeSymlink, name: "a", link: "../out"}, {kind: tar.TypeDir, name: "a/b"}}},
		{"directory in place of a link", ErrHostile, []entry{{kind: tar.TypeSymlink, name: "a", link: "../out"}, {kind: tar.TypeDir, name: "a", mode: 0o777}}},
		{"link in place of a directory", ErrHostile, []entry{{kind: tar.TypeDir, name: "a"}, {kind: tar.TypeSymlink, name: "a", link: "../out"}}},
		{"hard link outside", ErrHostile, []entry{{kind: tar.TypeLink, name: "a", link: "../out/victim"}}},
		{"hard link absolute", ErrHostile, []entry{{kind: tar.TypeLink, name: "a", link: "/etc/passwd"}}},
		{"hard link through a link", ErrHostile, []entry{{kind: tar.TypeSymlink, name: "a", link: "../out"}, {kind: tar.TypeLink, name: "b", link: "a/victim"}}},
		{"hard link to nothing", fs.ErrNotExist, []entry{{kind: tar.TypeLink, name: "a", link: "b"}}},
		{"hard link to a directory", ErrHostile, []entry{{kind: tar.TypeDir, name: "a"}, {kind: tar.TypeLink, name: "b", link: "a"}}},
		{"the top as a link", ErrHostile, []entry{{kind: tar.TypeSymlink, name: "./", link: "../out"}}},
		{"deep", ErrTooLarge, []entry{{kind: tar.TypeReg, name: strings.Repeat("a/", 200) + "b", text: "x"}}},
		{"large", ErrTooLarge, []entry{{kind: tar.TypeReg, name: "a", text: strings.Repeat("x", 600)}, {kind: tar.TypeReg, name: "b", text: strings.Repeat("x", 600)}}},
		{"long name", unix.ENAMETOOLONG, []entry{{kind: tar.TypeReg, name: strings.Repeat("a", 300), text: "x"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := extractTo(t, 1000, archiveOf(t, tt.entries...)); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// A hard link to a symbolic link that is then replaced by a file must not
// make the file be written where the link points.
func TestHardLinkToLink(t *testing.T) {
	dir, _, err := extractTo(t, 1000, archiveOf(t,
		entry{kind: tar.TypeSymlink, name: "a", link: "../out/victim"},
		entry{kind: tar.TypeLink, name: "b", link: "a"},
		entry{kind: tar.TypeReg, name: "b", text: "evil"}))
	if err != nil || read(t, filepath.Join(dir, "b")) != "evil" {
		t.Error(err)
	}
}

// A sparse file counts with its holes: here 8 TB in a few blocks.
func TestSparse(t *testing.T) {
	h := make([]byte, 512)
	copy(h, "hole")
	copy(h[100:], "0000600\x000000000\x000000000\x00")
	copy(h[124:], "00000000001\x0000000000000\x00") // one byte in the archive
	h[156] = tar.TypeGNUSparse
	copy(h[257:], "ustar  \x00")
	number := func(at int, n uint64) {
		h[at] = 0x80 // base 256
		for i := range 8 {
			h[at+11-i] = byte(n >> (8 * i))
		}
	}
	number(386, 8<<40-1) // where the byte stands
	number(386+12, 1)
	number(483, 8<<40) // the file's size
	copy(h[148:], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	data := append(append(h, 'x'), make([]byte, 511+1024)...)
	if _, _, err := extractTo(t, 1<<30, data); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestDamagedArchive(t *testing.T) {
	good := archiveOf(t, entry{kind: tar.TypeReg, name: "a", text: strings.Repeat("x", 5000)})
	for n := 1; n < 512+5000; n += 97 { // what lacks then is padding
		if _, _, err := extractTo(t, 1<<20, good[:n]); err == nil && n > 512 {
			t.Errorf("cut at %d: no error", n)
		}
	}
}

// Whatever the archive, nothing outside is touched: extractTo looks.
func FuzzExtract(f *testing.F) {
	f.Add(archiveOf(f, entry{kind: tar.TypeReg, name: "a/b", text: "x"}, entry{kind: tar.TypeSymlink, name: "l", link: "../out"}, entry{kind: tar.TypeReg, name: "l/victim", text: "x"}))
	f.Add(archiveOf(f, entry{kind: tar.TypeDir, name: "./"}, entry{kind: tar.TypeLink, name: "h", link: "../out/victim"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, _ = extractTo(t, 1<<16, data)
	})
}
