package supervise

import (
	"fmt"
	"os"
	"slices"
	"time"

	"jails/src/control"
)

// listen serves those who connect to the supervisor's socket.
func (s *supervisor) listen() error {
	fd, err := control.Listen(Socket(s.layout, s.name))
	if err != nil {
		return err
	}
	s.server, err = control.Serve(s.loop, fd, control.ServerOptions{
		Limit: control.MaxMessage, Message: s.request, Closed: s.forget,
		Failed: func(err error) { s.note("supervisor's socket: %v", err) },
	})
	return err
}

func (s *supervisor) forget(peer *control.Peer) {
	if s.reload != nil && s.reload.peer == peer {
		s.reload.peer = nil // it goes on
	}
	s.askers = slices.DeleteFunc(s.askers, func(a asker) bool { return a.peer == peer })
}

func (s *supervisor) request(peer *control.Peer, m *control.Message) {
	switch m.Op {
	case control.OpStatus:
		peer.Send(&control.Message{ID: m.ID, Op: control.OpDone, Status: s.status()})
	case control.OpStop:
		s.askers = append(s.askers, asker{peer, m.ID})
		if s.step != "" { // the stop is under way
			peer.Send(&control.Message{ID: m.ID, Op: control.OpProgress, Error: s.step})
		}
		s.stop(m.Timeout, "asked to by "+peer.Who())
	case control.OpReload:
		if !m.Dry {
			s.note("asked to reload by %s", peer.Who())
		}
		s.beginReload(peer, m)
	default:
		peer.Send(&control.Message{ID: m.ID, Op: control.OpError, Error: fmt.Sprintf("unknown request %q", m.Op)})
	}
}

// progress tells those who wait for the stop what it waits for.
func (s *supervisor) progress(text string) {
	s.step = text
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
		Jail: s.name, ID: uint32(s.id), PID: os.Getpid(), State: string(s.state), Since: onTodaysClock(s.since),
		Restarts: s.restarts, Reason: s.failure,
		Logs: &control.Logs{Lines: c.Lines, Bytes: c.Bytes, Dropped: c.Dropped, SyslogDropped: c.SyslogDropped, Blocked: c.Blocked},
	}
	if s.state == running && s.failure != "" {
		st.State = "failed"
	}
	return st
}

// onTodaysClock is a moment of this process as the system's clock has it now,
// if that was set since.
func onTodaysClock(t time.Time) time.Time {
	now := time.Now()
	today := now.Add(-now.Sub(t)).UTC()
	if d := today.Sub(t.Round(0)); d.Abs() < time.Second {
		return t.UTC()
	}
	return today
}
