package logs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/watch"
)

// Filter says which lines to read; its zero value is all of them.
type Filter struct {
	Services     []string // of any of these
	Stream       string   // out, err
	Since, Until time.Time
	Text         []byte // that the line contains
}

func (f *Filter) match(l *Line) bool {
	return (len(f.Services) == 0 || slices.Contains(f.Services, l.Service)) &&
		(f.Stream == "" || f.Stream == l.Stream) &&
		(f.Since.IsZero() || !l.Time.Before(f.Since)) &&
		(f.Until.IsZero() || l.Time.Before(f.Until)) &&
		(len(f.Text) == 0 || bytes.Contains(l.Text, f.Text))
}

// Read calls f with the lines of a jail's log directory that the filter lets
// through, oldest first, until f gives an error. A line that is not one of
// ours is given as a line of the service "?".
func Read(dir string, filter Filter, f func(Line) error) error {
	r, err := open(dir)
	if err != nil {
		return err
	}
	defer r.close()
	return r.read(filter, f)
}

// follow gives all lines that there are, calls caught, and goes on with the
// lines to come, through rotations, until ctx ends; then it gives nil. It sleeps
// while there are none. A directory that is not there is made, to watch it.
func follow(ctx context.Context, dir string, filter Filter, f func(Line) error, caught func()) error {
	if err := os.MkdirAll(dir, logMode); err != nil {
		return err
	}
	w, err := watch.New(dir)
	if err != nil {
		return err
	}
	defer w.Close()
	r, err := open(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	defer func() { r.close() }()
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { w.Wake(); close(woken) })
	defer func() {
		if !stop() {
			<-woken // the watcher's descriptors are its until then
		}
	}()
	for {
		if r == nil {
			if r, err = open(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if r != nil {
			if err := r.read(filter, f); err != nil {
				return err
			}
		}
		if caught != nil {
			caught()
			caught = nil
			filter.Since = time.Time{} // what comes is new, also if the clock is set back
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := w.Wait(r.current()); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// reader is a place in a log: a file, and how far in it.
type reader struct {
	dir   string
	file  *logFile
	lines *bufio.Reader
	part  []byte // of a line that is not complete
	next  []int  // the numbers of old files that come after file
	seen  int    // no number up to this one comes again
	last  bool   // file is, or was, current
}

// open begins with the oldest file.
func open(dir string) (*reader, error) {
	numbers, err := oldFiles(dir)
	if err != nil {
		return nil, err
	}
	r := &reader{dir: dir, lines: bufio.NewReaderSize(nil, 64<<10)}
	r.after(numbers)
	if err := r.advance(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *reader) close() {
	if r != nil && r.file != nil {
		r.file.Close()
	}
}

func (r *reader) current() *os.File {
	if r == nil || r.file == nil {
		return nil
	}
	return r.file.File
}

func (r *reader) use(f *logFile, last bool) {
	r.close()
	r.file, r.last = f, last
	r.lines.Reset(f)
	r.part = nil
}

// after takes those of the numbers, ascending, that are still to come, and
// says whether there are any. A directory that changes while it is listed may
// leave some out, so the numbers between are taken too; what is not there is
// passed over when it comes to be opened.
func (r *reader) after(numbers []int) bool {
	for _, n := range numbers {
		if r.seen == 0 || n-r.seen > 1<<16 {
			r.seen = n - 1
		}
		for r.seen < n {
			r.seen++
			r.next = append(r.next, r.seen)
		}
	}
	return len(r.next) > 0
}

// advance opens the next old file, or current when there is none.
func (r *reader) advance() error {
	for {
		for len(r.next) > 0 {
			n := r.next[0]
			r.next = r.next[1:]
			f, err := openOld(r.dir, n)
			if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
				continue
			}
			if err != nil {
				return err
			}
			r.use(f, false)
			return nil
		}
		f, err := os.Open(filepath.Join(r.dir, currentName))
		if err != nil {
			return err
		}
		// What became old before this current was opened comes first.
		numbers, err := oldFiles(r.dir)
		if err != nil {
			f.Close()
			return err
		}
		if !r.after(numbers) {
			r.use(&logFile{File: f}, true)
			return nil
		}
		f.Close()
	}
}

// rotated finds out whether the file that was current is so no longer, and
// which files came after it.
func (r *reader) rotated() (bool, error) {
	now, err := os.Stat(filepath.Join(r.dir, currentName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	mine, err2 := r.file.Stat()
	if err2 != nil {
		return false, err2
	}
	if err == nil && os.SameFile(mine, now) {
		return false, nil
	}
	if err != nil { // between the renaming and the new file
		return false, nil
	}
	for again := true; ; again = false {
		numbers, err := oldFiles(r.dir)
		if err != nil {
			return false, err
		}
		found := false
		for _, n := range numbers {
			if n > r.seen && isOld(r.dir, n, mine) {
				found = true
				r.seen = n
			}
		}
		if !found && again && links(r.file.File) > 0 {
			// Left out of a listing that a renaming changed; or someone
			// else has moved it away.
			continue
		}
		r.after(numbers)
		return true, nil
	}
}

// links is how many names a file has left; none after an error.
func links(f *os.File) int {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0
	}
	return int(st.Nlink)
}

// read gives all lines that there are.
func (r *reader) read(filter Filter, f func(Line) error) error {
	for {
		if err := r.readFile(filter, f); err != nil {
			return err
		}
		if r.last {
			switch moved, err := r.rotated(); {
			case err != nil:
				return err
			case !moved:
				return nil
			}
			// What was written before the renaming is still to be read.
			if err := r.readFile(filter, f); err != nil {
				return err
			}
		}
		if err := r.advance(); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
	}
}

// again lets a line that is not complete be read anew: on a full disk it may be
// taken back.
func (r *reader) again() error {
	if len(r.part) == 0 || r.file.zip != nil {
		return nil
	}
	if _, err := r.file.Seek(-int64(len(r.part)), io.SeekCurrent); err != nil {
		return err
	}
	r.part = nil
	r.lines.Reset(r.file)
	return nil
}

func (r *reader) readFile(filter Filter, f func(Line) error) error {
	if !r.last && !filter.Since.IsZero() {
		// No line is younger than its file.
		if st, err := r.file.Stat(); err == nil && st.ModTime().Before(filter.Since) {
			return nil
		}
	}
	for {
		b, err := r.lines.ReadSlice('\n')
		if bad, is := errors.AsType[damaged](err); is {
			r.part = nil
			if l := (Line{Service: "?", Stream: "err", Full: true, Text: []byte(bad.Error())}); filter.match(&l) {
				return f(l)
			}
			return nil
		}
		if err == bufio.ErrBufferFull || err == io.EOF {
			r.part = append(r.part, b...)
			if err == io.EOF {
				return r.again()
			}
			if len(r.part) > 1<<20 {
				return fmt.Errorf("%s: a line of more than 1 MB is not a log's", r.file.Name())
			}
			continue
		}
		if err != nil {
			return err
		}
		if len(r.part) > 0 {
			b = append(r.part, b...)
			r.part = nil
		}
		l, err := Parse(b)
		if err != nil {
			l = Line{Service: "?", Stream: "err", Full: true, Text: bytes.Clone(bytes.TrimSuffix(b, []byte{'\n'}))}
		}
		if filter.match(&l) {
			if err := f(l); err != nil {
				return err
			}
		}
	}
}
