// Package journal records what is about to be done to a jail, step by step,
// so that whoever comes after a kill or a power loss can undo it.
package journal

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jails/src/durable"
)

// Step is one thing done, or about to be done when its doer ended. So its
// undo must be content with finding nothing to do.
type Step struct {
	Kind string
	Args []string
}

// Journal is the file that holds the steps of one verb. Its user has the
// jail's lock.
type Journal struct {
	Verb  string // what is being done: create, start, destroy
	Done  bool   // it was done to its end
	Steps []Step

	path   string
	file   *os.File
	frozen bool // the file system is read-only
}

// Hook, if a test sets it, is called after each step is recorded and before
// it is done, and, with the kind "done", before the journal ends.
var Hook func(verb string, s Step)

// ErrDamaged is a journal that does not read as it was written.
var ErrDamaged = errors.New("damaged journal")

const done = "done"

// Begin starts a journal. It is os.ErrExist if there is one already.
func Begin(path, verb string) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	j := &Journal{Verb: verb, path: path, file: f}
	if err := j.write(verb, nil); err != nil {
		return nil, errors.Join(err, j.Remove())
	}
	return j, nil
}

// Open reads the journal that someone left, to go on with it; os.ErrNotExist if
// none did. Where the file system is read-only its steps can be undone, but
// nothing recorded, and it stays.
func Open(path string) (*Journal, error) {
	j, err := open(path, os.O_RDWR|os.O_APPEND)
	if durable.ReadOnly(err) {
		if j, err = open(path, os.O_RDONLY); err == nil {
			j.frozen = true
		}
	}
	return j, err
}

// Read is Open only to look, which a disk that takes nothing allows too.
func Read(path string) (*Journal, error) {
	j, err := open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return j, j.Close()
}

func open(path string, flags int) (*Journal, error) {
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	// NetBSD reads a directory as if it were a file.
	if st, err := f.Stat(); err != nil || st.IsDir() {
		return nil, errors.Join(cmp.Or(err, error(&os.PathError{Op: "read", Path: path, Err: unix.EISDIR})), f.Close())
	}
	j := &Journal{path: path, file: f}
	for r := bufio.NewReader(f); ; {
		line, err := r.ReadString('\n')
		if err == io.EOF {
			// A line without its end was never acted on.
			return j, nil
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		s, err := parse(line)
		switch {
		case err != nil:
			return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
		case j.Verb == "":
			j.Verb = s.Kind
		case s.Kind == done:
			j.Done = true
		default:
			j.Steps = append(j.Steps, s)
		}
	}
}

// Record notes a step that is done next. With durable it is on the disk
// when Record returns, for what a power loss does not undo by itself.
func (j *Journal) Record(durable bool, kind string, args ...string) error {
	if err := j.write(kind, args); err != nil {
		return err
	}
	if durable {
		if err := j.Sync(); err != nil {
			return err
		}
	}
	s := Step{kind, args}
	j.Steps = append(j.Steps, s)
	if Hook != nil {
		Hook(j.Verb, s)
	}
	return nil
}

// Sync puts the journal on the disk.
func (j *Journal) Sync() error {
	if err := j.file.Sync(); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(j.path))
}

// Has says whether a step of that kind was recorded.
func (j *Journal) Has(kind string) bool {
	for _, s := range j.Steps {
		if s.Kind == kind {
			return true
		}
	}
	return false
}

// Finish notes that the verb was done to its end; the journal stays, for its
// steps to be undone later.
func (j *Journal) Finish() error {
	if Hook != nil {
		Hook(j.Verb, Step{Kind: done})
	}
	if err := j.write(done, nil); err != nil {
		return err
	}
	j.Done = true
	return j.file.Close()
}

// Undo undoes the steps from the last to the first and removes the journal.
// Where undo fails it stops; the journal stays, so that another can go on.
func (j *Journal) Undo(undo func(Step) error) error {
	for i := len(j.Steps) - 1; i >= 0; i-- {
		if err := undo(j.Steps[i]); err != nil {
			return errors.Join(err, j.Close())
		}
	}
	return j.Remove()
}

// Remove ends the journal: there is nothing to undo.
func (j *Journal) Remove() error {
	if Hook != nil {
		Hook(j.Verb, Step{Kind: done})
	}
	return errors.Join(os.Remove(j.path), j.Close())
}

// Close lets the journal be as it is.
func (j *Journal) Close() error {
	if err := j.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

func (j *Journal) write(kind string, args []string) error {
	line := kind
	for _, a := range args {
		line += " " + strconv.Quote(a)
	}
	if j.frozen {
		return &os.PathError{Op: "write", Path: j.path, Err: unix.EROFS}
	}
	st, err := j.file.Stat()
	if err != nil {
		return err
	}
	if _, err := j.file.WriteString(line + "\n"); err != nil {
		// A part of a line would spoil the next one.
		return errors.Join(err, j.file.Truncate(st.Size()))
	}
	return nil
}

func parse(line string) (Step, error) {
	line = strings.TrimSuffix(line, "\n")
	kind, rest, _ := strings.Cut(line, " ")
	s := Step{Kind: kind}
	for rest != "" {
		q, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return s, fmt.Errorf("%w: %q", ErrDamaged, line)
		}
		a, err := strconv.Unquote(q)
		if err != nil {
			return s, fmt.Errorf("%w: %q", ErrDamaged, line)
		}
		s.Args = append(s.Args, a)
		rest = strings.TrimPrefix(rest[len(q):], " ")
	}
	if kind == "" || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz") != "" {
		return s, fmt.Errorf("%w: %q", ErrDamaged, line)
	}
	return s, nil
}
