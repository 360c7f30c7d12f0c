package root

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"

	"jails/src/durable"
	"jails/src/jail"
)

// SetLimit bounds the files of a base, in bytes, sparse ones counted whole.
const SetLimit = 16 << 30

// Bootstrap says what a base is made of.
type Bootstrap struct {
	Sets     string   // a directory of sets, or of a release
	Names    []string // of the sets; base, and etc if there, if empty
	Name     string   // of the base; from the release in the sets if empty
	NoVerify bool     // extract sets that have no checksum
	Limit    int64    // bytes; 0 for SetLimit
	// Progress, if not nil, is told of what takes long.
	Progress func(what string, done, total int64)
}

// Base is a base layer that was made.
type Base struct {
	Name     string   `json:"name"`
	Path     string   `json:"path"`
	Sets     []string `json:"sets"`
	Verified string   `json:"verified"` // the file with the checksums, "" if they were not asked for
	Bytes    int64    `json:"bytes"`
	Skipped  int      `json:"skipped_devices"`
	Unowned  int      `json:"unowned_files"` // whose owners this user namespace does not have
	Seconds  float64  `json:"seconds"`
}

// ErrName is a base that has no name and gives none.
var ErrName = errors.New("the sets do not say what release they are of; give the base a name")

// ErrExists is a base that there is already.
var ErrExists = errors.New("exists already")

// Bootstrap extracts sets into a new base layer. It is there with all of it
// or not at all: until the end it is a temporary directory beside it, which
// the next Bootstrap removes if this one ends early. The caller holds the
// lock of bases.
func (s *Store) Bootstrap(ctx context.Context, o Bootstrap) (_ *Base, err error) {
	start := time.Now()
	dir, sets, err := findSets(o.Sets, o.Names)
	if err != nil {
		return nil, err
	}
	if o.Name != "" {
		if err := s.baseFree(o.Name); err != nil {
			return nil, err
		}
	}
	b := &Base{}
	var known *sums
	if !o.NoVerify {
		if known, err = readSums(dir); err != nil {
			return nil, err
		}
		b.Verified = known.file
	}
	if err := s.makeParents(); err != nil {
		return nil, err
	}
	if err := s.Sweep(); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(s.Layout.Bases(), ".new-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.removeTree(tmp))
		}
	}()
	limit := o.Limit
	if limit == 0 {
		limit = SetLimit
	}
	x, err := newExtractor(tmp, limit)
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		if err := x.set(ctx, set, known, o.Progress); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", set.path, err), x.root.Close())
		}
		b.Sets = append(b.Sets, filepath.Base(set.path))
	}
	for _, d := range mountPoints {
		if err := x.mountPoint(d); err != nil {
			return nil, errors.Join(err, x.root.Close())
		}
	}
	b.Name = o.Name
	if b.Name == "" {
		if b.Name = releaseOf(x.root, dir); b.Name == "" {
			return nil, errors.Join(ErrName, x.root.Close())
		}
		if err := s.baseFree(b.Name); err != nil {
			return nil, errors.Join(err, x.root.Close())
		}
	}
	if err := x.finish(); err != nil {
		return nil, err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return nil, err
	}
	// All of it must be on the disk before its name is.
	if err := syncTree(tmp); err != nil {
		return nil, err
	}
	b.Path = s.Layout.Base(b.Name)
	if err := os.Rename(tmp, b.Path); err != nil {
		return nil, err
	}
	b.Bytes, b.Skipped, b.Unowned, b.Seconds = x.bytes, x.skipped, x.unowned, time.Since(start).Seconds()
	return b, durable.SyncDir(s.Layout.Bases())
}

// set verifies an archive and extracts it. What is read the second time must
// still be what was verified.
func (x *extractor) set(ctx context.Context, set archive, known *sums, progress func(string, int64, int64)) error {
	f, err := os.Open(set.path)
	if err != nil {
		return err
	}
	defer f.Close()
	report := func(verb string) func(int64, int64) {
		if progress == nil {
			return nil
		}
		return func(done, total int64) { progress(verb+" "+filepath.Base(set.path), done, total) }
	}
	in, again := io.Reader(f), hash.Hash(nil)
	if known != nil {
		if err := known.verify(f, report("verifying")); err != nil {
			return err
		}
		again = known.new()
		in = io.TeeReader(f, again)
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	c := &counting{r: in, total: st.Size(), report: report("extracting")}
	r, err := decompress(c)
	if err != nil {
		return err
	}
	if err := x.extract(ctx, r); err != nil {
		return err
	}
	// Bytes after the archive belong to the checksum too.
	if _, err := io.Copy(io.Discard, c); err != nil {
		return err
	}
	if again != nil && hex.EncodeToString(again.Sum(nil)) != known.hex[filepath.Base(set.path)] {
		return fmt.Errorf("it changed while it was read: %w", ErrDamaged)
	}
	return nil
}

func (x *extractor) mountPoint(name string) error {
	if err := x.parents(name); err != nil {
		return err
	}
	st, err := x.root.Lstat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		mode := os.FileMode(0o755)
		if name == "tmp" {
			mode = 0o777 | os.ModeSticky
		}
		if err := x.root.Mkdir(name, 0o755); err != nil {
			return err
		}
		return x.root.Chmod(name, mode)
	case err != nil:
		return err
	case !st.IsDir():
		return fmt.Errorf("the sets have a %v at /%s, where a jail needs a directory", st.Mode().Type(), name)
	}
	return nil
}

func (s *Store) baseFree(name string) error {
	if err := jail.CheckBase(name); err != nil {
		return err
	}
	if _, err := os.Lstat(s.Layout.Base(name)); err == nil {
		return fmt.Errorf("base %s %w", name, ErrExists)
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Sweep removes what a Bootstrap that ended early has left. The caller holds
// the lock of bases.
func (s *Store) Sweep() error {
	entries, err := os.ReadDir(s.Layout.Bases())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".new-") {
			if err := s.removeTree(filepath.Join(s.Layout.Bases(), e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeParents makes the directories above everything we keep. What is in
// them is for root alone: a host user must not run a jail's set-user-id
// programs.
func (s *Store) makeParents() error {
	l := s.Layout
	if err := os.MkdirAll(filepath.Dir(filepath.Dir(l.Bases())), 0o755); err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(l.Bases()), l.Bases(), l.Volumes(), l.Jails(), l.Journals()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// Bases lists the base layers, sorted.
func (s *Store) Bases() ([]string, error) {
	entries, err := os.ReadDir(s.Layout.Bases())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && jail.CheckBase(e.Name()) == nil {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names, nil
}

// releaseOf is a base's name from /etc/release ("NetBSD 10.1/amd64"), or
// from the directories above the sets ("10.1/amd64"), or "".
func releaseOf(r *os.Root, dir string) string {
	if f, err := r.Open("etc/release"); err == nil {
		defer f.Close()
		line, _ := bufio.NewReader(io.LimitReader(f, 4096)).ReadString('\n')
		if m := regexp.MustCompile(`^NetBSD ([0-9][A-Za-z0-9._]*)/([a-z0-9-]+)`).FindStringSubmatch(line); m != nil {
			if name := strings.ToLower(m[1] + "-" + m[2]); jail.CheckBase(name) == nil {
				return name
			}
		}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	abs = strings.TrimSuffix(abs, "/binary/sets")
	arch, release := filepath.Base(abs), strings.TrimPrefix(filepath.Base(filepath.Dir(abs)), "NetBSD-")
	name := release + "-" + arch
	if !regexp.MustCompile(`^[0-9]+\.[0-9]`).MatchString(release) || jail.CheckBase(name) != nil {
		return ""
	}
	return name
}

func syncTree(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return syncFileSystem(f)
}
