package jailinit

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/event"
	"jails/src/service"
)

// Health is how a service is checked while it is ready.
type Health struct {
	Check
	Interval time.Duration // between the end of a check and the next
	Timeout  time.Duration // of one
	Failures int           // in a row, after which the service is restarted
}

// care is what is done about a service while it is ready.
type care struct {
	p        *process
	service  int
	question *question
	checks   *event.Timer
	failures int
	wrong    string // what was, at the last check

	fd       int // the watchdog's pipe, or -1
	alive    time.Duration
	watchdog *event.Timer
}

// of gives service i's care, which is made when it is needed.
func (p *process) careOf(i int) *care {
	if p.jobs[i].care == nil {
		p.jobs[i].care = &care{p: p, service: i, fd: -1}
	}
	return p.jobs[i].care
}

// startHealth begins the checks of a service that has become ready.
func (p *process) startHealth(i int) {
	if h := &p.jobs[i].runs.Health; h.Failures > 0 {
		c := p.careOf(i)
		c.checks = p.loop.After(h.Interval, c.check)
	}
}

// restartHealth is for a service that is ready, and checked in another way from
// now on.
func (p *process) restartHealth(i int) {
	if c := p.jobs[i].care; c != nil {
		c.checks.Stop()
		c.question.drop()
		c.failures, c.wrong = 0, ""
	}
	p.startHealth(i)
}

func (p *process) endCare(i int) {
	c := p.jobs[i].care
	if c == nil {
		return
	}
	p.jobs[i].care = nil
	c.checks.Stop()
	c.watchdog.Stop()
	c.closeFD()
	c.question.drop()
}

func (c *care) check() {
	h := &c.p.jobs[c.service].runs.Health
	c.question = &question{p: c.p, service: c.service, limit: h.Timeout, answer: func(wrong string) {
		c.failures++
		if c.wrong = wrong; wrong == "" {
			c.failures = 0
		}
		if c.failures >= h.Failures {
			c.unhealthy(fmt.Sprintf("%d health checks failed: %s", c.failures, wrong))
			return
		}
		c.checks = c.p.loop.After(h.Interval, c.check)
	}}
	c.question.ask(h.Check)
}

// watch waits for signs of life on the pipe fd, which it owns from now on.
func (p *process) watch(i, fd int) {
	c := p.careOf(i)
	p.loop.Forget(fd)
	if err := p.loop.Watch(fd, event.Readable, func(event.Mode) { c.sign() }); err != nil {
		unix.Close(fd)
		p.say(p.services[i].Name, "its watchdog: "+err.Error())
		return
	}
	c.fd, c.alive = fd, p.loop.Now()
	c.watchdog = p.loop.After(p.jobs[i].runs.Watchdog, c.look)
}

// sign is a sign of life, or the pipe's end.
func (c *care) sign() {
	var buf [4096]byte
	n, err := unix.Read(c.fd, buf[:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
	case n > 0:
		c.alive = c.p.loop.Now()
	default:
		c.closeFD()
	}
}

// look is where the watchdog's time may be over. A sign of life moves no
// timer, but the time that this one is set to next.
func (c *care) look() {
	limit := c.p.jobs[c.service].runs.Watchdog
	left := c.alive + limit - c.p.loop.Now()
	if left <= 0 {
		c.unhealthy("no sign of life for " + limit.String())
		return
	}
	c.watchdog = c.p.loop.After(left, c.look)
}

func (c *care) closeFD() {
	if c.fd >= 0 {
		c.p.loop.Forget(c.fd)
		unix.Close(c.fd)
		c.fd = -1
	}
}

func (c *care) unhealthy(reason string) {
	c.p.happen(service.Event{Kind: service.Unhealthy, Service: c.service, Reason: reason})
}
