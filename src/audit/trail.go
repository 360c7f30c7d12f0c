package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/logs"
)

// Trail is the file at Path, and syslogd.
type Trail struct {
	Path string

	noSyslog bool
}

// authpriv, with the levels notice and warning, as syslog(3) has them.
const (
	facility = 10 << 3
	notice   = 5
	warning  = 4
)

// dirMode is that of the directory, if it is not there.
const dirMode = 0o750

// lockPatience is how long others are waited for that write. A process that
// was stopped while it did is no reason not to administer.
const lockPatience = 1000 // ms

// Write appends the records, together and whole or not at all. Their time is
// that of the writing: who reads the file finds the times in order. What the
// file does not take syslogd still gets.
func (t *Trail) Write(records ...*Record) error {
	err := t.append(records)
	if err != nil {
		err = fmt.Errorf("%s: %w", t.Path, bare(err))
	}
	if !t.noSyslog {
		send(records)
	}
	return err
}

// bare is an error without the path that the caller tells.
func bare(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

func (t *Trail) append(records []*Record) error {
	for {
		fd, err := t.open()
		if err != nil {
			return err
		}
		locked, err := lock(fd)
		if err == nil && locked && !t.isAt(fd) {
			unix.Close(fd) // it was rotated in between
			continue
		}
		if err == nil {
			err = write(fd, records, locked)
		}
		return errors.Join(err, unix.Close(fd))
	}
}

func (t *Trail) open() (int, error) {
	const flags = unix.O_RDWR | unix.O_APPEND | unix.O_CREAT | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY
	fd, err := unix.Open(t.Path, flags, 0o600)
	if err == unix.ENOENT {
		if err := os.MkdirAll(filepath.Dir(t.Path), dirMode); err != nil {
			return -1, err
		}
		fd, err = unix.Open(t.Path, flags, 0o600)
	}
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = errors.New("not a regular file")
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// lock waits for others that write, and says whether they let us.
func lock(fd int) (bool, error) {
	for waited := 0; ; waited++ {
		err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case err == unix.EINTR:
		case err != unix.EWOULDBLOCK:
			return false, err
		case waited >= lockPatience:
			return false, nil
		default:
			_, _ = unix.Poll(nil, 1)
		}
	}
}

func (t *Trail) isAt(fd int) bool {
	var mine, there unix.Stat_t
	return unix.Fstat(fd, &mine) == nil && unix.Lstat(t.Path, &there) == nil && mine.Dev == there.Dev && mine.Ino == there.Ino
}

// write is one write(2). A line that a crash has torn is ended first; what a
// full disk takes a part of only is taken back.
func write(fd int, records []*Record, locked bool) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	var b []byte
	if st.Size > 0 {
		var last [1]byte
		if n, err := unix.Pread(fd, last[:], st.Size-1); err == nil && n == 1 && last[0] != '\n' {
			b = append(b, '\n')
		}
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	for _, r := range records {
		r.Time = now
		line, err := r.line()
		if err != nil {
			return err
		}
		b = append(b, line...)
	}
	for {
		n, err := unix.Write(fd, b)
		switch {
		case n == len(b):
			return nil
		case err == unix.EINTR && n <= 0:
			continue
		case err == nil:
			err = unix.ENOSPC // is what a file that takes a part means
		}
		if n > 0 && locked {
			err = errors.Join(err, unix.Ftruncate(fd, st.Size))
		}
		return err
	}
}

// send gives syslogd what it takes at once.
func send(records []*Record) {
	s := logs.NewSyslog(facility|notice, facility|warning, "jails-audit")
	defer s.Close()
	for _, r := range records {
		l := logs.Line{Time: r.Time, Service: r.Event, Stream: "out", Full: true}
		if l.Time.IsZero() { // the file did not take it
			l.Time = time.Now()
		}
		if r.Event == Denied || r.Act != nil && r.Code != nil && *r.Code != 0 {
			l.Stream = "err"
		}
		text, err := r.line()
		if err != nil {
			continue
		}
		l.Text = text[:len(text)-1]
		s.Send(&l)
	}
}
