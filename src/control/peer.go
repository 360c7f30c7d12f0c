package control

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"jails/src/event"
)

// maxQueue bounds what waits for a slow reader; past it the peer is dropped.
const maxQueue = 2 * MaxMessage

// Peer is the other end of a connection that an event loop serves. It is the
// loop's goroutine's.
type Peer struct {
	loop    *event.Loop
	fd      int
	limit   int
	in      []byte
	fds     []int
	takes   bool
	out     []chunk
	queued  int
	message func(*Message, []int)
	closed  func(error)
	over    bool // it ends when all is sent
	failed  bool // and about to be gone
	gone    bool
}

type chunk struct {
	data []byte
	fds  []int // go with the first byte
}

// PeerOptions are what a Peer takes and whom it tells.
type PeerOptions struct {
	Limit       int  // bytes of a frame; 0 is maxRequest
	Descriptors bool // take them; else any that come are closed

	// Message is told of each frame and owns its descriptors.
	Message func(*Message, []int)
	// Closed is told once that the connection has ended, by io.EOF or an
	// error; not after Close.
	Closed func(error)
}

// NewPeer serves the connected socket fd, which it owns from now on.
func NewPeer(loop *event.Loop, fd int, o PeerOptions) (*Peer, error) {
	p := &Peer{loop: loop, fd: fd, limit: o.Limit, takes: o.Descriptors, message: o.Message, closed: o.Closed}
	if p.limit == 0 {
		p.limit = maxRequest
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if err := loop.Watch(fd, event.Readable, p.ready); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return p, nil
}

// Trust takes frames of any size that there is from now on.
func (p *Peer) Trust() { p.limit = MaxMessage }

// Who is the one who connected, as the kernel has it: "process 77, uid 0".
func (p *Peer) Who() string {
	pid, uid, err := credentials(p.fd)
	if err != nil {
		return "someone"
	}
	return fmt.Sprintf("process %d, uid %d", pid, uid)
}

// Close ends the connection at once.
func (p *Peer) Close() {
	if p.gone {
		return
	}
	p.gone = true
	p.loop.Forget(p.fd)
	unix.Close(p.fd)
	closeAll(p.fds)
	p.in, p.fds, p.out = nil, nil, nil
}

func (p *Peer) end(err error) {
	if !p.gone {
		p.Close()
		p.closed(err)
	}
}

// Send sends a frame, with descriptors if there are any, now or when the
// other side reads. The descriptors must stay open as long as the Peer. A
// Peer that is gone drops it, and has said so, or will.
func (p *Peer) Send(m *Message, fds ...int) {
	if p.gone || p.failed {
		return
	}
	if len(fds) > maxDescriptors {
		panic("control: too many descriptors in a frame")
	}
	data, err := appendFrame(nil, m)
	if err != nil {
		p.fail(err)
		return
	}
	if p.queued+len(data) > maxQueue {
		p.fail(fmt.Errorf("%w: it does not read", ErrProtocol))
		return
	}
	p.queued += len(data)
	p.out = append(p.out, chunk{data, fds})
	if len(p.out) == 1 {
		p.flush()
	}
}

// fail ends the connection, but not in the midst of its user's own call.
func (p *Peer) fail(err error) {
	p.failed = true
	p.loop.Post(func() { p.end(err) })
}

func (p *Peer) flush() {
	for len(p.out) > 0 {
		c := &p.out[0]
		n, err := p.write(c)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN || err == unix.ENOBUFS:
			p.watch(event.Readable | event.Writable)
			return
		case err != nil:
			p.fail(err)
			return
		}
		p.queued -= n
		c.fds = nil
		if c.data = c.data[n:]; len(c.data) == 0 {
			p.out[0] = chunk{}
			p.out = p.out[1:]
		}
	}
	p.out = nil
	p.watch(event.Readable)
	if p.over {
		p.Finish()
	}
}

// write sends of the chunk what there is room for; with descriptors one byte,
// see roomy.
func (p *Peer) write(c *chunk) (int, error) {
	if len(c.fds) == 0 {
		return unix.Write(p.fd, c.data)
	}
	if !roomy(p.fd) {
		return 0, unix.EAGAIN
	}
	return unix.SendmsgN(p.fd, c.data[:1], unix.UnixRights(c.fds...), nil, unix.MSG_NOSIGNAL)
}

func (p *Peer) watch(mode event.Mode) {
	if err := p.loop.Change(p.fd, mode); err != nil {
		p.fail(err)
	}
}

// Finish ends the connection, as Closed is told, once all that was sent has
// gone out.
func (p *Peer) Finish() {
	p.over = true
	if len(p.out) == 0 && !p.failed {
		p.fail(io.EOF)
	}
}

func (p *Peer) ready(mode event.Mode) {
	if mode&event.Writable != 0 {
		p.flush()
	}
	if mode&event.Readable != 0 && !p.gone {
		if err := p.read(); err != nil {
			p.end(err)
		}
	}
}

// read takes one buffer full, so that one peer does not keep the loop from
// the others.
func (p *Peer) read() error {
	var buf [4096]byte
	var oob [512]byte
	n, oobn, flags, _, err := unix.Recvmsg(p.fd, buf[:], oob[:], unix.MSG_CMSG_CLOEXEC)
	if err == unix.EINTR || err == unix.EAGAIN {
		return nil
	}
	if err != nil {
		return err
	}
	if oobn > 0 {
		fds, err := descriptors(oob[:oobn])
		if err != nil {
			return err
		}
		if !p.takes {
			closeAll(fds)
			fds = nil
		}
		p.fds = append(p.fds, fds...)
		if flags&unix.MSG_CTRUNC != 0 || len(p.fds) > 2*maxDescriptors {
			return fmt.Errorf("%w: too many descriptors", ErrProtocol)
		}
	}
	if n == 0 {
		return io.EOF
	}
	p.in = append(p.in, buf[:n]...)
	rest := p.in
	for !p.gone {
		m, after, ok, err := cutFrame(rest, p.limit)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		rest = after
		count := len(m.Streams)
		if !p.takes {
			count = 0
		}
		if count > len(p.fds) {
			return fmt.Errorf("%w: %d descriptors told of, %d came", ErrProtocol, count, len(p.fds))
		}
		fds := p.fds[:count:count]
		p.fds = p.fds[count:]
		p.message(m, fds)
	}
	if p.gone {
		return nil
	}
	// An idle peer holds no buffer.
	if len(rest) == 0 {
		p.in = nil
	} else {
		p.in = append(p.in[:0], rest...)
	}
	return nil
}

func descriptors(oob []byte) ([]int, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var all []int
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if errors.Is(err, unix.EINVAL) {
			continue // credentials or the like
		}
		if err != nil {
			return nil, err
		}
		all = append(all, fds...)
	}
	return all, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// Receive reads one frame from the blocking socket fd, and not a byte more, into
// m, a Message or what has some of its fields.
func Receive(fd int, m any) error {
	var head [headerSize]byte
	if err := readFull(fd, head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > MaxMessage {
		return fmt.Errorf("%w: a frame of %d bytes", ErrProtocol, size)
	}
	data := make([]byte, size)
	if err := readFull(fd, data); err != nil {
		return err
	}
	if err := json.Unmarshal(data, m); err != nil {
		return fmt.Errorf("%w: %v", ErrProtocol, err)
	}
	return nil
}

func readFull(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Read(fd, b)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return io.ErrUnexpectedEOF
		default:
			b = b[n:]
		}
	}
	return nil
}

// Transmit writes one frame to the blocking socket fd.
func Transmit(fd int, m *Message) error {
	b, err := appendFrame(nil, m)
	for err == nil && len(b) > 0 {
		var n int
		if n, err = unix.Write(fd, b); n > 0 {
			b = b[n:]
		}
		if err == unix.EINTR {
			err = nil
		}
	}
	return err
}
