package logs

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/event"
)

// Counters of a Writer only grow.
type Counters struct {
	Lines, Bytes  uint64 // read
	Dropped       uint64 // lines, for want of disk space
	SyslogDropped uint64 // lines that syslogd did not take
	Blocked       string // why the file takes nothing at present, or ""
}

const (
	readSize   = 64 << 10 // a whole pipe
	flushSize  = 128 << 10
	retryEvery = time.Second // while the file takes nothing
	drainMost  = 1 << 20     // what the largest pipe holds
)

// Writer reads streams and writes their lines to a file and to syslogd. It
// serves its streams in turn, one buffer each, so that none keeps the others
// waiting. When the file takes nothing, it either stops reading, so that the
// services wait, or drops and counts, and goes on by itself once there is
// room again. It belongs to its loop's goroutine.
type Writer struct {
	loop    *event.Loop
	file    *File
	syslog  *Syslog // or nil
	drop    bool
	now     func() time.Time
	streams map[int]*source // by descriptor
	buf     []byte
	out     []byte // lines for the file
	unsaid  uint64 // dropped, and not yet told of in the file
	retry   *event.Timer
	count   Counters
}

type source struct {
	framer
	fd   int
	over bool
}

// NewWriter makes a Writer without streams. syslog may be nil. With drop it
// drops lines where it would else make the services wait.
func NewWriter(loop *event.Loop, file *File, syslog *Syslog, drop bool) *Writer {
	return &Writer{loop: loop, file: file, syslog: syslog, drop: drop, now: time.Now, streams: make(map[int]*source)}
}

// Add reads a service's stream from the pipe fd, which it owns from now on.
func (w *Writer) Add(service, stream string, fd int) error {
	s := &source{framer: framer{Service: service, Stream: stream}, fd: fd}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return err
	}
	if err := w.loop.Watch(fd, w.mode(), func(event.Mode) { w.ready(s) }); err != nil {
		unix.Close(fd)
		return err
	}
	w.streams[fd] = s
	return nil
}

func (w *Writer) mode() event.Mode {
	if w.paused() {
		return 0
	}
	return event.Readable
}

func (w *Writer) paused() bool { return w.retry != nil && !w.drop }

func (w *Writer) ready(s *source) {
	w.read(s)
	if s.over {
		w.remove(s)
	}
	w.flush()
}

// read takes one buffer full from a stream, and says how much that was.
func (w *Writer) read(s *source) int {
	if w.buf == nil {
		w.buf = make([]byte, readSize)
	}
	n, err := unix.Read(s.fd, w.buf)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return 0
	case err != nil || n == 0:
		s.over = true
		return 0
	}
	w.count.Bytes += uint64(n)
	s.Push(w.buf[:n], w.now(), w.line)
	return n
}

func (w *Writer) line(l *Line) {
	w.count.Lines++
	if w.syslog != nil {
		w.syslog.Send(l)
	}
	w.out = l.Append(w.out)
	if len(w.out) >= flushSize {
		w.flush()
	}
}

// Note writes a line that no stream brought.
func (w *Writer) Note(service, text string) {
	w.line(&Line{Time: w.now(), Service: service, Stream: "err", Full: true, Text: []byte(text)})
	w.flush()
}

// flush writes what has been put together. With the file not taking it, it
// either keeps it and pauses the streams, or drops it.
func (w *Writer) flush() {
	if w.retry != nil && !w.drop {
		return // the timer will
	}
	w.try()
}

func (w *Writer) try() bool {
	err := w.tellDropped()
	if err == nil {
		var n int
		n, err = w.file.Write(w.out)
		w.out = append(w.out[:0], w.out[n:]...)
	}
	if err == nil {
		w.count.Blocked = ""
		if cap(w.out) > 2*flushSize {
			w.out = nil
		}
		w.resume()
		return true
	}
	w.count.Blocked = blockedReason(w.file.Dir, err)
	if w.drop {
		keep := 0
		if w.file.torn { // the rest of a line that is half written
			keep = firstLine(w.out)
		}
		lost := uint64(bytes.Count(w.out[keep:], []byte{'\n'}))
		w.out = w.out[:keep]
		w.count.Dropped += lost
		w.unsaid += lost
	}
	if !w.retry.Armed() {
		first := w.retry == nil
		w.retry = w.loop.After(retryEvery, func() { w.try() })
		if first && !w.drop {
			w.watch(0)
		}
	}
	return false
}

// tellDropped writes how many lines were dropped, before those that come after
// them. The note itself is no line of a service, and never counted.
func (w *Writer) tellDropped() error {
	if w.unsaid == 0 || w.file.torn {
		return nil
	}
	l := Line{Time: w.now(), Service: "supervisor", Stream: "err", Full: true,
		Text: fmt.Appendf(nil, "%d lines were dropped, the log took none", w.unsaid)}
	note := l.Append(nil)
	n, err := w.file.Write(note)
	if n > 0 {
		w.unsaid = 0
		w.out = append(note[n:], w.out...)
	}
	return err
}

func blockedReason(dir string, err error) string {
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		return dir + ": " + errno.Error()
	}
	return err.Error()
}

func (w *Writer) resume() {
	if w.retry != nil {
		w.retry.Stop()
		w.retry = nil
		w.watch(event.Readable)
	}
}

func (w *Writer) watch(mode event.Mode) {
	for fd, s := range w.streams {
		if err := w.loop.Change(fd, mode); err != nil {
			w.remove(s)
		}
	}
}

func (w *Writer) remove(s *source) {
	s.Flush(w.now(), w.line)
	w.loop.Forget(s.fd)
	unix.Close(s.fd)
	delete(w.streams, s.fd)
}

// Ended reads what a service whose process has ended left in its pipes, and
// ends the line it may have begun. The pipes stay open for its next process.
func (w *Writer) Ended(service string) {
	if w.paused() {
		return // its last line is joined to its next one: better than lost
	}
	for _, s := range w.streams {
		if s.Service == service && !w.paused() {
			w.drain(s)
			s.Flush(w.now(), w.line)
		}
	}
	w.flush()
}

// drain reads what is in a stream's pipe, and says whether that was all: it
// takes no more than a pipe can hold, because someone may go on writing.
func (w *Writer) drain(s *source) bool {
	for total := 0; total <= drainMost; {
		n := w.read(s)
		if n == 0 {
			return true
		}
		total += n
		w.flush()
	}
	return false
}

// Finish reads all that is left in the pipes of services that have all
// ended, and closes them. Lines that the file does not take now are counted
// as dropped.
func (w *Writer) Finish() {
	for _, s := range w.streams {
		if !w.drain(s) {
			w.Note("supervisor", "the rest of "+s.Stream+" of "+s.Service+" is not kept: someone else still writes to it")
		}
		w.remove(s)
	}
	if len(w.out) > 0 && !w.try() {
		lost := uint64(bytes.Count(w.out, []byte{'\n'}))
		w.count.Dropped += lost
		w.out = nil
	}
	w.retry.Stop()
	w.retry = nil
	w.buf = nil
}

// Close ends the writing, without reading more.
func (w *Writer) Close() error {
	for fd := range w.streams {
		w.loop.Forget(fd)
		unix.Close(fd)
	}
	clear(w.streams)
	w.retry.Stop()
	if w.syslog != nil {
		w.syslog.Close()
	}
	return w.file.Close()
}

// Counters so far.
func (w *Writer) Counters() Counters {
	c := w.count
	if w.syslog != nil {
		c.SyslogDropped = w.syslog.Dropped
	}
	return c
}
