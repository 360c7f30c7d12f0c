package jailinit

import (
	"errors"
	"net/netip"
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

// probe asks whether a service is ready for as long as it is starting.
type probe struct {
	p       *process
	service int
	over    bool
	fd      int // the notification pipe or the socket, or -1
	pid     int // of the program that asks, or 0
	timer   *event.Timer
	delay   time.Duration
}

// openNotify makes the pipe that a service writes a newline to.
func (p *process) openNotify(i int) (write int, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return -1, err
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return -1, err
	}
	p.endProbe(i)
	b := &probe{p: p, service: i, fd: fds[0]}
	if err := p.loop.Watch(b.fd, event.Readable, func(event.Mode) { b.notified() }); err != nil {
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
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	for _, c := range buf[:max(n, 0)] {
		if c == '\n' {
			b.succeed()
			return
		}
	}
	if n <= 0 {
		b.p.say(b.p.setup.Services[b.service].Name, "closed its readiness descriptor without a newline")
		b.closeFD()
	}
}

// startProbe begins to ask, once the process runs.
func (p *process) startProbe(i int) {
	r := &p.setup.Services[i].Ready
	if r.FD > 0 {
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
	b.over = true
	b.timer.Stop()
	b.closeFD()
	b.killProgram()
}

func (b *probe) closeFD() {
	if b.fd >= 0 {
		b.p.loop.Forget(b.fd)
		unix.Close(b.fd)
		b.fd = -1
	}
}

func (b *probe) killProgram() {
	if b.pid != 0 {
		b.p.killGroup(b.pid)
	}
}

func (b *probe) succeed() {
	i := b.service
	b.p.endProbe(i)
	b.p.happen(service.Event{Kind: service.BecameReady, Service: i})
}

func (b *probe) again() {
	b.timer.Stop()
	b.closeFD()
	b.timer = b.p.loop.After(b.delay, b.try)
	b.delay = min(2*b.delay, lastProbe)
}

func (b *probe) try() {
	r := &b.p.setup.Services[b.service].Ready
	if r.Addr != "" {
		b.tryConnect(r.Addr)
	} else {
		b.tryProgram(r.Path)
	}
}

func (b *probe) tryConnect(addr string) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		b.p.say(b.p.setup.Services[b.service].Name, "readiness: "+err.Error())
		return
	}
	var sa unix.Sockaddr
	domain := unix.AF_INET
	if a := ap.Addr().Unmap(); a.Is4() {
		sa = &unix.SockaddrInet4{Port: int(ap.Port()), Addr: a.As4()}
	} else {
		domain, sa = unix.AF_INET6, &unix.SockaddrInet6{Port: int(ap.Port()), Addr: a.As16()}
	}
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		b.again()
		return
	}
	b.fd = fd
	switch err := unix.Connect(fd, sa); {
	case err == nil:
		b.succeed()
	case errors.Is(err, unix.EINPROGRESS) || err == unix.EINTR:
		b.timer = b.p.loop.After(probeTimeout, b.again)
		if b.p.loop.Watch(fd, event.Writable, func(event.Mode) { b.connected() }) != nil {
			b.again()
		}
	default:
		b.again()
	}
}

func (b *probe) connected() {
	n, err := unix.GetsockoptInt(b.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && n == 0 {
		b.succeed()
		return
	}
	b.again()
}

func (b *probe) tryProgram(path string) {
	s := &b.p.setup.Services[b.service]
	_, errfd := b.p.outputs(b.service)
	pid, err := b.p.execute(s, []string{path}, nil, []uintptr{0, uintptr(errfd), uintptr(errfd)})
	if err != nil {
		if b.delay == firstProbe {
			b.p.say(s.Name, "readiness: "+err.Error())
		}
		b.again()
		return
	}
	b.pid = pid
	b.p.children[pid] = func(exit service.Exit) { b.exited(pid, exit) }
	b.timer = b.p.loop.After(probeTimeout, b.killProgram)
}

// exited is told of the program's end.
func (b *probe) exited(pid int, exit service.Exit) {
	b.p.kill(-pid, unix.SIGKILL) // what it left behind
	b.pid = 0
	switch {
	case b.over:
	case exit.OK():
		b.succeed()
	default:
		b.again()
	}
}
