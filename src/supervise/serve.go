package supervise

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/event"
)

// maxPeers bounds how many may ask at the same time.
const maxPeers = 64

func (s *supervisor) accept() {
	fd, err := control.Accept(s.socket)
	if err == unix.EAGAIN {
		return
	}
	if err != nil {
		s.note("supervisor's socket: %v", err)
		if s.loop.Change(s.socket, 0) == nil {
			s.loop.After(time.Second, func() {
				if err := s.loop.Change(s.socket, event.Readable); err != nil && !s.ending {
					s.note("supervisor's socket: %v", err)
				}
			})
		}
		return
	}
	if len(s.peers) >= maxPeers {
		unix.Close(fd)
		return
	}
	var peer *control.Peer
	peer, err = control.NewPeer(s.loop, fd, control.PeerOptions{
		Message: func(m *control.Message, _ []int) { s.request(peer, m) },
		Closed:  func(error) { s.forget(peer) },
	})
	if err != nil {
		s.note("supervisor's socket: %v", err)
		return
	}
	s.peers[peer] = struct{}{}
}

func (s *supervisor) forget(peer *control.Peer) {
	delete(s.peers, peer)
	kept := s.askers[:0]
	for _, a := range s.askers {
		if a.peer != peer {
			kept = append(kept, a)
		}
	}
	s.askers = kept
}

func (s *supervisor) request(peer *control.Peer, m *control.Message) {
	switch m.Op {
	case control.OpStatus:
		peer.Send(&control.Message{ID: m.ID, Op: control.OpDone, Status: s.status()})
	case control.OpStop:
		s.askers = append(s.askers, asker{peer, m.ID})
		s.stop(m.Timeout, "asked to")
	default:
		peer.Send(&control.Message{ID: m.ID, Op: control.OpError, Error: fmt.Sprintf("unknown request %q", m.Op)})
	}
}

// progress tells those who wait for the stop what it waits for.
func (s *supervisor) progress(text string) {
	for _, a := range s.askers {
		a.peer.Send(&control.Message{ID: a.id, Op: control.OpProgress, Error: text})
	}
}

// answer tells them that it is done.
func (s *supervisor) answer(err error) {
	for _, a := range s.askers {
		m := &control.Message{ID: a.id, Op: control.OpDone}
		if err != nil {
			m.Op, m.Error = control.OpError, err.Error()
		}
		a.peer.Send(m)
	}
	s.askers = nil
}

func (s *supervisor) status() *control.Status {
	c := s.log.Counters()
	st := &control.Status{
		Jail: s.name, ID: uint32(s.id), PID: os.Getpid(), State: string(s.state), Since: s.since.UTC(),
		Restarts: s.restarts, Reason: s.failure,
		Logs: &control.Logs{Lines: c.Lines, Bytes: c.Bytes, Dropped: c.Dropped, SyslogDropped: c.SyslogDropped, Blocked: c.Blocked},
	}
	if s.state == running && s.failure != "" {
		st.State = "failed"
	}
	return st
}
