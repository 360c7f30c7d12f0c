package logs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The newest file is current; those before it are log.NNNNNN, the higher the
// newer.
const (
	currentName = "current"
	oldPrefix   = "log."
	logMode     = 0o750 // of the directory
)

func oldPath(dir string, n int) string {
	return filepath.Join(dir, oldPrefix+fmt.Sprintf("%06d", n))
}

// File keeps lines in a directory: at most Keep files of about Size bytes.
// Rotation happens between lines, before the one that would not fit.
type File struct {
	Dir  string
	Keep int   // files, current included; at least 1
	Size int64 // bytes of each

	fd   int // 0 while closed
	size int64
	next int // the number of the next old file
	torn bool
}

// Write appends whole lines. It gives the number of bytes written; after an
// error the rest is to be written again later, from there on: nothing is
// written twice, nothing lost.
func (f *File) Write(lines []byte) (int, error) {
	done := 0
	for done < len(lines) {
		if err := f.ready(); err != nil {
			return done, err
		}
		chunk := lines[done:]
		// In the midst of a line that was torn by an error there is no
		// rotation.
		if room := f.Size - f.size; int64(len(chunk)) > room && !f.torn {
			fits := 0
			if room > 0 {
				fits = bytes.LastIndexByte(chunk[:room], '\n') + 1
			}
			if fits == 0 && f.size > 0 {
				if err := f.rotate(); err != nil {
					return done, err
				}
				continue
			}
			if fits == 0 { // one line that is larger than a file
				fits = firstLine(chunk)
			}
			chunk = chunk[:fits]
		} else if f.torn {
			chunk = chunk[:firstLine(chunk)]
		}
		n, err := unix.Write(f.fd, chunk)
		if n > 0 {
			done += n
			f.size += int64(n)
			f.torn = lines[done-1] != '\n'
		}
		if err != nil && err != unix.EINTR {
			return done, err
		}
	}
	return done, nil
}

// firstLine is the length of the first line.
func firstLine(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

// ready opens the file, again if someone has removed it.
func (f *File) ready() error {
	if f.fd != 0 {
		var st unix.Stat_t
		if err := unix.Fstat(f.fd, &st); err == nil && st.Nlink > 0 {
			return nil
		}
		f.Close()
	}
	if err := os.MkdirAll(f.Dir, logMode); err != nil {
		return err
	}
	numbers, err := oldFiles(f.Dir)
	if err != nil {
		return err
	}
	f.next = 1
	if len(numbers) > 0 {
		f.next = numbers[len(numbers)-1] + 1
	}
	path := filepath.Join(f.Dir, currentName)
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o640)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return fmt.Errorf("%s: not a regular file", path)
	}
	if st.Size > 0 && !f.torn {
		// A power failure may have torn the last line.
		var last [1]byte
		if n, err := unix.Pread(fd, last[:], st.Size-1); err == nil && n == 1 && last[0] != '\n' {
			n, err := unix.Write(fd, []byte{'\n'})
			if err != nil {
				unix.Close(fd)
				return err
			}
			st.Size += int64(n)
		}
	}
	f.torn = false
	f.fd, f.size = fd, st.Size
	return f.trim(numbers)
}

// Close gives back the descriptor.
func (f *File) Close() error {
	if f.fd == 0 {
		return nil
	}
	fd := f.fd
	f.fd = 0
	return unix.Close(fd)
}

// rotate makes current the newest old file.
func (f *File) rotate() error {
	path := filepath.Join(f.Dir, currentName)
	if f.Keep <= 1 {
		if err := unix.Ftruncate(f.fd, 0); err != nil {
			return err
		}
		f.size = 0
		return nil
	}
	old := oldPath(f.Dir, f.next)
	if err := os.Rename(path, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f.Close()
	return f.ready()
}

// trim removes the oldest files beyond Keep.
func (f *File) trim(numbers []int) error {
	for len(numbers) > max(f.Keep-1, 0) {
		err := os.Remove(oldPath(f.Dir, numbers[0]))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		numbers = numbers[1:]
	}
	return nil
}

// oldFiles lists the numbers of the rotated files, ascending.
func oldFiles(dir string) ([]int, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, name := range names {
		digits, ok := strings.CutPrefix(name, oldPrefix)
		if !ok || len(digits) < 6 {
			continue
		}
		if n, err := strconv.Atoi(digits); err == nil && n > 0 && fmt.Sprintf("%06d", n) == digits {
			numbers = append(numbers, n)
		}
	}
	sort.Ints(numbers)
	return numbers, nil
}
