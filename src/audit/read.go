package audit

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"jails/src/watch"
)

// maxLine bounds a line that is taken for a record.
const maxLine = 4 << 20

// recordStart is how each record begins, and what no string within one can
// hold.
const recordStart = `{"time":"`

// Read calls f with all records of the trail at path, those of its rotated
// files too (path.1, path.0.gz and the like), oldest first, until f gives an
// error. What is not a record is given as one that is Damaged.
func Read(path string, f func(*Record) error) error {
	files, err := openAll(path)
	if err != nil {
		return err
	}
	defer closeAll(files)
	for _, file := range files {
		if err := file.read(f); err != nil {
			return err
		}
	}
	return nil
}

// Follow is Read, calls caught, and goes on with the records to come, through
// rotations, until ctx ends; then it gives nil. It sleeps while there are none.
// A directory that is not there is made, to watch it.
func Follow(ctx context.Context, path string, f func(*Record) error, caught func() error) error {
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return err
	}
	w, err := watch.New(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer w.Close()
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { w.Wake(); close(woken) })
	defer func() {
		if !stop() {
			<-woken // the watcher's descriptors are its until then
		}
	}()
	files, err := openAll(path)
	if err != nil {
		return err
	}
	defer func() { closeAll(files) }()
	var head []byte // of the newest file that anything was read of
	for ctx.Err() == nil {
		for len(files) > 0 {
			if err := files[0].read(f); err != nil {
				return err
			}
			head = either(files[0].head(), head)
			if len(files) == 1 {
				break
			}
			files[0].Close()
			files = files[1:]
		}
		if caught != nil {
			if err := caught(); err != nil {
				return err
			}
			caught = nil
		}
		newer, err := openAll(path)
		if err != nil {
			return err
		}
		if len(newer) > 0 && (len(files) == 0 || !files[0].same(newer[len(newer)-1])) {
			// What was written to it until it was rotated comes first.
			if len(files) > 0 {
				if err := files[0].read(f); err != nil {
					closeAll(newer)
					return err
				}
				head = either(files[0].head(), head)
				newer = after(newer, files[0], head)
				files[0].Close()
			}
			files = newer
			continue
		}
		closeAll(newer)
		var current *os.File
		if len(files) > 0 {
			current = files[0].File
		}
		if err := w.Wait(current); err != nil {
			return err
		}
	}
	return nil
}

// file is one of the trail's, and how far it is read.
type file struct {
	*os.File
	lines *bufio.Reader
	part  []byte // of a line whose end is still to come
	long  bool   // it was too long, and its beginning is dropped
	last  time.Time

	packed bool
	begins []byte // see head

	wanted func(line []byte) bool // nil: each is
}

func (f *file) same(other *file) bool {
	a, err1 := f.Stat()
	b, err2 := other.Stat()
	return err1 == nil && err2 == nil && os.SameFile(a, b)
}

func (f *file) isAt(name string) bool {
	a, err1 := f.Stat()
	b, err2 := os.Stat(name)
	return err1 == nil && err2 == nil && os.SameFile(a, b)
}

func closeAll(files []*file) {
	for _, f := range files {
		f.Close()
	}
}

// headSize is how much of a file's first line tells it from all others: the
// time and the id of a record are there.
const headSize = 256

// head is how the file begins, nil while there is not so much. It is the same
// when the file is packed.
func (f *file) head() []byte {
	if f.begins != nil {
		return f.begins
	}
	b := make([]byte, headSize)
	if f.packed {
		b, _ = f.lines.Peek(headSize) // what is damaged is told of when it is read
	} else {
		n, _ := f.ReadAt(b, 0)
		b = b[:n]
	}
	line, _, whole := bytes.Cut(b, []byte{'\n'})
	if whole || len(line) == headSize {
		f.begins = bytes.Clone(line)
	}
	return f.begins
}

func either(a, b []byte) []byte {
	if len(a) > 0 {
		return a
	}
	return b
}

// after is those that come after last: all, if last was removed. Head is how it
// begins, by which it is known where it was packed, or the one before it if
// nothing was in it. The others are closed.
func after(files []*file, last *file, head []byte) []*file {
	at := slices.IndexFunc(files, last.same)
	if at < 0 && len(head) > 0 {
		at = slices.IndexFunc(files, func(f *file) bool { return bytes.Equal(f.head(), head) })
	}
	closeAll(files[:at+1])
	return files[at+1:]
}

// openAll opens the trail's files, oldest first. A rotation in between makes it
// begin again.
func openAll(path string) ([]*file, error) {
	for {
		files, again, err := openOnce(path)
		if err != nil || !again {
			return files, err
		}
		closeAll(files)
	}
}

func openOnce(path string) (files []*file, again bool, err error) {
	names, err := rotated(path)
	if err != nil {
		return nil, false, err
	}
	for _, name := range append(names, path) {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			if name != path {
				return files, true, nil
			}
			continue
		}
		if err != nil {
			closeAll(files)
			return nil, false, err
		}
		r := io.Reader(f)
		packed := strings.HasSuffix(name, ".gz")
		if packed {
			if r, err = gzip.NewReader(f); err != nil {
				r = &failing{fmt.Errorf("%s: %w", name, err)}
			}
		}
		files = append(files, &file{File: f, packed: packed, lines: bufio.NewReaderSize(r, 64<<10)})
	}
	now, err := rotated(path)
	if err == nil && len(files) > 0 && !slices.Equal(names, now) {
		return files, true, nil
	}
	// A rotation can leave the same names, each to another file.
	again = slices.ContainsFunc(files, func(f *file) bool { return !f.isAt(f.Name()) })
	return files, again, err
}

// failing is a file that can not be read.
type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// rotated is the trail's older files, oldest first: newsyslog(8) and others put
// a number behind the name, the higher the older.
func rotated(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	numbers := map[string]int{}
	var names []string
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), filepath.Base(path)+".")
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSuffix(rest, ".gz"), 10, 31); err == nil {
			name := filepath.Join(filepath.Dir(path), e.Name())
			names = append(names, name)
			numbers[name] = int(n)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if numbers[a] != numbers[b] {
			return numbers[b] - numbers[a]
		}
		return strings.Compare(b, a) // the packed one is in the making, or all of it
	})
	return slices.CompactFunc(names, func(a, b string) bool { return numbers[a] == numbers[b] }), nil
}

// read gives the records that there are.
func (f *file) read(give func(*Record) error) error {
	if f.packed {
		f.head() // it can be read once only
	}
	for {
		b, err := f.lines.ReadSlice('\n')
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return give(f.damaged(fmt.Sprintf("%s: %v", f.Name(), err)))
		}
		if f.part = append(f.part, b...); len(f.part) > maxLine {
			f.part, f.long = f.part[:0], true
		}
		switch {
		case err == io.EOF:
			return nil
		case err == bufio.ErrBufferFull:
			continue
		}
		line := f.part[:len(f.part)-min(1, len(f.part))]
		if f.long {
			line = []byte("a line of more than 4 MB")
		}
		err = f.parse(line, give)
		f.part, f.long = f.part[:0], false
		if err != nil {
			return err
		}
	}
}

// damaged has the time of the record before it.
func (f *file) damaged(text string) *Record {
	return &Record{Time: f.last, Event: Damaged, Jails: []string{}, Text: safe(text, maxClaim)}
}

// parse reads a line. Half a line that was torn does not hide the record that
// was written behind it.
func (f *file) parse(line []byte, give func(*Record) error) error {
	if len(line) == 0 || f.wanted != nil && !f.wanted(line) {
		return nil
	}
	if r := decode(line); r != nil {
		f.last = r.Time
		return give(r)
	}
	head := line
	var r *Record
	if at := bytes.LastIndex(line, []byte(recordStart)); at > 0 {
		if r = decode(line[at:]); r != nil {
			head = line[:at]
		}
	}
	if err := give(f.damaged(string(head))); err != nil || r == nil {
		return err
	}
	f.last = r.Time
	return give(r)
}

// decode is nil for what is not a record of ours.
func decode(line []byte) *Record {
	r := new(Record)
	if !bytes.HasPrefix(line, []byte(recordStart)) || json.Unmarshal(line, r) != nil {
		return nil
	}
	switch {
	case (r.Event == Begin || r.Event == End) && r.Act != nil:
		r.Denial = nil
	case r.Event == Denied && r.Denial != nil:
		r.Act = nil
	default:
		return nil
	}
	if r.Jails == nil {
		r.Jails = []string{}
	}
	return r
}
