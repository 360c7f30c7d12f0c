package logs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	Dir      string
	Keep     int   // files, current included; at least 1
	Size     int64 // bytes of each
	Compress bool  // old ones, by and by; see Writer

	fd    int   // 0 while closed
	place place // of it, or of the last one that was open
	next  int   // the number of the next old file
	plain bool  // there may be old files that are not compressed
	// trouble is what went wrong beside the writing, to be told in the log.
	trouble error
	write   func(fd int, b []byte) (int, error) // nil: the system's
}

// place is a file's identity, and its size.
type place struct {
	device, inode uint64
	size          int64
}

// is says whether it is the place of that file.
func (p *place) is(st *unix.Stat_t) bool {
	return p.inode != 0 && p.device == uint64(st.Dev) && p.inode == uint64(st.Ino)
}

// Write appends whole lines, of which the first done bytes are in the file
// already. It gives how many are then; after an error the rest is to be
// written later, from there on: nothing is written twice, nothing lost. What
// was begun of a line in a file that is gone counts as not written.
//
// Before each change it calls mark with where the file is and how many of the
// bytes it has: to that come those that it has grown since. While one file is
// put in the place of another there is no place.
func (f *File) Write(lines []byte, done int, mark func(place, int)) (int, error) {
	for done < len(lines) {
		begun := done - lineStart(lines, done)
		same, err := f.ready(begun > 0)
		if err != nil {
			return done, err
		}
		if !same {
			done -= begun
			begun = 0
		}
		chunk := lines[done:]
		// In the midst of a line there is no rotation.
		if room := f.Size - f.place.size; begun > 0 {
			chunk = chunk[:firstLine(chunk)]
		} else if int64(len(chunk)) > room {
			fits := 0
			if room > 0 {
				fits = lineStart(chunk, int(room))
			}
			if fits == 0 && f.place.size > 0 {
				mark(place{}, done)
				if err := f.rotate(); err != nil {
					return done, err
				}
				continue
			}
			if fits == 0 { // one line that is larger than a file
				fits = firstLine(chunk)
			}
			chunk = chunk[:fits]
		}
		mark(f.place, done)
		n, err := f.write(f.fd, chunk)
		if n > 0 {
			done += n
			f.place.size += int64(n)
		}
		if err != nil && err != unix.EINTR {
			return done, err
		}
	}
	return done, nil
}

// undo takes back the last n bytes, which were written since the file was
// opened.
func (f *File) undo(n int) {
	if n == 0 || f.fd == 0 {
		return
	}
	if err := unix.Ftruncate(f.fd, f.place.size-int64(n)); err != nil {
		f.Close() // to be ended as a line by whoever opens it
		return
	}
	f.place.size -= int64(n)
}

// grown is how many bytes have come to the file since it had that place; none
// if it is not current any more. From then on it counts as the one that was
// open last.
func (f *File) grown(p place) int64 {
	f.place = p
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(f.Dir, currentName), &st); err != nil || !p.is(&st) {
		return 0
	}
	return st.Size - p.size
}

// lineStart is where the line begins that has gone on to the place n.
func lineStart(b []byte, n int) int { return bytes.LastIndexByte(b[:n], '\n') + 1 }

// firstLine is the length of the first line.
func firstLine(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

// ready opens the file, again if someone has removed it. With begun, a line
// was begun in the one that was open last; it says whether that is this one.
func (f *File) ready(begun bool) (same bool, err error) {
	if f.write == nil {
		f.write = unix.Write
	}
	var st unix.Stat_t
	if f.fd != 0 {
		if err := unix.Fstat(f.fd, &st); err == nil && st.Nlink > 0 {
			return true, nil
		}
		f.Close()
	}
	if err := os.MkdirAll(f.Dir, logMode); err != nil {
		return false, err
	}
	numbers, err := oldFiles(f.Dir)
	if err != nil {
		return false, err
	}
	f.next = 1
	if len(numbers) > 0 {
		f.next = numbers[len(numbers)-1] + 1
	}
	path := filepath.Join(f.Dir, currentName)
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o640)
	if err != nil {
		return false, &os.PathError{Op: "open", Path: path, Err: err}
	}
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return false, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return false, fmt.Errorf("%s: not a regular file", path)
	}
	same = begun && f.place.is(&st)
	if st.Size > 0 && !same {
		// A power failure may have torn the last line.
		var last [1]byte
		if n, err := unix.Pread(fd, last[:], st.Size-1); err == nil && n == 1 && last[0] != '\n' {
			n, err := f.write(fd, []byte{'\n'})
			if err != nil {
				unix.Close(fd)
				return false, err
			}
			st.Size += int64(n)
		}
	}
	f.fd, f.place = fd, place{uint64(st.Dev), uint64(st.Ino), st.Size}
	if err := f.trim(numbers); err != nil {
		f.trouble = fmt.Errorf("an old log stays: %w", err)
	}
	return same, nil
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
	if err := os.Rename(path, oldPath(f.Dir, f.next)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f.plain = true
	f.Close()
	_, err := f.ready(false)
	return err
}

// trim removes the oldest files beyond Keep.
func (f *File) trim(numbers []int) error {
	for len(numbers) > max(f.Keep-1, 0) {
		if err := removeOld(f.Dir, numbers[0]); err != nil {
			return err
		}
		numbers = numbers[1:]
	}
	return nil
}

// oldFiles lists the numbers of the old files, compressed or not, ascending.
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
		digits, ok := strings.CutPrefix(strings.TrimSuffix(name, compressed), oldPrefix)
		if !ok || len(digits) < 6 {
			continue
		}
		if n, err := strconv.Atoi(digits); err == nil && n > 0 && fmt.Sprintf("%06d", n) == digits {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), nil
}
