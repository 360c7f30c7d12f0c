package jailinit

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jails/src/control"
)

// pipes are a service's, for its standard output and error. They live as long as
// it is one of the jail's, through every restart of its process. Both ends are
// kept: what a supervisor that was killed has not read waits in the pipe, and a
// service that closes its output ends nothing.
type pipes [2]ends

type ends struct{ read, write int }

// streamNames are those of a service's pipes.
var streamNames = [2]string{"out", "err"}

// stream is what the supervisor reads.
type stream struct {
	control.Stream
	fd int
}

func (p *process) openStreams() error {
	// The supervisor never waits, nor does jail-init for its own messages.
	for _, fd := range []int{ownLogFD, 2} {
		if err := unix.SetNonblock(fd, true); err != nil {
			return fmt.Errorf("its own log pipe: %w", err)
		}
	}
	for i, s := range p.services {
		var err error
		if p.jobs[i].pipes, err = openPipes(s.Name); err != nil {
			return err
		}
	}
	return nil
}

func openPipes(service string) (all pipes, err error) {
	for i := range all {
		var fds [2]int
		if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
			closePipes(all[:i])
			return all, fmt.Errorf("a pipe for service %s: %w", service, err)
		}
		all[i] = ends{fds[0], fds[1]}
		if err := unix.SetNonblock(fds[0], true); err != nil { // the supervisor never waits
			closePipes(all[:i+1])
			return all, fmt.Errorf("a pipe for service %s: %w", service, err)
		}
	}
	return all, nil
}

func closePipes(all []ends) {
	for _, p := range all {
		unix.Close(p.read)
		unix.Close(p.write)
	}
}

// streams adds to all what the supervisor reads of a service's pipes.
func (p *pipes) streams(all []stream, service string) []stream {
	for i, name := range streamNames {
		all = append(all, stream{control.Stream{Service: service, Name: name}, p[i].read})
	}
	return all
}

// remains are the pipes of a service that a reload has removed: they stay until
// the supervisor has read what is in them.
type remains struct {
	id      uint32
	service string
	pipes   pipes
}

// outputs are the write ends of service i's pipes.
func (p *process) outputs(i int) (out, err int) {
	return p.jobs[i].pipes[0].write, p.jobs[i].pipes[1].write
}

// sendStreams gives the supervisor the read ends, and says which services are
// gone.
func (p *process) sendStreams() {
	all := make([]stream, 1, 2*(1+len(p.services)+len(p.left)))
	all[0] = stream{control.Stream{Service: OwnName, Name: streamNames[1]}, p.ownLog}
	for i, s := range p.services {
		if s.Name != "" {
			all = p.jobs[i].pipes.streams(all, s.Name)
		}
	}
	for i := range p.left {
		all = p.left[i].pipes.streams(all, p.left[i].service)
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
		m := &control.Message{Op: control.OpStreams, Streams: make([]control.Stream, 0, n)}
		fds := make([]int, 0, each)
		for _, s := range rest[:n] {
			m.Streams = append(m.Streams, s.Stream)
			fds = append(fds, s.fd)
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
