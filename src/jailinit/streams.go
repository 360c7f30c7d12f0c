package jailinit

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jails/src/control"
)

// A stream's pipe lives as long as jail-init does, through every restart of
// its service. Both ends are kept: what a supervisor that was killed has not
// read waits in the pipe, and a service that closes its output ends nothing.
type stream struct {
	control.Stream
	read, write int
}

// The names of streams.
const (
	outStream = "out"
	errStream = "err"
)

func (p *process) openStreams() error {
	p.streams = append(p.streams, stream{control.Stream{Service: OwnName, Name: errStream}, ownLogFD, 2})
	if err := unix.SetNonblock(ownLogFD, true); err != nil {
		return fmt.Errorf("its own log pipe: %w", err)
	}
	// Its own messages never make it wait.
	if err := unix.SetNonblock(2, true); err != nil {
		return fmt.Errorf("its own log pipe: %w", err)
	}
	for _, s := range p.setup.Services {
		pair, err := openPair(s.Name)
		if err != nil {
			return err
		}
		p.streams = append(p.streams, pair[:]...)
	}
	return nil
}

// openPair makes a service's pipes.
func openPair(service string) (pair [2]stream, err error) {
	for i, name := range []string{outStream, errStream} {
		var ends [2]int
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
			closeStreams(pair[:i])
			return pair, fmt.Errorf("a pipe for service %s: %w", service, err)
		}
		pair[i] = stream{control.Stream{Service: service, Name: name}, ends[0], ends[1]}
		if err := unix.SetNonblock(ends[0], true); err != nil { // the supervisor never waits
			closeStreams(pair[:i+1])
			return pair, fmt.Errorf("a pipe for service %s: %w", service, err)
		}
	}
	return pair, nil
}

func closeStreams(all []stream) {
	for _, s := range all {
		unix.Close(s.read)
		unix.Close(s.write)
	}
}

// remains are the pipes of a service that a reload has removed: they stay until
// the supervisor has read what is in them.
type remains struct {
	id   uint32
	pair [2]stream
}

// outputs are the write ends of service i's pipes.
func (p *process) outputs(i int) (out, err int) {
	return p.streams[1+2*i].write, p.streams[2+2*i].write
}

// sendStreams gives the supervisor the read ends, and says which services are
// gone.
func (p *process) sendStreams() {
	var all []stream
	for _, s := range p.streams {
		if s.Service != "" {
			all = append(all, s)
		}
	}
	for _, l := range p.left {
		all = append(all, l.pair[:]...)
	}
	if p.syslog != nil {
		all = append(all, *p.syslog)
	}
	p.send(all)
	for _, l := range p.left {
		p.tellGone(l)
	}
}

func (p *process) send(streams []stream) {
	const each = 16
	for rest := streams; len(rest) > 0; {
		n := min(each, len(rest))
		m := &control.Message{Op: control.OpStreams}
		fds := make([]int, 0, each)
		for _, s := range rest[:n] {
			m.Streams = append(m.Streams, s.Stream)
			fds = append(fds, s.read)
		}
		p.supervisor.Send(m, fds...)
		rest = rest[n:]
	}
}

// say writes a line to its own log. With the pipe full it is counted, and
// told of as soon as there is room.
func (p *process) say(service, text string) {
	line := text + "\n"
	if service != "" {
		line = service + ": " + line
	}
	if p.unsaid > 0 {
		note := fmt.Sprintf("%d messages were lost, the pipe was full\n", p.unsaid)
		if err := p.system.log(note); err != nil {
			p.unsaid++
			return
		}
		p.unsaid = 0
	}
	if err := p.system.log(line); err != nil {
		p.unsaid++
	}
}
