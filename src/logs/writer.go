package logs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/event"
)

// Counters of a Writer only grow, also from one process to the next that opens
// the same spool.
type Counters struct {
	Lines, Bytes  uint64 // read, and written or dropped
	Dropped       uint64 // lines, for want of disk space
	SyslogDropped uint64 // lines that syslogd did not take
	Blocked       string // why the file takes nothing at present, or ""
}

const (
	flushSize   = 128 << 10
	retryEvery  = time.Second // while the file takes nothing
	drainMost   = 1 << 20     // what the largest pipe holds
	nap         = 200 * time.Microsecond
	notesMost   = 64   // that wait for the file
	streamsMost = 2048 // far more than a jail has, those a reload has removed included
	ownService  = "supervisor"
)

// Writer reads streams and writes their lines to a file and to syslogd. It
// serves its streams in turn, a block each, so that none keeps the others
// waiting. When the file takes nothing, it either stops reading, so that the
// services wait, or drops and counts, and goes on by itself once there is
// room again. Killed at whatever moment, it loses nothing and writes nothing
// twice if another goes on with its spool; syslogd may get one line twice. It
// belongs to its loop's goroutine.
type Writer struct {
	loop    *event.Loop
	file    *File
	syslog  *Syslog // or nil
	drop    bool
	now     func() time.Time
	spool   *Spool
	streams map[int]*source // by descriptor
	retry   *event.Timer    // not nil: the file takes nothing
	blocked string          // why
	stopped bool            // streams are not read
	notes   []note          // wait for the file
	unnoted int             // would not fit there, or were dropped
	finish  *finishing      // or nil
	nap     time.Duration   // of a stream that brings little, often; 0 where no timer is so short
	packer  packer

	// Of the block:
	out     []byte // whole lines
	stamp   []byte // the text of
	stamped time.Time
	base    int64  // how many bytes of its lines come before those
	done    int64  // how many are in the file
	line    uint32 // the number of the next line
	count   counts // with it
	err     error  // why the rest of it was not written
	lost    uint64 // lines that were not
}

type source struct {
	fd, lane int
	kind     uint32 // of its blocks
	over     bool
	ending   *ending       // see End
	last     time.Duration // when it was read, by the loop's clock
	piece    int           // bytes that it brought when it was not left alone before
	rested   bool          // it was
}

type note struct{ service, text string }

// NewWriter makes a Writer without streams, which first does what is left to be
// done in the spool. spool may be nil: it is to end with the process. syslog may
// be nil. With drop it drops lines where it would else make the services wait.
func NewWriter(loop *event.Loop, file *File, syslog *Syslog, drop bool, spool *Spool) *Writer {
	if spool == nil {
		spool = memorySpool()
	}
	w := &Writer{loop: loop, file: file, syslog: syslog, drop: drop, now: time.Now, spool: spool, streams: make(map[int]*source)}
	if event.Resolution < nap {
		w.nap = nap
	}
	w.count = spool.counted()
	if syslog != nil {
		syslog.Dropped = w.count.syslog
	}
	if spool.settle() {
		if m, ok := spool.reached(); ok {
			w.done = max(m.done+file.grown(m.place), 0)
		}
		w.put()
	} else if w.count.unsaid > 0 {
		w.again()
	}
	for _, text := range spool.told {
		w.Note(ownService, text)
	}
	w.startPacking()
	return w
}

// Add reads a service's stream from the pipe fd, which it owns from now on. It
// goes on with the line that the stream has begun.
//
// Who sends descriptors may be the jail's: of other files the end, or that
// nothing is there, is not found as of a pipe; and with the other end of a pipe
// in our own hands it would never end.
func (w *Writer) Add(service, stream string, fd int) error {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	flags, err2 := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err = cmp.Or(err, err2); err == nil && (st.Mode&unix.S_IFMT != unix.S_IFIFO || flags&unix.O_ACCMODE != unix.O_RDONLY) {
		err = errors.New("not the read end of a pipe")
	}
	return w.add(&source{fd: fd, kind: fromStream}, service, stream, err)
}

// AddSocket reads what a jail's programs send to syslogd, from the bound datagram
// socket fd, which it owns from now on. Its lines are of the service syslog.
func (w *Writer) AddSocket(fd int) error {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err == nil && kind != unix.SOCK_DGRAM {
		err = errors.New("not a socket for datagrams")
	}
	return w.add(&source{fd: fd, kind: datagram}, "syslog", "out", err)
}

func (w *Writer) add(s *source, service, stream string, err error) error {
	fd := s.fd
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err == nil && len(w.streams) >= streamsMost {
		err = errors.New("too many streams")
	}
	if err == nil && w.reading(service, stream) != nil {
		err = errors.New("it is read already")
	}
	if err != nil {
		unix.Close(fd)
		return err
	}
	if s.lane, err = w.spool.lane(service, stream); err != nil {
		w.Note(ownService, fmt.Sprintf("the spool has no room for %s of %s: %v; a line that it has begun would be lost with the supervisor", stream, service, err))
	}
	mode := event.Readable
	if w.stopped {
		mode = 0
	}
	if err := w.loop.Watch(fd, mode, func(event.Mode) { w.ready(s) }); err != nil {
		unix.Close(fd)
		return err
	}
	w.spool.lanes[s.lane].used = true
	w.streams[fd] = s
	return nil
}

// paused says whether there is a block that the file does not take.
func (w *Writer) paused() bool { return w.spool.active() }

func (w *Writer) ready(s *source) {
	at := w.loop.Now()
	n := w.read(s)
	if s.over && !w.paused() {
		w.remove(s)
	}
	passed := min(at-s.last, time.Second)
	s.last = at
	if !s.rested {
		s.piece = n
	}
	s.rested = false
	if n > 0 && s.kind == fromStream && w.reads(s) && w.naps(s.piece, n, passed) && w.loop.Change(s.fd, 0) == nil {
		s.rested = true
		w.loop.After(w.nap, func() {
			if w.reads(s) {
				w.watch(s)
			}
		})
	}
}

// naps says whether a stream that brought n bytes, in pieces, since time passed is
// left alone for a moment: to wake up for each line costs more than the line. But
// whoever writes shall not find the pipe full meanwhile.
func (w *Writer) naps(piece, n int, passed time.Duration) bool {
	often := passed*time.Duration(piece)/time.Duration(n) < w.nap/2
	return often && w.nap*time.Duration(n) < passed*(blockSize*3/4)
}

// reading is what a stream is read from, or nil.
func (w *Writer) reading(service, stream string) *source {
	for _, s := range w.streams {
		if l := w.spool.lanes[s.lane]; l.service == service && l.stream == stream {
			return s
		}
	}
	return nil
}

// reads says whether a stream is read when something comes.
func (w *Writer) reads(s *source) bool { return !w.stopped && w.streams[s.fd] == s }

// read takes one block from a stream, and says how much that was.
func (w *Writer) read(s *source) int {
	if w.paused() || w.streams[s.fd] != s { // it may have been ended meanwhile
		return 0
	}
	size := blockSize
	if s.kind == fromStream {
		var err error
		if size, err = pending(s.fd); err != nil {
			s.over = true
			return 0
		}
		if size == 0 && !ended(s.fd) {
			return 0
		}
		size = max(min(size, blockSize), 1)
	}
	w.spool.begin(s.kind, s.lane, size, w.now())
	w.spool.poison()
	w.spool.activate()
	n, err := unix.Read(s.fd, w.spool.data[:w.spool.block.asked])
	if n <= 0 {
		w.spool.cancel()
		s.over = err != unix.EAGAIN && err != unix.EINTR && (err != nil || s.kind == fromStream) // an empty datagram is no end
		return 0
	}
	w.spool.at()
	w.spool.took(n)
	w.put()
	return n
}

// ended says whether an empty pipe is at its end. A read would find out too,
// but wait for ever if the jail, which has the same end, has made it do so.
func ended(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	_, err := unix.Poll(fds, 0)
	return err == nil && fds[0].Revents != 0
}

// Note writes a line of at most MaxText bytes that no stream brought. While the
// file takes nothing it waits, or is counted.
func (w *Writer) Note(service, text string) {
	text = text[:min(len(text), MaxText)]
	switch {
	case !w.paused():
		w.spool.begin(ownNote, 0, 0, w.now())
		w.spool.took(copy(w.spool.data, service+" "+text))
		w.spool.activate()
		w.put()
	case len(w.notes) < notesMost:
		w.notes = append(w.notes, note{service, text})
	default:
		w.unnoted++
	}
}

// finishLine ends the line that a lane has begun.
func (w *Writer) finishLine(lane int) {
	if now, _ := w.spool.carry(w.spool.lanes[lane]); len(now) > 0 {
		w.spool.begin(lineEnd, lane, 0, w.now())
		w.spool.took(0)
		w.spool.activate()
		w.put()
	}
}

// put writes the block's lines, from w.done on, and makes the block done. If the
// file does not take them it stays, for another time, or its rest is dropped.
func (w *Writer) put() {
	b := &w.spool.block
	now := time.Unix(0, b.time)
	w.count = w.spool.counted()
	w.out, w.base, w.line, w.err, w.lost = w.out[:0], 0, 0, nil, 0
	w.tellDropped(now)
	var begun *lane
	var carry []byte
	switch b.kind {
	case fromStream, lineEnd:
		begun = w.spool.lanes[b.lane]
		was, next := w.spool.carry(begun)
		r := framer{Service: begun.service, Stream: begun.stream, carry: append(next, was...)}
		data := w.spool.bytes()
		w.count.bytes += uint64(len(data))
		if r.Push(data, now, w.take); b.kind == lineEnd {
			r.Flush(now, w.take)
		}
		carry = r.carry
		w.spool.at()
	case datagram:
		begun = w.spool.lanes[b.lane]
		data := w.spool.bytes()
		w.count.bytes += uint64(len(data))
		eachMessage(data, func(stream string, text []byte, full bool) {
			w.take(&Line{Time: now, Service: begun.service, Stream: stream, Full: full, Text: text})
		})
	case ownNote:
		name, text, _ := bytes.Cut(w.spool.bytes(), []byte{' '})
		service := string(name)
		if !areNames(service, "err") {
			service = "?"
		}
		w.take(&Line{Time: now, Service: service, Stream: "err", Full: true, Text: text})
	}
	w.flush()
	if w.err != nil {
		w.pause()
		if !w.drop {
			return
		}
		if b.kind == ownNote { // no line of a service
			w.unnoted += int(w.lost)
			w.lost = 0
		}
		w.count.dropped += w.lost
		w.count.unsaid += w.lost
	}
	if w.syslog != nil {
		w.count.syslog = w.syslog.Dropped
	}
	w.spool.commit(w.count, begun, len(carry))
	w.done = 0
	if w.err == nil {
		w.resume()
	}
	w.listen(true)
	if err := w.file.trouble; err != nil {
		w.file.trouble = nil
		w.Note(ownService, err.Error())
	}
	w.packLater()
}

// take takes one line of the block.
func (w *Writer) take(l *Line) {
	w.count.lines++
	if w.line++; w.syslog != nil && w.line > w.spool.block.sent {
		w.syslog.Send(l)
		w.spool.block.sent = w.line
	}
	w.join(l)
}

func (w *Writer) join(l *Line) {
	if w.err != nil {
		w.lost++
		return
	}
	if !l.Time.Equal(w.stamped) { // a block's lines have one time
		w.stamp, w.stamped = appendTime(w.stamp[:0], l.Time), l.Time
	}
	w.out = l.appendRest(append(w.out, w.stamp...))
	switch n := int64(len(w.out)); {
	case w.base+n <= w.done: // it is in the file
		w.base += n
		w.out = w.out[:0]
	case n >= flushSize:
		w.flush()
	}
}

// tellDropped writes how many lines were dropped, before those that come after
// them. The note itself is no line of a service, and never counted.
func (w *Writer) tellDropped(now time.Time) {
	if w.count.unsaid > 0 {
		w.join(&Line{Time: now, Service: ownService, Stream: "err", Full: true,
			Text: fmt.Appendf(nil, "%d lines were dropped, the log took none", w.count.unsaid)})
	}
}

// flush writes the lines that have been put together. What is dropped is
// dropped whole: a line that has begun in the file is taken back.
func (w *Writer) flush() {
	if w.err != nil {
		return
	}
	mark := func(p place, n int) { w.spool.mark(p, w.base+int64(n)) }
	n, err := w.file.Write(w.out, int(max(w.done-w.base, 0)), mark)
	w.spool.at()
	told := w.base+int64(n) > 0 // the note of what was dropped
	if err != nil && w.drop {
		whole := lineStart(w.out, n)
		w.file.undo(n - whole)
		w.spool.at()
		n = whole
		w.lost = uint64(bytes.Count(w.out[n:], []byte{'\n'}))
		told = w.base+int64(n) > 0
		if !told && w.count.unsaid > 0 {
			w.lost--
		}
	}
	if told {
		w.count.unsaid = 0
	}
	w.done, w.err = w.base+int64(n), err
	if err == nil {
		w.base = w.done
		w.out = w.out[:0]
	}
}

// pause follows when the file took nothing.
func (w *Writer) pause() {
	w.blocked = blockedReason(w.file.Dir, w.err)
	w.listen(w.drop)
	if !w.retry.Armed() {
		w.retry = w.loop.After(retryEvery, w.again)
	}
}

// again tries the file again.
func (w *Writer) again() {
	if !w.spool.active() {
		w.spool.begin(nothing, 0, 0, w.now())
		w.spool.took(0)
		w.spool.activate()
	}
	w.put()
}

func blockedReason(dir string, err error) string {
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		return dir + ": " + errno.Error()
	}
	return err.Error()
}

// resume follows when the file takes lines again.
func (w *Writer) resume() {
	if w.retry == nil {
		return
	}
	w.retry.Stop()
	w.retry, w.blocked = nil, ""
	w.endOver()
	w.tellNotes()
	w.endStreams()
	w.goOnFinishing()
}

// tellNotes writes the notes that had to wait.
func (w *Writer) tellNotes() {
	notes, more := w.notes, w.unnoted
	w.notes, w.unnoted = nil, 0
	for _, n := range notes {
		w.Note(n.service, n.text)
	}
	if more > 0 {
		w.Note(ownService, fmt.Sprintf("%d messages of the supervisor's own were dropped", more))
	}
}

// listen goes on reading the streams, or stops it.
func (w *Writer) listen(on bool) {
	if w.stopped != on {
		return
	}
	w.stopped = !on
	for fd, s := range w.streams {
		if on {
			w.watch(s)
		} else {
			// What goes on to be found ready is left alone all the same.
			_ = w.loop.Change(fd, 0)
		}
	}
}

func (w *Writer) watch(s *source) {
	if err := w.loop.Change(s.fd, event.Readable); err != nil {
		l := w.spool.lanes[s.lane]
		w.Note(ownService, fmt.Sprintf("%s of %s is read at the end only: %v", l.stream, l.service, err))
	}
}

func (w *Writer) remove(s *source) {
	w.loop.Forget(s.fd)
	unix.Close(s.fd)
	delete(w.streams, s.fd)
	l := w.spool.lanes[s.lane]
	l.used, l.over = false, 1
	w.endOver()
}

// endOver ends the lines of streams that nobody will read.
func (w *Writer) endOver() {
	for i, l := range w.spool.lanes {
		if l.over == 0 {
			continue
		}
		if !w.paused() {
			w.finishLine(i)
		}
		if !w.paused() {
			w.spool.free(i)
		}
	}
}

// Settle ends the lines that streams have begun and that nobody reads now. The
// jail is that with this id from now on.
func (w *Writer) Settle(jail uint32) {
	for _, l := range w.spool.lanes {
		if !l.used && l.service != "" {
			l.over = 1
		}
	}
	w.spool.jail = jail
	w.endOver()
}

// Ended reads what a service whose process has ended left in its pipes, and
// ends the line it may have begun. The pipes stay open for its next process.
func (w *Writer) Ended(service string) {
	for _, s := range w.streams {
		if w.paused() {
			return // its last line is joined to its next one: better than lost
		}
		if w.spool.lanes[s.lane].service == service {
			w.drain(s)
			if !w.paused() {
				w.finishLine(s.lane)
			}
		}
	}
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
	}
	return false
}

// Close ends the writing, without reading more. What is not written stays in
// the spool, if there is anything.
func (w *Writer) Close() error {
	for fd := range w.streams {
		w.loop.Forget(fd)
		unix.Close(fd)
	}
	clear(w.streams)
	w.retry.Stop()
	w.stopPacking()
	if w.syslog != nil {
		w.syslog.Close()
	}
	return errors.Join(w.file.Close(), w.spool.remove(), w.spool.Close())
}

// Counters so far.
func (w *Writer) Counters() Counters {
	c := w.spool.counted()
	if w.syslog != nil {
		c.syslog = w.syslog.Dropped
	}
	return Counters{Lines: c.lines, Bytes: c.bytes, Dropped: c.dropped, SyslogDropped: c.syslog, Blocked: w.blocked}
}
