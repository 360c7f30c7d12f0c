// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// A fork is asked about, counted at once by an embryo, and let happen. The
// embryo becomes a process when the kernel's process events tell its id, or,
// where there are none, when it is found below its parent or makes itself
// known by a call of its own.

// doFork answers fork, vfork and clone.
func doFork(c *call) answer {
	// Who ended before does not count, and is not taken for who is made now.
	if err := c.h.catchUp(); err != nil {
		return fail(err)
	}
	tid := int(c.n.TID)
	c.h.resolve(tid)
	c.h.mu.RLock()
	again := c.h.embryos[tid] != nil // a fork that a signal broke into
	c.h.mu.RUnlock()
	if !again {
		e := &embryo{l: c.l, tid: tid, tgid: c.p.pid, filters: c.st.Filters}
		if c.h.conn == nil {
			e.before, _ = children(c.p.pid, tid)
			if st, err := readStat(c.p.pid); err == nil {
				e.session = st.Session
			}
		}
		err := c.ask(func(k kern.Proc) error {
			if err := k.MayFork(); err != nil {
				return err
			}
			e.k = k.Embryo()
			return nil
		})
		if err != nil {
			return fail(err)
		}
		c.h.mu.Lock()
		c.h.embryos[tid] = e
		c.h.mu.Unlock()
	}
	if err := c.proceed(); err != nil {
		c.h.mu.RLock()
		e := c.h.embryos[tid]
		c.h.mu.RUnlock()
		c.h.abort(e)
	} else if c.h.conn == nil {
		for _, d := range []time.Duration{2, 20, 200} {
			time.AfterFunc(d*time.Millisecond, func() { c.h.findChildren(c.p.pid) })
		}
	}
	return answer{sent: true}
}

// resolve settles a thread's earlier fork, when that thread does something
// else: the fork has been seen, or it has failed.
func (h *host) resolve(tid int) {
	h.mu.RLock()
	e := h.embryos[tid]
	h.mu.RUnlock()
	if e == nil {
		return
	}
	h.settle()
	if h.conn == nil {
		h.findChildren(e.tgid)
	}
}

// resolved is resolve for any other call than a fork: what isn't there now
// has failed, or has ended already.
func (h *host) resolved(tid int) {
	h.resolve(tid)
	h.mu.RLock()
	e := h.embryos[tid]
	h.mu.RUnlock()
	if e == nil {
		return
	}
	if h.conn == nil {
		// The list of children leaves some out when others end meanwhile.
		h.search([]*embryo{e}, true)
	}
	h.abort(e)
}

// forked takes in that a thread has made a process.
func (h *host) forked(tid, tgid, child int) {
	h.mu.Lock()
	e, parent := h.embryos[tid], h.procs[tgid]
	jailed := e != nil || (parent != nil && parent.l.Load() != nil)
	p := h.procs[child]
	if p != nil && (p.dead() || (jailed && p.l.Load() == nil)) {
		// The number's last holder, or taken for one of the host's.
		h.mu.Unlock()
		h.exited(p)
		h.mu.Lock()
		p = h.procs[child]
	}
	if p != nil {
		h.mu.Unlock()
		return
	}
	switch {
	case e != nil:
		delete(h.embryos, tid)
		e.k.Arrive(child)
		p = newProcess(child, e.k, e.l)
	case parent != nil && parent.l.Load() != nil:
		p = newProcess(child, parent.k.Fork(child), parent.l.Load())
	default:
		h.mu.Unlock()
		return
	}
	h.procs[child] = p
	h.mu.Unlock()
	h.follow(p)
	h.deliver()
}

// execed takes in that a process has a new program.
func (h *host) execed(pid int) {
	h.mu.RLock()
	p := h.procs[pid]
	h.mu.RUnlock()
	if p == nil || p.l.Load() == nil {
		return
	}
	_ = h.ask(p, nil, func(k, _ kern.Proc) error { k.Exec(); return nil })
}

// findChildren looks for the forks of a process that have not been seen.
func (h *host) findChildren(tgid int) {
	h.mu.RLock()
	var all []*embryo
	for _, e := range h.embryos {
		if e.tgid == tgid {
			all = append(all, e)
		}
	}
	h.mu.RUnlock()
	for _, e := range all {
		pids, err := children(tgid, e.tid)
		if err != nil {
			continue
		}
		for _, pid := range pids {
			if !slices.Contains(e.before, pid) && !h.knows(pid) {
				h.arrived(e, pid)
				break
			}
		}
	}
}

// findOrphans looks for the forks of a process that has ended and that nobody
// has seen. No more of them can come, and those that live have another parent
// now; so what is not found has ended too, or never was.
func (h *host) findOrphans(dead *process) {
	h.mu.RLock()
	var all []*embryo
	for _, e := range h.embryos {
		if e.tgid == dead.pid {
			all = append(all, e)
		}
	}
	h.mu.RUnlock()
	h.search(all, false)
	for _, e := range all {
		h.abort(e)
	}
}

// search looks among all processes for the forks of one that lives, or has
// ended.
func (h *host) search(all []*embryo, lives bool) {
	if len(all) == 0 {
		return
	}
	pids, err := numbers("/proc")
	if err != nil {
		h.say("looking for the forks of process %d: %v", all[0].tgid, err)
		return
	}
	for _, pid := range pids {
		if len(all) > 0 && !h.knows(pid) && all[0].mayBe(pid, lives) {
			h.arrived(all[0], pid)
			all = all[1:]
		}
	}
}

// mayBe says whether a process that is not known can be the one that was
// made: it has its parent's filters (in a container all have one), and its
// parent; or, when that is gone, its parent's session or one of its own, and,
// in a jail, the jail's root, as far as we may look.
func (e *embryo) mayBe(pid int, lives bool) bool {
	s, err := readStatus(pid)
	if err != nil || s.TGID != pid || s.Seccomp != unix.SECCOMP_MODE_FILTER || s.Filters < e.filters || s.State == 'Z' || s.State == 'X' {
		return false
	}
	if lives {
		return s.PPID == e.tgid
	}
	st, err := readStat(pid)
	if err != nil {
		return false
	}
	same := st.Session == e.session
	var root unix.Stat_t
	if e.l.jail.Load() == 0 || unix.Stat(procPath(pid, "root"), &root) != nil {
		return same
	}
	return (same || st.Session == pid) && root.Dev == e.l.root.Dev && root.Ino == e.l.root.Ino
}

// arrived is forked for a fork that is known, if nobody else was first.
func (h *host) arrived(e *embryo, child int) {
	h.mu.Lock()
	if h.embryos[e.tid] != e || h.procs[child] != nil {
		h.mu.Unlock()
		return
	}
	delete(h.embryos, e.tid)
	e.k.Arrive(child)
	p := newProcess(child, e.k, e.l)
	h.procs[child] = p
	h.mu.Unlock()
	h.follow(p)
	h.deliver()
}

// knows says whether a process is known, or a zombie that was.
func (h *host) knows(pid int) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.procs[pid] != nil {
		return true
	}
	for p := range h.zombies {
		if p.pid == pid && p.remains() {
			return true
		}
	}
	return false
}

func (h *host) findAllChildren() {
	h.mu.RLock()
	tgids := map[int]bool{}
	for _, e := range h.embryos {
		tgids[e.tgid] = true
	}
	h.mu.RUnlock()
	for tgid := range tgids {
		h.findChildren(tgid)
	}
}

// identify finds the process of the thread that has just made a call on a
// listener.
func (h *host) identify(l *listener, n *notification) (*process, status, error) {
	tid := int(n.TID)
	st, err := readStatus(tid)
	if err != nil {
		if isGone(err) {
			return nil, st, unix.ESRCH
		}
		h.say("thread %d asks: %v", tid, err)
		return nil, st, unix.EAGAIN
	}
	p := h.lookup(st.TGID)
	if p == nil || p.l.Load() != l {
		h.settle()
		if p = h.lookup(st.TGID); p == nil || p.l.Load() != l {
			p, err = h.adopt(l, n, p, &st)
			if err != nil {
				return nil, st, err
			}
		}
	}
	h.refresh(p, &st)
	return p, st, nil
}

// adopt finds a place in the hosted kernel for a process that asks on a
// listener and is not known: a fork that nobody has told of.
func (h *host) adopt(l *listener, n *notification, known *process, st *status) (*process, error) {
	if h.conn == nil {
		h.findChildren(st.PPID)
		h.noticeEnds(l)
		if p := h.lookup(st.TGID); p != nil && p.l.Load() == l {
			return p, nil
		}
	}
	if known != nil {
		// Known as the host's, from before its fork was told.
		h.exited(known)
	}
	h.mu.Lock()
	p := h.procs[st.TGID]
	if p != nil && p.l.Load() == l { // seen meanwhile
		h.mu.Unlock()
		return p, nil
	}
	if !valid(l.fd, n.ID) {
		// Another of its threads has ended it: it was known, and counted.
		h.mu.Unlock()
		return nil, unix.ESRCH
	}
	var e *embryo
	for _, x := range h.embryos {
		if x.l == l && x.tgid == st.PPID {
			e = x
		}
	}
	late := false
	if e != nil {
		delete(h.embryos, e.tid)
		e.k.Arrive(st.TGID)
		p = newProcess(st.TGID, e.k, l)
	} else {
		parent := h.procs[st.PPID]
		if parent == nil || parent.l.Load() != l {
			parent = nil
			for _, x := range h.procs {
				if x.l.Load() == l {
					parent = x
					break
				}
			}
		}
		switch {
		case parent != nil:
			p, late = newProcess(st.TGID, parent.k.Fork(st.TGID), l), true
		case l.jail.Load() == 0:
			p = newProcess(st.TGID, kern.NewHost(st.TGID, st.IDs), l)
		default:
			h.mu.Unlock()
			h.say("process %d asks on the listener of jail %d, of which nobody is known to live; refused", st.TGID, l.jail.Load())
			return nil, unix.EPERM
		}
	}
	h.procs[st.TGID] = p
	h.mu.Unlock()
	h.follow(p)
	h.deliver()
	if signo := l.killed.Load(); late && signo != 0 {
		h.signal(p, int(signo)) // it was there already when its jail was killed
	}
	return p, nil
}

// noticeEnds takes in which parents of forks that nobody has seen have ended.
func (h *host) noticeEnds(l *listener) {
	h.mu.RLock()
	var parents []*process
	for _, e := range h.embryos {
		if p := h.procs[e.tgid]; e.l == l && p != nil {
			parents = append(parents, p)
		}
	}
	h.mu.RUnlock()
	for _, p := range parents {
		if p.dead() {
			h.exited(p)
		}
	}
}
