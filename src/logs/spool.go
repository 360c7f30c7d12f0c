package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/src/durable"
)

// Spool is a mapped file, the only memory that ever holds bytes that were
// taken from a pipe and are not in the log file yet. What a process does to it
// is still there when the process is killed, and one who opens it goes on
// where the other was stopped. It belongs to one process at a time: a lock is
// the caller's business.
//
// There is one block at a time: bytes of one stream, and how to read them.
// What comes of a block is a function of the block, of the line that its
// stream has begun and of the counts; so whoever finds a block makes the same
// lines of it again, and leaves out as many bytes of them as the log file has
// already. All that a block changes is written beside what was, with the
// block's number, and holds from the moment when the head says that the block
// is done: one store of 64 bits.
//
// The time between the kernel's taking bytes from the pipe and a note of that
// here is bridged by poison: how many bytes there will be is fixed before, and
// the place for them begins with bytes that no text in UTF-8 has. Are they
// still there, nothing was taken. How long a datagram is cannot be asked on all
// systems: there all of the place is poison, and it ends where that goes on.
type Spool struct {
	*spoolHead        // of the file
	data       []byte // of the block
	lanes      []*lane
	file       *os.File // nil: there is memory of the process instead
	mapped     []byte
	full       bool     // the file could not grow: new lanes are memory of the process
	told       []string // what there is to say about its opening
	step       func()   // nil but in tests, which kill the process here
}

const (
	spoolVersion = 1
	headSize     = 4096
	blockSize    = 64 << 10 // a whole pipe
	spoolSize    = headSize + blockSize
	laneSize     = int(unsafe.Sizeof(kept{}))
	poison       = 0xff
	poisoned     = 16      // bytes
	spoolMost    = 1 << 30 // no spool is larger
)

// spoolMagic is written last into a new file.
var spoolMagic = [8]byte{'j', 'a', 'i', 'l', 'l', 'o', 'g', '\n'}

type spoolHead struct {
	magic    [8]byte
	version  uint32
	jail     uint32
	restarts uint64
	since    int64
	done     atomic.Uint64 // the number of the last block that is done
	block    block
	marked   atomic.Uint64 // twice the number of the block, and which of marks
	marks    [2]mark
	sums     [2]counts
}

// block is one that is to be done, if it has the number after the last. Two
// blocks may have had the same number if the first one was not read.
type block struct {
	number atomic.Uint64
	taken  atomic.Uint64 // 1 + its length, once that is known
	asked  uint32        // what the length will be, if it was read
	kind   uint32
	lane   uint32
	sent   uint32 // lines that syslogd was given
	time   int64  // ns
}

// Kinds of blocks.
const (
	fromStream uint32 = iota + 1
	lineEnd           // nothing: the line that the stream has begun is over
	ownNote           // "SERVICE TEXT"
	nothing
	datagram // from the jail's socket for syslog
)

// mark says how far a block was written: so many bytes of its lines, when the
// file had the size that place has. Whatever the file has grown since was
// written too.
type mark struct {
	place
	done int64
}

type counts struct {
	number                                uint64
	lines, bytes, dropped, unsaid, syslog uint64
}

// kept is what the file has of a lane: a stream's name and the line that it
// has begun.
type kept struct {
	name [88]byte // "SERVICE STREAM" and zeros; first a zero: free
	over uint64   // not 0: the stream is gone, and so the line that it has begun is over
	half [2]half
	text [2][MaxText]byte
}

type half struct{ number, size uint64 }

type lane struct {
	*kept
	service, stream string
	used            bool // someone reads that stream
}

var _ [headSize - unsafe.Sizeof(spoolHead{})]byte // it fits

// OpenSpool opens a jail's spool, or makes one. It never fails: when the file
// can not be had there is memory in its place, and the log tells what follows
// from that. What a damaged file held, or one of another version, is lost, and
// counted as one line that was dropped.
func OpenSpool(path string) *Spool {
	s, err := loadSpool(path)
	bad, is := errors.AsType[spoolError](err)
	if is {
		if err = os.Remove(path); err == nil {
			s, err = loadSpool(path)
		}
	}
	if err != nil {
		s = memorySpool()
		s.told = append(s.told, fmt.Sprintf("no spool: %v; what is read and not written would be lost with the supervisor", err))
	}
	if is {
		s.told = append(s.told, fmt.Sprintf("the spool %s %s: what it held is lost", path, string(bad)))
		s.sums[0].dropped++
	}
	return s
}

// spoolError is why what a spool holds can not be used.
type spoolError string

func (e spoolError) Error() string { return string(e) }

// memorySpool is one that ends with the process.
func memorySpool() *Spool {
	s := &Spool{}
	s.use(make([]byte, spoolSize))
	return s
}

// loadSpool maps the file, which is made if it is not there.
func loadSpool(path string) (_ *Spool, err error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	s := &Spool{file: os.NewFile(uintptr(fd), path)}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	st, err := s.file.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, spoolError("is not a file")
	}
	var magic [len(spoolMagic)]byte
	if n, err := s.file.ReadAt(magic[:], 0); n < len(magic) && err != io.EOF {
		return nil, err
	}
	switch {
	case magic == [len(spoolMagic)]byte{}: // it is new, or was never finished
		if err := s.file.Truncate(0); err != nil {
			return nil, err
		}
		if err := s.resize(0); err != nil {
			return nil, errors.Join(err, os.Remove(path))
		}
		s.version = spoolVersion
		atomic.StoreUint64((*uint64)(unsafe.Pointer(&s.magic)), *(*uint64)(unsafe.Pointer(&spoolMagic)))
		return s, nil
	case magic != spoolMagic:
		return nil, spoolError("is something else")
	case st.Size() < spoolSize:
		return nil, spoolError("is cut short")
	}
	if err := s.mapFile(int(min(st.Size(), spoolMost)-spoolSize) / laneSize); err != nil {
		return nil, err
	}
	return s, s.check()
}

// resize gives the file room for so many lanes. It is written, not only made
// longer: to touch a hole on a full disk kills.
func (s *Spool) resize(lanes int) error {
	var zeros [headSize]byte
	for at, end := len(s.mapped), spoolSize+lanes*laneSize; at < end; {
		n, err := s.file.WriteAt(zeros[:min(len(zeros), end-at)], int64(at))
		if err != nil {
			return err
		}
		at += n
	}
	return s.mapFile(lanes)
}

func (s *Spool) mapFile(lanes int) error {
	memory, err := unix.Mmap(int(s.file.Fd()), 0, spoolSize+lanes*laneSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map %s: %w", s.file.Name(), err)
	}
	// A read into it is not to stop at a page that must be fetched first.
	// Where that is not allowed, the pages are touched before, all the same.
	_ = unix.Mlock(memory)
	old := s.mapped
	s.mapped = memory
	s.use(memory)
	if old == nil {
		return nil
	}
	return unix.Munmap(old)
}

// use makes memory the spool's, in place of a copy of it that is not longer.
func (s *Spool) use(memory []byte) {
	s.spoolHead = (*spoolHead)(unsafe.Pointer(&memory[0]))
	s.data = memory[headSize:spoolSize:spoolSize]
	for i := range (len(memory) - spoolSize) / laneSize {
		k := (*kept)(unsafe.Pointer(&memory[spoolSize+i*laneSize]))
		if i < len(s.lanes) {
			s.lanes[i].kept = k
		} else {
			s.lanes = append(s.lanes, &lane{kept: k})
		}
	}
}

// check looks at all that a file of this program's may have got wrong by a
// power loss, and reads the lanes' names.
func (s *Spool) check() error {
	if s.version != spoolVersion {
		return spoolError(fmt.Sprintf("has version %d, not %d", s.version, spoolVersion))
	}
	done := s.done.Load()
	if done > 1<<62 || s.sums[0].number > done && s.sums[1].number > done {
		return spoolError("is damaged")
	}
	for _, l := range s.lanes {
		if !l.load(done) {
			return spoolError("is damaged")
		}
	}
	b := &s.block
	if !s.active() {
		return nil
	}
	if b.kind < fromStream || b.kind > datagram || b.asked > blockSize || b.taken.Load() > blockSize+1 {
		return spoolError("is damaged")
	}
	if (b.kind == fromStream || b.kind == lineEnd || b.kind == datagram) && (int(b.lane) >= len(s.lanes) || s.lanes[b.lane].service == "") {
		return spoolError("is damaged")
	}
	return nil
}

// load reads a lane's name, and says whether all of it can be right.
func (l *lane) load(done uint64) bool {
	if l.name[0] == 0 {
		return true
	}
	name, rest, ok := bytes.Cut(l.name[:], []byte{0})
	if !ok || len(bytes.Trim(rest, "\x00")) > 0 || l.half[0].size > MaxText || l.half[1].size > MaxText ||
		l.half[0].number > done && l.half[1].number > done {
		return false
	}
	service, stream, _ := bytes.Cut(name, []byte{' '})
	l.service, l.stream = string(service), string(stream)
	return areNames(l.service, l.stream)
}

// areNames says whether a line may begin with them.
func areNames(service, stream string) bool {
	line := Line{Service: service, Stream: stream, Full: true}
	_, err := Parse(line.Append(nil))
	return err == nil && string(AppendSafe(nil, []byte(service))) == service
}

// Jail is the id of the jail that the spool was last used for, or 0.
func (s *Spool) Jail() uint32 { return s.jail }

// Remember keeps how often jail-init was started again, and since when the jail
// runs, for the next who opens the spool.
func (s *Spool) Remember(restarts int, since time.Time) {
	s.restarts, s.since = uint64(restarts), 0
	if !since.IsZero() {
		s.since = since.UnixNano()
	}
}

// Remembered is that.
func (s *Spool) Remembered() (restarts int, since time.Time) {
	if s.since != 0 {
		since = time.Unix(0, s.since)
	}
	return int(min(s.restarts, 1<<30)), since
}

// remove removes the file if it holds nothing.
func (s *Spool) remove() error {
	if s.file == nil || !s.empty() {
		return nil
	}
	if err := os.Remove(s.file.Name()); !errors.Is(err, os.ErrNotExist) && !durable.ReadOnly(err) {
		return err
	}
	return nil
}

// Close gives back the memory; what the file holds stays there.
func (s *Spool) Close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if s.mapped != nil {
		err = errors.Join(err, unix.Munmap(s.mapped))
	}
	s.file, s.mapped, s.spoolHead, s.data, s.lanes = nil, nil, nil, nil, nil
	return err
}

// empty says whether all that was read is written, and what was dropped is told.
func (s *Spool) empty() bool {
	if s.counted().unsaid > 0 {
		return false
	}
	for _, l := range s.lanes {
		if now, _ := s.carry(l); len(now) > 0 {
			return false
		}
	}
	return !s.active()
}

// at is where the process may be killed.
func (s *Spool) at() {
	if s.step != nil {
		s.step()
	}
}

// active says whether there is a block.
func (s *Spool) active() bool { return s.block.number.Load() == s.done.Load()+1 }

// begin prepares a block; until activate there is none.
func (s *Spool) begin(kind uint32, lane int, asked int, now time.Time) {
	b := &s.block
	b.number.Store(0)
	s.at()
	b.kind, b.lane, b.asked, b.sent, b.time = kind, uint32(max(lane, 0)), uint32(asked), 0, now.UnixNano()
	b.taken.Store(0)
	s.at()
}

// poison makes the place for the block's bytes one of which it can be told
// whether they came.
func (s *Spool) poison() {
	asked := s.data[:s.block.asked]
	first := asked[:min(len(asked), poisoned)]
	if s.block.kind == datagram {
		first = asked
	}
	first[0] = poison
	for n := 1; n < len(first); n *= 2 {
		copy(first[n:], first[:n])
	}
	for i := poisoned; i < len(asked); i += os.Getpagesize() {
		asked[i] = poison // the page is there, and may be written to
	}
	s.at()
}

// activate makes it a block.
func (s *Spool) activate() {
	s.block.number.Store(s.done.Load() + 1)
	s.at()
}

// took notes that so many bytes came.
func (s *Spool) took(n int) {
	s.block.taken.Store(1 + uint64(n))
	s.at()
}

// cancel takes a block back of which nothing came.
func (s *Spool) cancel() { s.block.number.Store(0) }

// bytes are those of the block.
func (s *Spool) bytes() []byte { return s.data[:max(s.block.taken.Load(), 1)-1] }

// settle finds out what a block holds that another process has begun, and
// says whether there is one.
func (s *Spool) settle() bool {
	b := &s.block
	if !s.active() {
		return false
	}
	if b.taken.Load() == 0 {
		n := int(b.asked)
		first := s.data[:min(n, poisoned)]
		if b.kind == datagram {
			first = bytes.TrimRight(s.data[:n], string([]byte{poison}))
			n = len(first)
		}
		if len(bytes.Trim(first, string([]byte{poison}))) == 0 {
			s.cancel()
			return false
		}
		s.took(n)
	}
	return true
}

// mark notes how far the block was written.
func (s *Spool) mark(p place, done int64) {
	number := s.block.number.Load()
	which := uint64(0)
	if m := s.marked.Load(); m>>1 == number {
		which = m&1 ^ 1
	}
	s.marks[which] = mark{p, done}
	s.at()
	s.marked.Store(number<<1 | which)
	s.at()
}

// reached is how far the block was written, as noted last.
func (s *Spool) reached() (mark, bool) {
	m := s.marked.Load()
	return s.marks[m&1], m>>1 == s.block.number.Load()
}

// current is which of two has the higher number, of those up to done.
func current(a, b, done uint64) int {
	if b <= done && (a > done || b > a) {
		return 1
	}
	return 0
}

// counted are the counts of all blocks that are done.
func (s *Spool) counted() counts {
	return s.sums[current(s.sums[0].number, s.sums[1].number, s.done.Load())]
}

// carry is the line that lane l has begun, and the place for what it will have
// begun after the block.
func (s *Spool) carry(l *lane) (now, next []byte) {
	i := current(l.half[0].number, l.half[1].number, s.done.Load())
	return l.text[i][:l.half[i].size], l.text[1-i][:0]
}

// commit makes the block done. The lane, if it is not nil, has begun a line
// of size bytes then.
func (s *Spool) commit(c counts, l *lane, size int) {
	done := s.done.Load()
	c.number = done + 1
	s.sums[1-current(s.sums[0].number, s.sums[1].number, done)] = c
	s.at()
	if l != nil {
		l.half[1-current(l.half[0].number, l.half[1].number, done)] = half{c.number, uint64(size)}
		s.at()
	}
	s.done.Store(c.number)
	s.at()
}

// lane gives the lane of a stream: the one that it had, or a new one.
func (s *Spool) lane(service, stream string) (int, error) {
	free := -1
	for i, l := range s.lanes {
		switch {
		case l.used, l.over != 0:
		case l.service == service && l.stream == stream:
			return i, nil
		case l.service == "" && free < 0:
			free = i
		}
	}
	var err error
	if free < 0 {
		free = len(s.lanes)
		if s.file != nil && !s.full {
			err = s.resize(free + 1)
			s.full = err != nil
		}
		if len(s.lanes) == free {
			s.lanes = append(s.lanes, &lane{kept: new(kept)})
		}
	}
	l := s.lanes[free]
	l.service, l.stream = service, stream
	name := service + " " + stream
	l.over = 0
	clear(l.name[1:])
	copy(l.name[1:], name[1:])
	s.at()
	l.name[0] = name[0] // from now on it is one
	s.at()
	return free, err
}

// free gives a lane back that has begun no line.
func (s *Spool) free(i int) {
	l := s.lanes[i]
	l.name[0] = 0
	s.at()
	l.service, l.stream, l.over = "", "", 0
}
