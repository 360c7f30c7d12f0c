package control

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/event"
)

// MaxPeers is how many may ask a Server at the same time, unless it says less.
const MaxPeers = 64

// Server serves all who connect to a socket. It is its loop's goroutine's.
type Server struct {
	loop     *event.Loop
	listener int
	most     int
	limit    int
	message  func(*Peer, *Message)
	closed   func(*Peer)
	failed   func(error)
	retry    *event.Timer
	peers    map[*Peer]struct{}
}

// ServerOptions are how many a Server serves, and whom it tells.
type ServerOptions struct {
	Most    int // at the same time; 0 is MaxPeers
	Limit   int // bytes of a frame; 0 is maxRequest
	Message func(*Peer, *Message)
	Closed  func(*Peer)
	Failed  func(error) // it can not serve someone at present
}

// Serve takes connections from a listening socket, which it owns from now on.
func Serve(loop *event.Loop, listener int, o ServerOptions) (*Server, error) {
	s := &Server{
		loop: loop, listener: listener, most: o.Most, limit: o.Limit,
		message: o.Message, closed: o.Closed, failed: o.Failed, peers: make(map[*Peer]struct{}),
	}
	if s.most == 0 {
		s.most = MaxPeers
	}
	return s, loop.Watch(listener, event.Readable, func(event.Mode) { s.accept() })
}

// Close takes no more connections; those that there are go on.
func (s *Server) Close() {
	s.retry.Stop()
	s.loop.Forget(s.listener)
	unix.Close(s.listener)
}

func (s *Server) accept() {
	fd, err := acceptOne(s.listener)
	if err == unix.EAGAIN {
		return
	}
	if err != nil {
		s.failed(err)
		s.pause()
		return
	}
	if len(s.peers) >= s.most {
		// There is room for one frame in a new connection.
		_ = Transmit(fd, &Message{Op: OpError, Error: fmt.Sprintf("%d others ask at present, which is the most; try again", s.most)})
		unix.Close(fd)
		return
	}
	var peer *Peer
	peer, err = NewPeer(s.loop, fd, PeerOptions{
		Limit:   s.limit,
		Message: func(m *Message, _ []int) { s.message(peer, m) },
		Closed: func(error) {
			delete(s.peers, peer)
			s.closed(peer)
		},
	})
	if err != nil {
		s.failed(err)
		return
	}
	s.peers[peer] = struct{}{}
}

// pause is for want of descriptors or memory: the one who asks stays in the
// socket's queue, and the loop must not spin meanwhile.
func (s *Server) pause() {
	if err := s.loop.Change(s.listener, 0); err != nil {
		s.failed(err)
		return
	}
	s.retry = s.loop.After(time.Second, func() {
		if err := s.loop.Change(s.listener, event.Readable); err != nil {
			s.failed(err)
		}
	})
}
