package secmodel

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// fake is a server that speaks hostkern's protocol, and answers what the test
// tells it.
type fake struct {
	t        *testing.T
	listener *net.UnixListener
	wg       sync.WaitGroup

	mu    sync.Mutex
	nodes map[string]func(new []byte, room int) ([]byte, unix.Errno)

	// Of entry.
	filter   []unix.SockFilter
	root     int // to send
	listened int // received
	entered  chan bool
	raw      []byte // sent in place of a reply, if not nil
}

func newFake(t *testing.T) *fake {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(SocketVariable, path)
	f := &fake{t: t, listener: l, nodes: map[string]func([]byte, int) ([]byte, unix.Errno){}, root: -1, listened: -1, entered: make(chan bool, 1)}
	f.wg.Go(f.serve)
	t.Cleanup(func() {
		l.Close()
		f.wg.Wait()
	})
	return f
}

// client connects to the fake.
func (f *fake) client() *Client {
	f.t.Helper()
	c, err := Open()
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	return c
}

// list makes a node answer a list of records.
func (f *fake) list(node string, size int, records ...structure) {
	b := make([]byte, sizeSnapshot+len(records)*size)
	encode(b, &snapshotData{abi: abiVersion, size: uint32(size), count: uint32(len(records)), stathz: 100, pagesize: 4096, generation: 7, uptime: 5e9})
	for i, r := range records {
		encode(b[sizeSnapshot+i*size:], r)
	}
	f.node(node, func(_ []byte, room int) ([]byte, unix.Errno) {
		if room < len(b) {
			return b, unix.ENOMEM
		}
		return b, 0
	})
}

func (f *fake) node(name string, answer func(new []byte, room int) ([]byte, unix.Errno)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes[name] = answer
}

// refuse makes each command fail with a reply; the request is handed to see.
func (f *fake) command(errno unix.Errno, reply replyData, see *requestData, ports *[]portData) {
	f.node("command", func(new []byte, _ int) ([]byte, unix.Errno) {
		if len(new) < sizeRequest {
			f.t.Errorf("a request of %d bytes", len(new))
			return nil, unix.EINVAL
		}
		if see != nil {
			decode(new, see)
			*ports = make([]portData, see.nports)
			for i := range *ports {
				decode(new[sizeRequest+i*sizePort:], &(*ports)[i])
			}
		}
		reply.abi = abiVersion
		b := make([]byte, sizeReply)
		encode(b, &reply)
		return b, errno
	})
}

func (f *fake) serve() {
	for {
		c, err := f.listener.AcceptUnix()
		if err != nil {
			return
		}
		f.wg.Go(func() {
			defer c.Close()
			if err := f.converse(c); err != nil && !errors.Is(err, io.EOF) {
				f.t.Log(err)
			}
		})
	}
}

func (f *fake) converse(c *net.UnixConn) error {
	var err error
	for {
		head := make([]byte, requestHead)
		if _, err := io.ReadFull(c, head); err != nil {
			return err
		}
		op, oldLen := binary.NativeEndian.Uint32(head[4:]), binary.NativeEndian.Uint64(head[16:])
		body := make([]byte, binary.NativeEndian.Uint32(head[8:])+binary.NativeEndian.Uint32(head[12:]))
		if _, err := io.ReadFull(c, body); err != nil {
			return err
		}
		name, new := string(body[:binary.NativeEndian.Uint32(head[8:])]), body[binary.NativeEndian.Uint32(head[8:]):]
		if f.raw != nil {
			_, err := c.Write(f.raw)
			return err
		}
		if op == opEnter {
			if f.listened, err = take(c, int(oldLen)); err != nil {
				return err
			}
			oldLen = sizeReply
		}
		answer, errno, rights := f.answer(op, name, new, int(min(oldLen, 1<<30)))
		length := uint64(len(answer))
		if oldLen == noOld || errno == unix.ENOMEM {
			answer = nil
		}
		reply := make([]byte, replyHead)
		binary.NativeEndian.PutUint32(reply, socketMagic)
		binary.NativeEndian.PutUint32(reply[4:], uint32(errno))
		binary.NativeEndian.PutUint64(reply[8:], length)
		binary.NativeEndian.PutUint32(reply[16:], uint32(len(answer)))
		reply = append(reply, answer...)
		n, _, err := c.WriteMsgUnix(reply, rights, nil)
		if err != nil {
			return err
		}
		if _, err := c.Write(reply[n:]); err != nil {
			return err
		}
	}
}

// take takes a descriptor of the process at the other end.
func take(c *net.UnixConn, fd int) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	var peer *unix.Ucred
	if e := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); e != nil || err != nil {
		return -1, errors.Join(e, err)
	}
	pidfd, err := unix.PidfdOpen(int(peer.Pid), 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(pidfd)
	return unix.PidfdGetfd(pidfd, fd, 0)
}

func (f *fake) answer(op uint32, name string, new []byte, room int) ([]byte, unix.Errno, []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch op {
	case opSysctl:
		node := f.nodes[name]
		if node == nil {
			return nil, unix.ENOENT, nil
		}
		b, errno := node(new, room)
		return b, errno, nil
	case opHello:
		b := binary.NativeEndian.AppendUint64(nil, unix.SECCOMP_FILTER_FLAG_TSYNC|unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH)
		for _, i := range f.filter {
			b = binary.NativeEndian.AppendUint16(b, i.Code)
			b = binary.NativeEndian.AppendUint32(append(b, i.Jt, i.Jf), i.K)
		}
		return b, 0, nil
	case opEnter:
		b, errno := f.nodes["command"](new, room)
		if errno != 0 || f.root < 0 {
			return b, errno, nil
		}
		return b, 0, unix.UnixRights(f.root)
	case opEnd:
		return nil, 0, nil
	case opEntered:
		f.entered <- true
		return nil, 0, nil
	}
	return nil, unix.EINVAL, nil
}
