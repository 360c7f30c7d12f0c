package secmodel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// On Linux the model runs in hostkern, which is asked over a Unix socket. All
// integers are in the host's order. A request:
//
//	u32 magic, u32 operation, u32 length of the name, u32 length of new,
//	u64 length of old (noOld: old is NULL), the name, new
//
// in which opEnter and opObserve have the listener's descriptor in place of
// the length of old,
//
// and its reply:
//
//	u32 magic, i32 errno, u64 length of old, u32 length of data, u32 flags, data
const (
	socketMagic = 0x4b4e5348
	noOld       = math.MaxUint64

	opSysctl  = 1
	opHello   = 2 // reply: u64 flags of seccomp(2), then the filter
	opEnter   = 3 // tells the listener; the reply carries the root
	opEntered = 4 // the root directory is changed
	opObserve = 5 // like opEnter, but the process stays the host's
	opEnd     = 6 // nothing; but, like any other, it ends a call that waits

	requestHead = 24
	replyHead   = 24
	maxReply    = 1 << 30 // more is a fault
)

// SocketVariable names the environment variable that says where hostkern's
// socket is; without it it is DefaultSocket.
const (
	SocketVariable = "HOSTKERN_SOCKET"
	DefaultSocket  = "/run/hostkern/hostkern.sock"
)

// ModelHint says how to get a kernel model.
const ModelHint = "start hostkern as root, or name its socket in $" + SocketVariable

// OlderHint says what to do about a model that is older than this program.
const OlderHint = "start the hostkern of this program's release"

// hostkern is a connection to it.
type hostkern struct {
	fd int // of the socket, -1 when closed
}

func open() (kernel, error) {
	path := os.Getenv(SocketVariable)
	if path == "" {
		path = DefaultSocket
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("a socket for hostkern: %w", err)
	}
	for {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		if err != unix.EINTR {
			break
		}
	}
	switch err {
	case nil:
		return &hostkern{fd: fd}, nil
	case unix.ENOENT, unix.ECONNREFUSED:
		err = fmt.Errorf("%w: nothing listens at %s", ErrNoModel, path)
	case unix.EACCES, unix.EPERM:
		err = fmt.Errorf("hostkern's socket %s: %w", path, ErrNotRoot)
	default:
		err = fmt.Errorf("hostkern's socket %s: %w", path, err)
	}
	unix.Close(fd)
	return nil, err
}

func (h *hostkern) Close() error {
	if h.fd < 0 {
		return nil
	}
	fd := h.fd
	h.fd = -1
	return unix.Close(fd)
}

func (h *hostkern) sysctl(node string, old, new []byte) (int, error) {
	oldLen := uint64(noOld)
	if old != nil {
		oldLen = uint64(len(old))
	}
	if err := h.send(request(opSysctl, node, oldLen, new)); err != nil {
		return 0, err
	}
	n, err := h.receive(old, nil)
	if err == syscall.ENOENT && (len(old) < 4 || native.Uint32(old) == 0) {
		err = fmt.Errorf("%w: it has no node %q", ErrOlder, node)
	}
	return n, err
}

// wait ends the call, when ctx is over, by another request.
func (h *hostkern) wait(ctx context.Context, node string, old []byte) (int, error) {
	if err := h.send(request(opSysctl, node, uint64(len(old)), nil)); err != nil {
		return 0, err
	}
	sent := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { sent <- h.send(request(opEnd, "", noOld, nil)) })
	n, err := h.receive(old, nil)
	if !stop() {
		ended := <-sent
		if ended == nil {
			_, ended = h.receive(nil, nil)
		}
		if err == nil {
			err = ended
		}
	}
	return n, err
}

// request builds the bytes of a request.
func request(op uint32, name string, oldLen uint64, new []byte) []byte {
	b := make([]byte, requestHead, requestHead+len(name)+len(new))
	native.PutUint32(b[0:], socketMagic)
	native.PutUint32(b[4:], op)
	native.PutUint32(b[8:], uint32(len(name)))
	native.PutUint32(b[12:], uint32(len(new)))
	native.PutUint64(b[16:], oldLen)
	return append(append(b, name...), new...)
}

// send writes a request. It must not be by sendmsg(2): the filter lets that
// wait for an answer, which nobody gives before hostkern has the listener.
func (h *hostkern) send(b []byte) error {
	if h.fd < 0 {
		return fmt.Errorf("hostkern: %w", os.ErrClosed)
	}
	for len(b) > 0 {
		n, err := unix.Write(h.fd, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return h.lost(err)
		}
		b = b[n:]
	}
	return nil
}

// receive reads a reply: its data into old, as much as fits, and the
// descriptor that it carries into *fd. It returns the length of old that the
// reply states.
func (h *hostkern) receive(old []byte, fd *int) (int, error) {
	var head [replyHead]byte
	if err := h.readFull(head[:], fd); err != nil {
		return 0, err
	}
	length, errno := native.Uint64(head[8:]), native.Uint32(head[4:])
	size := native.Uint32(head[16:])
	if native.Uint32(head[0:]) != socketMagic || length > maxReply || uint64(size) > uint64(len(old)) {
		return 0, errors.New("hostkern answers with what is no reply; are the two from one release?")
	}
	if err := h.readFull(old[:size], nil); err != nil {
		return 0, err
	}
	if errno != 0 {
		return int(length), syscall.Errno(errno)
	}
	if old != nil && length != uint64(size) {
		return 0, errTruncated
	}
	return int(length), nil
}

func (h *hostkern) readFull(b []byte, fd *int) error {
	for len(b) > 0 {
		var n int
		var err error
		if fd != nil && *fd < 0 {
			n, err = h.readRights(b, fd)
		} else {
			n, err = unix.Read(h.fd, b)
		}
		switch {
		case err == unix.EINTR:
		case err != nil:
			return h.lost(err)
		case n == 0:
			return h.lost(io.ErrUnexpectedEOF)
		default:
			b = b[n:]
		}
	}
	return nil
}

// readRights reads with room for one descriptor, closed on exec.
func (h *hostkern) readRights(b []byte, fd *int) (int, error) {
	oob := make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(h.fd, b, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil || oobn == 0 {
		return n, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return n, err
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue // other control messages don't matter
		}
		for _, got := range fds {
			if *fd >= 0 {
				unix.Close(got)
				continue
			}
			*fd = got
		}
	}
	return n, nil
}

// lost is an error of the socket itself.
func (h *hostkern) lost(err error) error {
	if err == unix.EPIPE || err == unix.ECONNRESET || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: hostkern closed the connection", ErrNoModel)
	}
	return fmt.Errorf("hostkern: %w", os.NewSyscallError("socket", err))
}

// enter installs hostkern's filter in all threads, hands over its listener,
// and changes to the root that comes back. It ends the connection: the socket
// must not stay in the jail.
func (h *hostkern) enter(request, reply []byte) (int, error) {
	defer h.Close()
	root := -1
	n, err := h.listen(opEnter, request, reply, &root)
	if root >= 0 {
		defer unix.Close(root)
	}
	if err != nil {
		return n, err
	}
	if root < 0 {
		return n, errors.New("hostkern let the process enter but sent no root directory")
	}
	if err := unix.Fchdir(root); err != nil {
		return n, fmt.Errorf("the jail's root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return n, fmt.Errorf("the jail's root: %w", err)
	}
	return n, h.simple(opEntered)
}

func (h *hostkern) simple(op uint32) error {
	if err := h.send(request(op, "", noOld, nil)); err != nil {
		return err
	}
	_, err := h.receive(nil, nil)
	return err
}

// listen asks for the filter, installs it, and sends op with the number of
// the listener, which hostkern takes by pidfd_getfd(2).
func (h *hostkern) listen(op uint32, new, old []byte, fd *int) (int, error) {
	program, flags, err := h.hello()
	if err != nil {
		return 0, err
	}
	message := request(op, "", 0, new)

	// From the filter's installation until hostkern has the listener, a
	// filtered call of any thread waits. Were one of them starting a thread
	// while the collector stopped the world, this thread would stop too, and
	// hostkern never get the listener.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	listener, err := install(program, flags)
	if err != nil {
		return 0, fmt.Errorf("installing the system call filter: %w", err)
	}
	defer unix.Close(listener)
	native.PutUint64(message[16:], uint64(listener))
	if err := h.send(message); err != nil {
		return 0, err
	}
	return h.receive(old, fd)
}

// hello asks for the filter and seccomp(2)'s flags for it.
func (h *hostkern) hello() ([]unix.SockFilter, uint64, error) {
	const instructions = 4096 // BPF_MAXINSNS
	data := make([]byte, 8+instructions*unix.SizeofSockFilter)
	if err := h.send(request(opHello, "", uint64(len(data)), nil)); err != nil {
		return nil, 0, err
	}
	n, err := h.receive(data, nil)
	if err != nil {
		return nil, 0, fmt.Errorf("hostkern: asking for the filter: %w", err)
	}
	if n <= 8 || (n-8)%unix.SizeofSockFilter != 0 {
		return nil, 0, errTruncated
	}
	filter := make([]unix.SockFilter, (n-8)/unix.SizeofSockFilter)
	for i := range filter {
		b := data[8+i*unix.SizeofSockFilter:]
		filter[i] = unix.SockFilter{Code: native.Uint16(b), Jt: b[2], Jf: b[3], K: native.Uint32(b[4:])}
	}
	return filter, native.Uint64(data), nil
}

// install puts the filter into all threads of the process, and returns its
// listener. A caller without privilege gives up gaining any.
func install(filter []unix.SockFilter, flags uint64) (int, error) {
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	for privileged := true; ; privileged = false {
		fd, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(flags), uintptr(unsafe.Pointer(&program)))
		if errno == 0 {
			return int(fd), nil // seccomp sets close-on-exec
		}
		if errno != unix.EACCES || !privileged {
			return -1, errno
		}
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return -1, err
		}
	}
}

// observer is what Observe leaves: while it lives, hostkern answers.
var observer sync.Once

// Observe makes hostkern ask the model about this process's system calls, and
// those of its descendants, although it stays on the host. The conformance
// tests are such host processes. It works once in a process.
func Observe() error {
	err := errors.New("this process is observed already")
	observer.Do(func() {
		var k kernel
		if k, err = open(); err != nil {
			return
		}
		h := k.(*hostkern)
		defer h.Close()
		root := -1
		if _, err = h.listen(opObserve, nil, nil, &root); root >= 0 {
			unix.Close(root)
		}
	})
	return err
}
