package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"jails/src/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newLoop(t *testing.T) *event.Loop {
	t.Helper()
	l, err := event.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	l.After(time.Minute, func() {
		t.Error("nothing happened for a minute")
		l.Stop()
	})
	return l
}

func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ct")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "run", "s")
}

func TestFrames(t *testing.T) {
	all := []*Message{
		{Op: OpStatus, ID: 7},
		{Op: OpDone, Status: &Status{Jail: "web", ID: 3, State: "running", Since: time.Unix(1, 0).UTC(),
			Services: []Service{{Name: "a", State: "ready", PID: 5, Last: &Exit{Signal: 9}}}, Logs: &Logs{Lines: 1}}},
		{Op: OpStreams, Streams: []Stream{{"a", "out"}, {"a", "err"}}},
		{Op: OpError, Error: "\x1b[31m\xff \"\n"},
	}
	var b []byte
	for _, m := range all {
		var err error
		if b, err = appendFrame(b, m); err != nil {
			t.Fatal(err)
		}
	}
	whole := b
	for i, want := range all {
		got, rest, ok, err := cutFrame(b, MaxMessage)
		if !ok || err != nil {
			t.Fatalf("frame %d: %v %v", i, ok, err)
		}
		if i == 3 {
			want.Error = "\x1b[31m\ufffd \"\n" // JSON is UTF-8
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		b = rest
	}
	first, _ := appendFrame(nil, all[0])
	for n := range first {
		if _, _, ok, err := cutFrame(whole[:n], MaxMessage); ok || err != nil {
			t.Errorf("of %d bytes: %v %v", n, ok, err)
		}
	}
	if _, _, _, err := cutFrame([]byte{0, 1, 0, 0}, 65535); !errors.Is(err, ErrProtocol) {
		t.Errorf("too long: %v", err)
	}
	if _, err := appendFrame(nil, &Message{Error: strings.Repeat("x", MaxMessage)}); err == nil {
		t.Error("a frame that nobody takes was made")
	}
}

func FuzzFrame(f *testing.F) {
	good, _ := appendFrame(nil, &Message{Op: OpStop, ID: 1, Timeout: 5})
	f.Add(good)
	f.Add([]byte("\x00\x00\x00\x04null"))
	f.Add([]byte("\x00\x00\x00\x02{}\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, rest, ok, err := cutFrame(b, maxRequest)
		if err != nil && (ok || !errors.Is(err, ErrProtocol)) {
			t.Fatalf("%v %v", ok, err)
		}
		if !ok {
			return
		}
		if len(b)-len(rest) < headerSize {
			t.Fatal("nothing was taken off")
		}
		again, err := appendFrame(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		m2, _, ok, err := cutFrame(again, MaxMessage)
		if !ok || err != nil || cmp.Diff(m, m2) != "" {
			t.Fatalf("%v %v %s", ok, err, cmp.Diff(m, m2))
		}
	})
}

// pair is two peers; the second keeps what it is told.
func pair(t *testing.T, l *event.Loop, o PeerOptions) (a, b *Peer) {
	t.Helper()
	fds, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	a, err = NewPeer(l, fds[0], PeerOptions{Message: func(*Message, []int) {}, Closed: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	if b, err = NewPeer(l, fds[1], o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// Many frames, some with descriptors, arrive in order with their own.
func TestPeerDescriptors(t *testing.T) {
	l := newLoop(t)
	const frames = 300
	next, ended := 0, false
	a, _ := pair(t, l, PeerOptions{Limit: MaxMessage, Descriptors: true,
		Closed: func(err error) {
			if ended = err == io.EOF; !ended {
				t.Error(err)
			}
			l.Stop()
		},
		Message: func(m *Message, fds []int) {
			if m.ID != uint32(next) || len(fds) != len(m.Streams) {
				t.Errorf("frame %d is %d with %d descriptors for %d", next, m.ID, len(fds), len(m.Streams))
			}
			for i, fd := range fds {
				var buf [32]byte
				n, err := unix.Pread(fd, buf[:], 0)
				if string(buf[:n]) != m.Streams[i].Service || err != nil {
					t.Errorf("descriptor %d of frame %d: %q %v", i, next, buf[:n], err)
				}
				if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
					t.Error("a descriptor stays open over exec")
				}
				unix.Close(fd)
			}
			next++
		}})
	var files []int
	for i := range maxDescriptors {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fmt.Fprint(f, "file ", i)
		files = append(files, int(f.Fd()))
	}
	for id := range frames {
		m := &Message{ID: uint32(id), Op: OpStreams, Error: strings.Repeat("e", id*7)}
		fds := files[:id%(maxDescriptors+1)]
		for i := range fds {
			m.Streams = append(m.Streams, Stream{fmt.Sprint("file ", i), "out"})
		}
		a.Send(m, fds...)
	}
	if len(a.out) == 0 {
		t.Error("all of it went out at once: the test shows too little")
	}
	// It ends when all is sent, not before.
	a.Finish()
	if err := l.Run(); err != nil || next != frames || len(a.out) != 0 || !ended {
		t.Errorf("%v, %d frames, ended: %v", err, next, ended)
	}
}

// Those who are too many are told so, whenever they see it.
func TestTooMany(t *testing.T) {
	l := newLoop(t)
	path := socketPath(t)
	fd, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	const most = 2
	s, err := Serve(l, fd, ServerOptions{
		Most:    most,
		Message: func(p *Peer, m *Message) { p.Send(&Message{ID: m.ID, Op: OpDone, Status: &Status{Jail: "web"}}) },
		Closed:  func(*Peer) {},
		Failed:  func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- l.Run() }()
	dial := func() *Client {
		c, err := Dial(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var served []*Client
	for range most {
		c := dial()
		if st, err := c.Status(context.Background()); err != nil || st.Jail != "web" {
			t.Fatal(st, err)
		}
		served = append(served, c)
	}
	for range 20 {
		c := dial()
		_, err := c.Status(context.Background())
		var refused *Refused
		if !errors.As(err, &refused) || err.Error() != "2 others ask at present, which is the most; try again" {
			t.Fatalf("%T %v", err, err)
		}
		c.Close()
	}
	// One who leaves makes room.
	served[0].Close()
	for {
		c := dial()
		_, err := c.Status(context.Background())
		c.Close()
		var refused *Refused
		if err == nil {
			break
		} else if !errors.As(err, &refused) {
			t.Fatal(err)
		}
	}
	served[1].Close()
	l.Post(func() { s.Close(); l.Stop() })
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestPeerEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		send func(fd int)
		want error
	}{
		{"end", func(fd int) { unix.Shutdown(fd, unix.SHUT_WR) }, io.EOF},
		{"too long", func(fd int) { unix.Write(fd, []byte("\x00\x01\x00\x01")) }, ErrProtocol},
		{"no JSON", func(fd int) { unix.Write(fd, []byte("\x00\x00\x00\x01{")) }, ErrProtocol},
		{"descriptors missing", func(fd int) {
			b, _ := appendFrame(nil, &Message{Op: OpStreams, Streams: make([]Stream, 2)})
			unix.Write(fd, b)
		}, ErrProtocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLoop(t)
			fds, err := Pair()
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fds[0])
			calls := 0
			_, err = NewPeer(l, fds[1], PeerOptions{Descriptors: true, Message: func(*Message, []int) { t.Error("a message") }, Closed: func(err error) {
				if calls++; !errors.Is(err, c.want) {
					t.Errorf("ended by %v", err)
				}
				l.After(time.Millisecond, l.Stop)
			}})
			if err != nil {
				t.Fatal(err)
			}
			c.send(fds[0])
			if err := l.Run(); err != nil || calls != 1 {
				t.Errorf("%v, %d calls", err, calls)
			}
		})
	}
}

// One who does not read is dropped before he costs much memory.
func TestSlowReader(t *testing.T) {
	l := newLoop(t)
	fds, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	p, err := NewPeer(l, fds[1], PeerOptions{Message: func(*Message, []int) {}, Closed: func(err error) {
		if !errors.Is(err, ErrProtocol) {
			t.Errorf("ended by %v", err)
		}
		l.Stop()
	}})
	if err != nil {
		t.Fatal(err)
	}
	big := &Message{Error: strings.Repeat("x", 1<<20)}
	for range 2 * maxQueue >> 20 {
		p.Send(big)
	}
	if p.queued > maxQueue {
		t.Errorf("%d bytes wait", p.queued)
	}
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
}

// serve answers requests by their Op until the test ends.
func serve(t *testing.T, path string, answer func(p *Peer, m *Message)) {
	t.Helper()
	listener, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l, err := event.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Watch(listener, event.Readable, func(event.Mode) {
		fd, err := acceptOne(listener)
		if err != nil {
			t.Error(err)
			return
		}
		var p *Peer
		p, err = NewPeer(l, fd, PeerOptions{Closed: func(error) {}, Message: func(m *Message, _ []int) { answer(p, m) }})
		if err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- l.Run() }()
	t.Cleanup(func() {
		l.Post(l.Stop)
		if err := <-done; err != nil {
			t.Error(err)
		}
		l.Close()
		unix.Close(listener)
	})
}

func TestClient(t *testing.T) {
	path := socketPath(t)
	ctx := context.Background()
	if _, err := Dial(ctx, path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no socket: %v", err)
	}
	serve(t, path, func(p *Peer, m *Message) {
		switch m.Op {
		case OpStatus:
			p.Send(&Message{Op: OpState})                // not asked for
			p.Send(&Message{ID: m.ID + 100, Op: OpDone}) // another's
			p.Send(&Message{ID: m.ID, Op: OpDone, Status: &Status{Jail: "web", Services: make([]Service, 1000)}})
		case OpStop:
			p.Send(&Message{ID: m.ID, Op: OpProgress, Error: "waits for a"})
			p.Send(&Message{ID: m.ID, Op: OpDone})
		case OpRestart:
			p.Send(&Message{ID: m.ID, Op: OpDone, Service: &Service{Name: m.Name}})
		case OpKill:
			p.Send(&Message{ID: m.ID, Op: OpError, Error: "no"})
		case OpClear:
			p.Close()
		case OpStart: // only one is answered
			p.Send(&Message{ID: m.ID, Op: OpProgress, Error: "waits for db"})
			if m.Name == "done" {
				p.Send(&Message{ID: m.ID, Op: OpDone, Service: &Service{Name: m.Name}})
			}
		}
	})
	c, err := Dial(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	st, err := c.Status(ctx)
	if err != nil || st.Jail != "web" || len(st.Services) != 1000 {
		t.Errorf("%+v %v", st.Jail, err)
	}
	var heard []string
	if err := c.Stop(ctx, time.Second, func(s string) { heard = append(heard, s) }); err != nil || len(heard) != 1 {
		t.Errorf("%q %v", heard, err)
	}
	r := c.Services(ctx, OpRestart, []string{"a", "b", "c"}, 0)
	for i, name := range []string{"a", "b", "c"} {
		if r[i].Name != name || r[i].Err != nil || r[i].Service.Name != name {
			t.Errorf("%d: %+v", i, r[i])
		}
	}
	var refused *Refused
	if r := c.Services(ctx, OpKill, []string{"a", "b"}, 9); !errors.As(r[0].Err, &refused) || r[0].Err.Error() != "no" || r[1].Err == nil {
		t.Errorf("%+v", r)
	}
	if r := c.Services(ctx, OpClear, []string{"a", "b"}, 0); !errors.Is(r[0].Err, io.ErrUnexpectedEOF) || r[1].Err == nil {
		t.Errorf("%+v", r)
	}
	c2, err := Dial(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer c2.Close()
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	// The others' answers are not lost with the one that does not come.
	r = c2.Services(short, OpStart, []string{"a", "done", "b"}, 0)
	if !errors.Is(r[0].Err, context.DeadlineExceeded) || r[0].Step != "waits for db" || r[1].Err != nil || r[2].Err == nil {
		t.Errorf("%+v", r)
	}
}

func TestListen(t *testing.T) {
	path := socketPath(t)
	fd, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", st.Mode(), err)
	}
	unix.Close(fd)
	if _, err := Connect(path); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("a dead socket: %v", err)
	}
	if _, err := Dial(context.Background(), path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a dead socket: %v", err)
	}
	if fd, err = Listen(path); err != nil {
		t.Errorf("in place of a dead socket: %v", err)
	}
	unix.Close(fd)
	long := "/" + strings.Repeat("x", 120)
	for _, f := range []func(string) (int, error){Listen, Connect} {
		if _, err := f(long); err == nil || !strings.Contains(err.Error(), "choose a shorter JAILS_PREFIX") {
			t.Errorf("a long path: %v", err)
		}
	}
}

func TestReceive(t *testing.T) {
	fds, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	for _, fd := range fds {
		if err := unix.SetNonblock(fd, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := Transmit(fds[0], &Message{Op: OpSetup, Setup: []byte(`{"a":1}`)}); err != nil {
		t.Fatal(err)
	}
	unix.Write(fds[0], []byte("rest"))
	var m Message
	if err := Receive(fds[1], &m); err != nil || m.Op != OpSetup || !bytes.Equal(m.Setup, []byte(`{"a":1}`)) {
		t.Errorf("%+v %v", m, err)
	}
	var b [8]byte
	if n, err := unix.Read(fds[1], b[:]); string(b[:n]) != "rest" {
		t.Errorf("it read too much: %q %v", b[:n], err)
	}
	unix.Write(fds[0], []byte{0, 0, 0, 9, '{'})
	unix.Shutdown(fds[0], unix.SHUT_WR)
	if err := Receive(fds[1], &m); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a frame: %v", err)
	}
}

// Whoever finds a socket can connect to it, also while it is made anew.
func TestListenAnew(t *testing.T) {
	path := socketPath(t)
	var all []int // open to the end: one that is found may be an old one
	// Nobody accepts, and where too many wait, NetBSD refuses.
	const most = 4
	var tried atomic.Int32
	listen := func() {
		fd, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fd)
		tried.Store(0)
	}
	listen()
	stop := make(chan struct{})
	done := make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if tried.Add(1) > most {
				runtime.Gosched()
				continue
			}
			fd, err := Connect(path)
			// NetBSD refuses, too, when it has no memory for one more
			// socket at once: about one of a thousand here.
			for again := 0; again < 10 && runtime.GOOS == "netbsd" && errors.Is(err, unix.ECONNREFUSED); again++ {
				time.Sleep(time.Millisecond)
				fd, err = Connect(path)
			}
			if err != nil {
				done <- err
				return
			}
			unix.Close(fd)
		}
	}()
	for range 300 {
		listen()
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
	closeAll(all)
	if left, _ := filepath.Glob(filepath.Dir(path) + "/*"); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
}

// A server knows who asks, from the kernel.
func TestWho(t *testing.T) {
	loop := newLoop(t)
	path := socketPath(t)
	fd, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	var who string
	s, err := Serve(loop, fd, ServerOptions{
		Message: func(p *Peer, m *Message) { who = p.Who(); p.Send(&Message{ID: m.ID, Op: OpDone, Status: new(Status)}) },
		Closed:  func(*Peer) { loop.Stop() },
		Failed:  func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	done := make(chan error)
	go func() {
		c, err := Dial(t.Context(), path)
		if err == nil {
			_, err = c.Status(t.Context())
			err = errors.Join(err, c.Close())
		}
		done <- err
	}()
	if err := loop.Run(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("process %d, uid %d", os.Getpid(), os.Geteuid()); who != want {
		t.Errorf("%s, want %s", who, want)
	}
}
