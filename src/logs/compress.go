package logs

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"jails/src/durable"
)

// A compressed old file has the name of the plain one with this behind it,
// and with newSuffix while it is being written. Where both are there, they
// have the same lines, and the plain one is to go.
const (
	compressed = ".gz"
	newSuffix  = ".gz.new"
)

// errStopped ends a compression that is not finished.
var errStopped = errors.New("stopped")

// compress puts compressed files in the place of plain old ones in dir, the
// oldest first, until stop is set. Whatever interrupts it, each line is there
// once: a reader takes one of two files of the same number. It may run beside
// the one who writes the log.
func compress(dir string, stop *atomic.Bool) error {
	numbers, err := oldFiles(dir)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if stop.Load() {
			return nil
		}
		err := compressFile(oldPath(dir, n), stop)
		if errors.Is(err, errStopped) {
			return nil
		}
		// Meanwhile it may have become too old.
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func compressFile(path string, stop *atomic.Bool) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	st, err := from.Stat()
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path + compressed); err == nil { // someone was stopped here
		return os.Remove(path)
	}
	to, err := os.OpenFile(path+newSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, st.Mode().Perm())
	if err != nil {
		return err
	}
	err = pack(to, from, st, stop)
	if err = errors.Join(err, to.Close()); err == nil {
		_, err = os.Lstat(path) // else it has become too old
	}
	if err == nil {
		err = os.Rename(to.Name(), path+compressed)
	}
	if err != nil {
		return errors.Join(err, os.Remove(to.Name()))
	}
	if err := durable.SyncDir(filepath.Dir(path)); err != nil {
		return err
	}
	return os.Remove(path)
}

// pack writes the compressed form of a file, to stay.
func pack(to, from *os.File, st os.FileInfo, stop *atomic.Bool) error {
	zip := gzip.NewWriter(to)
	zip.Name, zip.Comment, zip.ModTime = filepath.Base(from.Name()), identity(st), st.ModTime()
	for b := make([]byte, 64<<10); ; {
		n, err := from.Read(b)
		if _, err := zip.Write(b[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if stop.Load() {
			return errStopped
		}
	}
	if err := zip.Close(); err != nil {
		return err
	}
	if err := to.Sync(); err != nil {
		return err
	}
	return os.Chtimes(to.Name(), st.ModTime(), st.ModTime())
}

// identity is which file a compressed one was made of: whoever has that open
// knows it again.
func identity(st os.FileInfo) string {
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("file %d of %d", s.Ino, s.Dev)
}

// sweep removes what someone who was killed while compressing has left.
func sweep(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, oldPrefix+"*"+newSuffix))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// logFile is a file of a log that is open for reading, compressed or not.
type logFile struct {
	*os.File
	zip *gzip.Reader // or nil
	err error        // why it can not be read
}

// damaged is why a compressed file can not be read, or not to its end.
type damaged struct{ error }

func (f *logFile) Read(b []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	if f.zip == nil {
		return f.File.Read(b)
	}
	n, err := f.zip.Read(b)
	if err != nil && err != io.EOF {
		f.err = damaged{fmt.Errorf("%s: %w", filepath.Base(f.Name()), err)}
		err = f.err
	}
	return n, err
}

// openOld opens old file number n. That it may be compressed while this looks
// for it is no matter: the plain one goes when the other is there.
func openOld(dir string, n int) (*logFile, error) {
	path := oldPath(dir, n)
	plain, err := os.Open(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return &logFile{File: plain}, err
	}
	f := &logFile{}
	if f.File, err = os.Open(path + compressed); err != nil {
		return nil, err
	}
	if f.zip, err = gzip.NewReader(f.File); err != nil {
		f.err = damaged{fmt.Errorf("%s: %w", filepath.Base(f.Name()), err)}
	}
	return f, nil
}

// isOld says whether old file number n is that one, or was made of it.
func isOld(dir string, n int, mine os.FileInfo) bool {
	f, err := openOld(dir, n)
	if err != nil {
		return false
	}
	defer f.Close()
	if f.zip != nil {
		return f.zip.Comment == identity(mine)
	}
	st, err := f.Stat()
	return err == nil && os.SameFile(mine, st)
}

// removeOld removes old file number n, in whatever form.
func removeOld(dir string, n int) error {
	path := oldPath(dir, n)
	for _, name := range []string{path, path + compressed} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// isPlain says whether any old file is not compressed.
func isPlain(dir string) bool {
	d, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range d {
		if strings.HasPrefix(e.Name(), oldPrefix) && !strings.HasSuffix(e.Name(), compressed) {
			return true
		}
	}
	return false
}
