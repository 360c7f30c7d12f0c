package root

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ulikunitz/xz"
	"golang.org/x/sys/unix"
)

// release makes a directory of sets as NetBSD's has it.
func release(t *testing.T, dir string) {
	t.Helper()
	base := archiveOf(t,
		entry{kind: tar.TypeDir, name: "./"},
		entry{kind: tar.TypeReg, name: "./bin/sh", text: "shell"},
		entry{kind: tar.TypeSymlink, name: "./sbin", link: "bin"},
		entry{kind: tar.TypeReg, name: "./var/db/x", text: "x"})
	etc := archiveOf(t,
		entry{kind: tar.TypeReg, name: "./etc/release", text: "NetBSD 10.1/amd64\nBuilt\n"},
		entry{kind: tar.TypeReg, name: "./etc/passwd", text: "root"},
		entry{kind: tar.TypeDir, name: "./tmp", mode: 0o1777})
	var xzed, gzipped bytes.Buffer
	x, err := xz.NewWriter(&xzed)
	if err != nil {
		t.Fatal(err)
	}
	g := gzip.NewWriter(&gzipped)
	if _, err := x.Write(base); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Write(etc); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(x.Close(), g.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "base.tar.xz"), xzed.String())
	write(t, filepath.Join(dir, "etc.tgz"), gzipped.String())
	write(t, filepath.Join(dir, "SHA512"), fmt.Sprintf("SHA512 (base.tar.xz) = %x\nSHA512 (etc.tgz) = %X\nSHA512 (comp.tgz) = 00\n",
		sha512.Sum512(xzed.Bytes()), sha512.Sum512(gzipped.Bytes())))
}

func TestBootstrap(t *testing.T) {
	s, sets := store(t), filepath.Join(t.TempDir(), "10.1", "amd64")
	release(t, filepath.Join(sets, "binary", "sets"))
	var steps []string
	b, err := s.Bootstrap(context.Background(), Bootstrap{Sets: sets, Progress: func(what string, done, total int64) {
		if done == total {
			steps = append(steps, what)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if b.Name != "10.1-amd64" || b.Path != s.Layout.Base("10.1-amd64") || b.Verified == "" {
		t.Errorf("%+v", b)
	}
	if d := cmp.Diff([]string{"base.tar.xz", "etc.tgz"}, b.Sets); d != "" {
		t.Error(d)
	}
	for _, want := range []string{"verifying base.tar.xz", "extracting base.tar.xz", "verifying etc.tgz", "extracting etc.tgz"} {
		if !strings.Contains(strings.Join(steps, "|"), want) {
			t.Errorf("no progress of %s: %v", want, steps)
		}
	}
	if read(t, filepath.Join(b.Path, "etc/passwd")) != "root" || read(t, filepath.Join(b.Path, "sbin/sh")) != "shell" {
		t.Error("not extracted")
	}
	for _, dir := range mountPoints {
		if st, err := os.Stat(filepath.Join(b.Path, dir)); err != nil || !st.IsDir() {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if st, err := os.Stat(filepath.Join(b.Path, "tmp")); err != nil || st.Mode()&(os.ModeSticky|0o777) != os.ModeSticky|0o777 {
		t.Errorf("tmp: %v", st.Mode())
	}
	for _, dir := range []string{"var/jails", "var/jails/base"} {
		if st, err := os.Stat(filepath.Join(s.Layout.Prefix, dir)); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v; host users can reach set-user-id programs", dir, st.Mode(), err)
		}
	}
	if names, err := s.Bases(); err != nil || cmp.Diff([]string{"10.1-amd64"}, names) != "" {
		t.Error(names, err)
	}
	if _, err := s.Bootstrap(context.Background(), Bootstrap{Sets: sets}); !errors.Is(err, ErrExists) {
		t.Errorf("a second time: %v", err)
	}
	only(t, s, "10.1-amd64")
}

// only checks that there is nothing but these bases, half of one least.
func only(t *testing.T, s *Store, bases ...string) {
	t.Helper()
	entries, err := os.ReadDir(s.Layout.Bases())
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if d := cmp.Diff(append([]string{}, bases...), names); d != "" {
		t.Errorf("in the directory of bases: %s", d)
	}
}

func TestBootstrapRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		want   error
		o      Bootstrap
		damage func(t *testing.T, sets string)
	}{
		{"no directory", os.ErrNotExist, Bootstrap{}, func(t *testing.T, sets string) { os.RemoveAll(sets) }},
		{"no base", os.ErrNotExist, Bootstrap{}, func(t *testing.T, sets string) { os.Remove(filepath.Join(sets, "base.tar.xz")) }},
		{"no such set", os.ErrNotExist, Bootstrap{Names: []string{"base", "comp"}}, func(*testing.T, string) {}},
		{"no checksums", ErrChecksum, Bootstrap{}, func(t *testing.T, sets string) { os.Remove(filepath.Join(sets, "SHA512")) }},
		{"only MD5", ErrChecksum, Bootstrap{}, func(t *testing.T, sets string) {
			if err := os.Rename(filepath.Join(sets, "SHA512"), filepath.Join(sets, "MD5")); err != nil {
				t.Fatal(err)
			}
		}},
		{"no checksum of one", ErrChecksum, Bootstrap{}, func(t *testing.T, sets string) {
			write(t, filepath.Join(sets, "SHA512"), strings.ReplaceAll(read(t, filepath.Join(sets, "SHA512")), "(etc.tgz)", "(etc.tar)"))
		}},
		{"changed", ErrDamaged, Bootstrap{}, func(t *testing.T, sets string) {
			b := []byte(read(t, filepath.Join(sets, "etc.tgz")))
			b[9] ^= 1 // gzip's system byte, which it ignores
			write(t, filepath.Join(sets, "etc.tgz"), string(b))
		}},
		{"appended", ErrDamaged, Bootstrap{}, func(t *testing.T, sets string) {
			write(t, filepath.Join(sets, "base.tar.xz"), read(t, filepath.Join(sets, "base.tar.xz"))+"more")
		}},
		{"contradicting", ErrChecksum, Bootstrap{}, func(t *testing.T, sets string) {
			write(t, filepath.Join(sets, "SHA512"), read(t, filepath.Join(sets, "SHA512"))+"SHA512 (etc.tgz) = "+strings.Repeat("0", 128)+"\n")
		}},
		{"too large", ErrTooLarge, Bootstrap{Limit: 3}, func(*testing.T, string) {}},
		{"bad name", nil, Bootstrap{Name: "../x"}, func(*testing.T, string) {}},
		{"no archive", ErrDamaged, Bootstrap{NoVerify: true}, func(t *testing.T, sets string) { write(t, filepath.Join(sets, "etc.tgz"), "this is text") }},
		{"empty archive", ErrDamaged, Bootstrap{NoVerify: true}, func(t *testing.T, sets string) { write(t, filepath.Join(sets, "etc.tgz"), "") }},
		{"truncated", ErrDamaged, Bootstrap{NoVerify: true}, func(t *testing.T, sets string) {
			text := read(t, filepath.Join(sets, "etc.tgz"))
			write(t, filepath.Join(sets, "etc.tgz"), text[:len(text)/2])
		}},
		{"truncated in a file", ErrDamaged, Bootstrap{NoVerify: true}, func(t *testing.T, sets string) {
			var b bytes.Buffer
			g := gzip.NewWriter(&b)
			if err := tar.NewWriter(g).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "./etc/big", Size: 1 << 20}); err != nil {
				t.Fatal(err)
			}
			if _, err := g.Write(make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			if err := g.Close(); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(sets, "etc.tgz"), b.String())
		}},
		{"nameless", ErrName, Bootstrap{Names: []string{"base"}}, func(*testing.T, string) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := store(t)
			sets := filepath.Join(t.TempDir(), "sets")
			release(t, sets)
			tt.damage(t, sets)
			tt.o.Sets = sets
			b, err := s.Bootstrap(context.Background(), tt.o)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %+v, %v; want %v", b, err, tt.want)
			}
			only(t, s)
		})
	}
}

func TestBootstrapWithoutChecksums(t *testing.T) {
	s, sets := store(t), t.TempDir()
	release(t, sets)
	if err := os.Remove(filepath.Join(sets, "SHA512")); err != nil {
		t.Fatal(err)
	}
	b, err := s.Bootstrap(context.Background(), Bootstrap{Sets: sets, NoVerify: true})
	if err != nil || b.Verified != "" {
		t.Errorf("%+v, %v", b, err)
	}
}

// What an interrupted bootstrap has left goes with the next one.
func TestBootstrapInterrupted(t *testing.T) {
	s, sets := store(t), t.TempDir()
	release(t, sets)
	write(t, filepath.Join(s.Layout.Bases(), ".new-123", "bin", "sh"), "half")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Bootstrap(ctx, Bootstrap{Sets: sets}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	only(t, s)
}

func TestReleaseName(t *testing.T) {
	for _, tt := range []struct{ release, dir, want string }{
		{"NetBSD 10.1/amd64\n", "/x", "10.1-amd64"},
		{"NetBSD 10.99.12/evbarm-aarch64\nBuild\n", "/x", "10.99.12-evbarm-aarch64"},
		{"NetBSD 10.0_STABLE/i386", "/x", "10.0_stable-i386"},
		{"", "/var/tmp/10.1/amd64", "10.1-amd64"},
		{"", "/var/tmp/NetBSD-10.1/amd64/binary/sets", "10.1-amd64"},
		{"", "/var/tmp/sets", ""},
		{"NetBSD ../../x/amd64\n", "/x", ""},
	} {
		dir := t.TempDir()
		if tt.release != "" {
			write(t, filepath.Join(dir, "etc/release"), tt.release)
		}
		r, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := releaseOf(r, tt.dir); got != tt.want {
			t.Errorf("%q in %s: got %q, want %q", tt.release, tt.dir, got, tt.want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestParseSum(t *testing.T) {
	for line, want := range map[string][2]string{
		"SHA512 (base.tgz) = AB": {"base.tgz", "ab"},
		"ab  base.tgz":           {"base.tgz", "ab"},
		"ab *./base.tgz":         {"base.tgz", "ab"},
		"SHA512 (a) = b) = ab":   {"a) = b", "ab"},
		"MD5 (base.tgz) = ab":    {"", ""},
		"":                       {"", ""},
	} {
		name, sum := parseSum("SHA512", line)
		if name != want[0] || sum != want[1] {
			t.Errorf("%q: %q %q", line, name, sum)
		}
	}
}

// A disk that is full leaves nothing, and says so.
func TestBootstrapFullDisk(t *testing.T) {
	skipUnlessRoot(t)
	s, sets := store(t), t.TempDir()
	release(t, sets)
	if err := (kernel{}).Devices(s.Layout.Bases()); err != nil { // 1 MB
		t.Skipf("no mounts are allowed here (%v); run as root", err)
	}
	t.Cleanup(func() {
		if err := (kernel{}).Unmount(s.Layout.Bases()); err != nil {
			t.Error(err)
		}
	})
	// What does not fit is refused before it fills the disk.
	_, err := s.Bootstrap(context.Background(), Bootstrap{Sets: big(t), Name: "b", NoVerify: true})
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "there were only ") {
		t.Errorf("got %v", err)
	}
	only(t, s)
	// And if another fills it in the meantime, nothing of it stays.
	filler := filepath.Join(s.Layout.Bases(), "0filler")
	write(t, filler, strings.Repeat("x", 1<<20-12<<10))
	if _, err := s.Bootstrap(context.Background(), Bootstrap{Sets: sets}); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v", err)
	}
	only(t, s, "0filler")
}

// big is a directory of a set with 2 MB of nothing.
func big(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	if _, err := g.Write(archiveOf(t, entry{kind: tar.TypeReg, name: "./big", text: strings.Repeat("\x00", 2<<20)})); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "base.tgz"), b.String())
	return dir
}
