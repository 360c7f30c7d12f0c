package jailinit

import (
	"bytes"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/event"
	"jails/src/service"
)

const (
	firstProbe   = 10 * time.Millisecond // between two, at first; doubles
	lastProbe    = 2 * time.Second
	probeTimeout = 5 * time.Second // for one try
)

// probe finds out whether a service is ready, for as long as it is starting.
// The pipe on which the service says so itself is then its watchdog's.
type probe struct {
	p        *process
	service  int
	fd       int // the notification pipe, or -1
	question *question
	timer    *event.Timer
	delay    time.Duration
	wrong    string // what was, at the last try
}

// openNotify makes the pipe that a service writes a newline to.
func (p *process) openNotify(i int) (write int, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return -1, err
	}
	p.endProbe(i)
	b := &probe{p: p, service: i, fd: fds[0]}
	err = unix.SetNonblock(b.fd, true)
	if err == nil {
		err = p.loop.Watch(b.fd, event.Readable, func(event.Mode) { b.notified() })
	}
	if err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return -1, err
	}
	p.jobs[i].probe = b
	return fds[1], nil
}

func (b *probe) notified() {
	var buf [256]byte
	n, err := unix.Read(b.fd, buf[:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
	case n > 0 && bytes.IndexByte(buf[:n], '\n') >= 0:
		b.succeed()
	case n <= 0:
		b.closeFD()
		s := b.p.jobs[b.service].runs
		text := fmt.Sprintf("closed descriptor %d without a newline", s.Ready.FD)
		b.p.say(s.Name, text)
		b.failed("it " + text)
	}
}

// startProbe begins to ask, once the process runs.
func (p *process) startProbe(i int) {
	if p.jobs[i].runs.Ready.FD > 0 {
		return // the pipe was made before the process
	}
	p.endProbe(i)
	b := &probe{p: p, service: i, fd: -1, delay: firstProbe}
	p.jobs[i].probe = b
	b.try()
}

func (p *process) endProbe(i int) {
	b := p.jobs[i].probe
	if b == nil {
		return
	}
	p.jobs[i].probe = nil
	b.timer.Stop()
	b.closeFD()
	b.question.drop()
}

func (b *probe) closeFD() {
	if b.fd >= 0 {
		b.p.loop.Forget(b.fd)
		unix.Close(b.fd)
		b.fd = -1
	}
}

func (b *probe) succeed() {
	i := b.service
	if s := b.p.jobs[i].runs; s.Watchdog > 0 {
		b.p.watch(i, b.fd)
		b.fd = -1
	}
	b.p.endProbe(i)
	b.p.happen(service.Event{Kind: service.BecameReady, Service: i})
}

// failed notes what is wrong, for those who ask why.
func (b *probe) failed(wrong string) {
	b.wrong = wrong
	if !b.p.busy {
		b.p.answer()
	}
}

func (b *probe) try() {
	b.question = &question{p: b.p, service: b.service, limit: probeTimeout, answer: func(wrong string) {
		if wrong == "" {
			b.succeed()
			return
		}
		b.timer = b.p.loop.After(b.delay, b.try)
		b.delay = min(2*b.delay, lastProbe)
		b.failed(wrong)
	}}
	b.question.ask(b.p.jobs[b.service].runs.Ready.Check)
}
