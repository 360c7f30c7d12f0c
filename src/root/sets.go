package root

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ulikunitz/xz"
)

// ErrChecksum is a set that has no checksum.
var ErrChecksum = errors.New("not verified")

// ErrDamaged is a set that is not what its checksum says, or no archive.
var ErrDamaged = errors.New("damaged")

// archive is a set on disk.
type archive struct {
	name string // base
	path string
}

// sumFiles are looked for in this order. MD5, which NetBSD ships too, proves
// nothing.
var sumFiles = []struct {
	name string
	new  func() hash.Hash
}{
	{"SHA512", sha512.New},
	{"SHA256", sha256.New},
}

// findSets finds the sets by name in dir, or in dir/binary/sets as on a
// NetBSD release's medium. Without names it is base and, if there, etc.
func findSets(dir string, names []string) (string, []archive, error) {
	sets := dir
	if st, err := os.Stat(filepath.Join(dir, "binary", "sets")); err == nil && st.IsDir() {
		sets = filepath.Join(dir, "binary", "sets")
	}
	if _, err := os.Stat(sets); err != nil {
		return "", nil, err
	}
	optional := len(names) == 0
	if optional {
		names = []string{"base", "etc"}
	}
	var found []archive
	for i, name := range names {
		path := ""
		for _, ext := range []string{".tar.xz", ".tgz", ".tar.gz"} {
			p := filepath.Join(sets, name+ext)
			if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() {
				path = p
				break
			}
		}
		switch {
		case path != "":
			found = append(found, archive{name, path})
		case optional && i > 0:
		default:
			return "", nil, fmt.Errorf("%s: no set %s.tar.xz or %s.tgz: %w", sets, name, name, os.ErrNotExist)
		}
	}
	return sets, found, nil
}

// sums are the checksums of a directory of sets.
type sums struct {
	file string // that they were read from
	new  func() hash.Hash
	hex  map[string]string // by file name
}

// readSums reads the best checksum file of a directory, in BSD's form
// "SHA512 (base.tgz) = hex" or in "hex  base.tgz".
func readSums(dir string) (*sums, error) {
	for _, known := range sumFiles {
		path := filepath.Join(dir, known.name)
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		s := &sums{file: path, new: known.new, hex: map[string]string{}}
		lines := bufio.NewScanner(io.LimitReader(f, 1<<20))
		for lines.Scan() {
			name, sum := parseSum(known.name, lines.Text())
			if len(sum) != known.new().Size()*2 {
				continue
			}
			if old, twice := s.hex[name]; twice && old != sum {
				return nil, fmt.Errorf("%s: two checksums of %s: %w", path, name, ErrChecksum)
			}
			s.hex[name] = sum
		}
		return s, lines.Err()
	}
	return nil, fmt.Errorf("%s has no file SHA512 or SHA256 with the sets' checksums: %w", dir, ErrChecksum)
}

func parseSum(algorithm, line string) (name, sum string) {
	line = strings.TrimSpace(line)
	if rest, ok := strings.CutPrefix(line, algorithm+" ("); ok {
		i := strings.LastIndex(rest, ") = ")
		if i < 0 {
			return "", ""
		}
		name, sum = rest[:i], rest[i+len(") = "):]
	} else {
		sum, name, _ = strings.Cut(line, " ")
		name = strings.TrimLeft(name, " *")
	}
	name = strings.TrimPrefix(name, "./")
	if _, err := hex.DecodeString(sum); err != nil {
		return "", ""
	}
	return name, strings.ToLower(sum)
}

// verify reads f from its start to its end and compares.
func (s *sums) verify(f *os.File, progress func(done, total int64)) error {
	name := filepath.Base(f.Name())
	want, ok := s.hex[name]
	if !ok {
		return fmt.Errorf("%s has no checksum of %s: %w", s.file, name, ErrChecksum)
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	h := s.new()
	if _, err := io.Copy(h, &counting{r: f, total: st.Size(), report: progress}); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != want {
		return fmt.Errorf("it differs from its checksum in %s: %w", s.file, ErrDamaged)
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// decompress chooses by the archive's first bytes, not by its name.
func decompress(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	magic, err := b.Peek(6)
	if err != nil {
		return nil, fmt.Errorf("%w: not an archive: %w", ErrDamaged, err)
	}
	switch {
	case magic[0] == 0x1f && magic[1] == 0x8b:
		return gzip.NewReader(b)
	case string(magic) == "\xfd7zXZ\x00":
		return xz.NewReader(b)
	}
	return nil, fmt.Errorf("%w: not an archive that gzip or xz made", ErrDamaged)
}

// counting tells how far a file is read.
type counting struct {
	r           io.Reader
	done, total int64
	report      func(done, total int64)
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done += int64(n)
	if c.report != nil {
		c.report(c.done, c.total)
	}
	return n, err
}
