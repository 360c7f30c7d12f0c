// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// host is the daemon's state: the processes it knows and the listeners by
// which they ask.
type host struct {
	// mu guards the maps, and holds (for writing) the end of a process of
	// the hosted kernel off from the questions (for reading).
	mu        sync.RWMutex
	procs     map[int]*process
	zombies   map[*process]struct{}
	embryos   map[int]*embryo // by the thread that forks
	listeners map[int]*listener

	ep       int // what run waits for
	catching sync.Mutex
	calls    *receiving
	conn     *connector // nil where the kernel gives none
	softnet  sync.Mutex // one automatic choice of a port at a time
	boot     int64
	verbose  bool
	opens    bool   // are asked about, for devices
	reaped   int    // guarded by mu
	state    string // the file of it
	saving   sync.Mutex
	left     state // of an earlier hostkern, to be told the next

	lost atomic.Uint64 // events of the connector
}

// process is a Linux process and what the hosted kernel has for it.
type process struct {
	pid    int
	start  atomic.Uint64 // ticks since boot, to tell a reused pid
	k      kern.Proc
	handle atomic.Int32             // its pidfd; -1 as long as there is none
	l      atomic.Pointer[listener] // nil for who isn't asked about

	mu       sync.Mutex // one question by it at a time
	gone     bool       // guarded by host.mu: exited
	entering bool       // guarded by mu
	sockets  map[uint64]kern.Socket
}

// embryo is a fork that was let happen and has not been seen.
type embryo struct {
	k         kern.Proc
	l         *listener
	tid, tgid int
	before    []int // children that the thread had before, without a connector
	session   int   // of its parent, without a connector
	filters   int   // that its parent has
}

// pidfd is the descriptor of a process, or -1.
func (p *process) pidfd() int { return int(p.handle.Load()) }

// is says whether a process that started then can be this one.
func (p *process) is(start uint64) bool {
	known := p.start.Load()
	return known == 0 || known == start
}

func newProcess(pid int, k kern.Proc, l *listener) *process {
	p := &process{pid: pid, k: k}
	k.Executed() // Linux tells of it, but too late for who is asked about it
	p.handle.Store(-1)
	p.l.Store(l)
	return p
}

func newHost(state string) (*host, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	calls, err := newReceiving()
	if err != nil {
		unix.Close(ep)
		return nil, err
	}
	return &host{
		procs: map[int]*process{}, zombies: map[*process]struct{}{},
		embryos: map[int]*embryo{}, listeners: map[int]*listener{},
		ep: ep, calls: calls, boot: bootTime(), state: state,
	}, nil
}

func (h *host) say(format string, a ...any) {
	fmt.Fprintf(os.Stderr, "hostkern: "+format+"\n", a...)
}

func (h *host) debug(format string, a ...any) {
	if h.verbose {
		h.say(format, a...)
	}
}

// What an epoll event is about.
const (
	pollPidfd = iota
	pollConnector
)

func (h *host) watch(fd, what int, id int32) error {
	return unix.EpollCtl(h.ep, unix.EPOLL_CTL_ADD, fd,
		&unix.EpollEvent{Events: unix.EPOLLIN, Fd: id, Pad: int32(what)})
}

// run takes in what happens, other than calls.
func (h *host) run(failed chan<- error) {
	var one [1]unix.EpollEvent
	for {
		_, err := unix.EpollWait(h.ep, one[:], -1)
		if err == nil {
			err = h.catchUp()
		}
		if err != nil && err != unix.EINTR {
			failed <- fmt.Errorf("epoll: %w", err)
			return
		}
	}
}

// catchUp takes in all that has happened so far, other than calls.
func (h *host) catchUp() error {
	h.catching.Lock()
	defer h.catching.Unlock()
	var events [64]unix.EpollEvent
	for n := len(events); n == len(events); {
		var err error
		if n, err = unix.EpollWait(h.ep, events[:], 0); err != nil {
			return err
		}
		for _, e := range events[:n] {
			switch e.Pad {
			case pollPidfd:
				h.pidReady(int(e.Fd), e.Events)
			case pollConnector:
				h.settle()
			}
		}
	}
	return nil
}

// settle takes in the forks that have happened so far.
func (h *host) settle() {
	if h.conn != nil {
		h.conn.drain(h)
	}
}

// lookup finds a process that is known.
func (h *host) lookup(pid int) *process {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.procs[pid]
}

// ensure finds a process, also one of the host that nobody asked about yet.
func (h *host) ensure(pid int) (*process, error) {
	h.settle()
	st, err := readStat(pid)
	if err != nil {
		return nil, unix.ESRCH
	}
	if p := h.lookup(pid); p != nil {
		if p.is(st.Start) {
			return p, nil
		}
		h.exited(p) // the number is another's now
	}
	s, err := readStatus(pid)
	if err != nil || s.TGID != pid {
		return nil, unix.ESRCH
	}
	if h.conn == nil && s.Seccomp != 0 {
		h.findChildren(s.PPID)
		if p := h.lookup(pid); p != nil {
			return p, nil
		}
	}
	h.mu.Lock()
	p := h.procs[pid]
	if p == nil {
		p = newProcess(pid, kern.NewHost(pid, s.IDs), nil)
		p.start.Store(st.Start)
		h.procs[pid] = p
	}
	h.mu.Unlock()
	h.follow(p)
	return p, nil
}

// follow watches for a process's end, which may have come already.
func (h *host) follow(p *process) {
	fd, err := unix.PidfdOpen(p.pid, 0)
	if err != nil {
		if err == unix.ESRCH {
			h.exited(p)
		}
		return
	}
	h.mu.Lock()
	if p.gone || p.pidfd() != -1 {
		h.mu.Unlock()
		unix.Close(fd)
		return
	}
	p.handle.Store(int32(fd))
	if p.start.Load() == 0 {
		if st, err := readStat(p.pid); err == nil {
			p.start.Store(st.Start)
		}
	}
	h.mu.Unlock()
	if err := h.watch(fd, pollPidfd, int32(p.pid)); err != nil {
		h.say("process %d: its end can't be watched: %v", p.pid, err)
	}
}

// ended takes in the end of a process that is dead. Its last forks came before
// that, and may not have been taken in before it was seen to be.
func (h *host) ended(p *process) {
	h.settle()
	h.exited(p)
}

// pidReady is called when a process has ended, and, with EPOLLHUP, when its
// parent has waited for it, as far as the kernel tells that.
func (h *host) pidReady(pid int, events uint32) {
	p := h.lookup(pid)
	if p != nil && p.dead() {
		h.ended(p)
	}
	if events&unix.EPOLLHUP != 0 {
		h.reapAll()
	}
}

// dead says whether a process has ended, all its threads.
func (p *process) dead() bool {
	if p.pidfd() == -1 {
		st, err := readStat(p.pid)
		if err != nil {
			return isGone(err)
		}
		return !p.is(st.Start) || (st.State == 'Z' && st.Threads <= 1)
	}
	fds := []unix.PollFd{{Fd: int32(p.pidfd()), Events: unix.POLLIN}}
	n, _ := unix.Poll(fds, 0)
	return n > 0
}

// remains says whether a process that has ended waits for its parent still.
func (p *process) remains() bool {
	st, err := readStat(p.pid)
	return err == nil && p.is(st.Start) && (st.State == 'Z' || st.State == 'X')
}

// exited lets a process end in the hosted kernel too.
func (h *host) exited(p *process) {
	h.measure(p)
	h.mu.Lock()
	if p.gone {
		h.mu.Unlock()
		return
	}
	p.gone = true
	if p.pidfd() != -1 {
		// A zombie's stays readable: it must not wake us time and again.
		_ = unix.EpollCtl(h.ep, unix.EPOLL_CTL_MOD, p.pidfd(),
			&unix.EpollEvent{Fd: int32(p.pid), Pad: pollPidfd})
	}
	p.k.Exit()
	if h.procs[p.pid] == p {
		delete(h.procs, p.pid)
	}
	h.zombies[p] = struct{}{}
	if h.conn != nil {
		// Its forks that nobody has seen never were.
		for _, e := range h.embryos {
			if e.tgid == p.pid {
				h.drop(e)
			}
		}
	}
	n := len(h.zombies)
	h.mu.Unlock()
	if h.conn == nil {
		h.findOrphans(p)
	}
	h.deliver()
	if n > 64 {
		h.reapAll()
	} else {
		h.reap(p)
	}
}

// abort ends a fork that has failed, unless that was found out already.
func (h *host) abort(e *embryo) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e != nil && h.embryos[e.tid] == e {
		h.drop(e)
	}
}

// drop is abort for who holds mu.
func (h *host) drop(e *embryo) {
	delete(h.embryos, e.tid)
	e.k.Exit()
	e.k.Free()
}

func (h *host) reap(p *process) {
	if p.remains() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.zombies[p]; !ok {
		return
	}
	delete(h.zombies, p)
	for _, s := range p.sockets {
		s.Free()
	}
	p.k.Free()
	if p.pidfd() != -1 {
		_ = unix.EpollCtl(h.ep, unix.EPOLL_CTL_DEL, p.pidfd(), nil)
		// A question may still be using it, so it is closed when nobody
		// knows the process any more; of very many sooner.
		runtime.SetFinalizer(p, func(p *process) { unix.Close(p.pidfd()) })
		if h.reaped++; h.reaped%1000 == 0 {
			go runtime.GC()
		}
	}
}

func (h *host) reapAll() {
	h.mu.RLock()
	var all []*process
	for p := range h.zombies {
		all = append(all, p)
	}
	h.mu.RUnlock()
	for _, p := range all {
		h.reap(p)
	}
}

// measure tells the hosted kernel a process's gauges, if it is there still.
func (h *host) measure(p *process) {
	st, err := readStat(p.pid)
	if err != nil || !p.is(st.Start) {
		return
	}
	g := st.gauges(h.boot)
	h.mu.RLock()
	defer h.mu.RUnlock()
	if p.gone {
		return
	}
	p.k.SetGauges(&g)
	if parent := h.procs[st.PPID]; parent != nil {
		p.k.SetParent(parent.k)
	}
}

// sync makes the hosted kernel's view that of this moment: who has ended,
// who was reaped, and, with gauges, how much everybody in a jail uses.
func (h *host) sync(gauges bool) {
	h.settle()
	if h.conn == nil {
		h.findAllChildren()
	}
	h.mu.RLock()
	var all []*process
	for _, p := range h.procs {
		if p.l.Load() != nil {
			all = append(all, p)
		}
	}
	h.mu.RUnlock()
	for _, p := range all {
		if p.dead() {
			h.ended(p)
		} else if gauges {
			h.measure(p)
			if s, err := readStatus(p.pid); err == nil {
				h.refresh(p, &s)
			}
		}
	}
	h.reapAll()
}

// refresh tells the ids that a process has now, and its program's name.
func (h *host) refresh(p *process, s *status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h.mu.RLock()
	defer h.mu.RUnlock()
	if !p.gone {
		p.k.SetIDs(s.IDs)
		p.k.SetCommand(s.Command)
	}
}

// ask puts a question by p, and about t if that isn't nil.
func (h *host) ask(p, t *process, f func(k, t kern.Proc) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	h.mu.RLock()
	defer h.mu.RUnlock()
	if p.gone || (t != nil && t.gone) {
		return unix.ESRCH
	}
	if t == nil {
		return f(p.k, kern.Proc{})
	}
	return f(p.k, t.k)
}

// deliver sends the signals that the model has sent.
func (h *host) deliver() {
	for _, s := range kern.Signals() {
		h.signal(h.lookup(s.PID), s.Signo)
	}
}

// signal sends one to a process, if there is one.
func (h *host) signal(p *process, signo int) {
	if p == nil {
		return
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	var err error
	switch {
	case p.gone:
	case p.pidfd() != -1:
		err = unix.PidfdSendSignal(p.pidfd(), unix.Signal(signo), nil, 0)
	default:
		err = unix.Kill(p.pid, unix.Signal(signo))
	}
	if err != nil && err != unix.ESRCH {
		h.say("process %d: signal %d: %v", p.pid, signo, err)
	}
}
