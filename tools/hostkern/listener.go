// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// listener is what a filter asks by: that of a process that entered a jail,
// or observes, and all its descendants.
type listener struct {
	fd   int
	jail atomic.Uint32 // 0 for who observes
	root unix.Stat_t   // the jail's, where jail is not 0

	killed atomic.Int32 // the last signal that a kill of the jail has sent, or 0

	mu    sync.Mutex
	busy  map[int]struct{} // sockets that are being connected
	slots chan struct{}    // for calls that may take long
}

// call is a system call that waits for its answer.
type call struct {
	h  *host
	l  *listener
	p  *process
	n  *notification
	st status
}

// answer to a call: a value or an error, or that the kernel is to go on
// with it, or that it has been given already.
type answer struct {
	val  int64
	err  error
	cont bool
	sent bool
	then func() // after the answer
}

func fail(err error) answer {
	return answer{err: err}
}

// pass lets the kernel go on if err is nil.
func pass(err error) answer {
	if err != nil {
		return fail(err)
	}
	return answer{cont: true}
}

// addListener answers from now on what p, which has nobody to ask yet, and its
// descendants ask by fd.
func (h *host) addListener(fd int, p *process) error {
	l := &listener{fd: fd, busy: map[int]struct{}{}, slots: make(chan struct{}, 32)}
	flags := uint64(syncWakeUp)
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), notifSetFlags, uintptr(flags)) // an optimization of 6.6
	h.mu.Lock()
	h.listeners[fd] = l
	p.l.Store(l) // another of its threads may ask at once
	h.mu.Unlock()
	err := h.calls.watch(fd)
	if err != nil {
		h.mu.Lock()
		delete(h.listeners, fd)
		p.l.Store(nil)
		h.mu.Unlock()
	}
	return err
}

// listenerGone is called when nobody has the filter any more: all who
// asked by it have ended.
func (h *host) listenerGone(l *listener) {
	h.settle()
	h.mu.Lock()
	delete(h.listeners, l.fd)
	unix.Close(l.fd)
	for _, e := range h.embryos {
		if e.l == l {
			h.drop(e)
		}
	}
	var all []*process
	for _, p := range h.procs {
		if p.l.Load() == l {
			all = append(all, p)
		}
	}
	h.mu.Unlock()
	l.mu.Lock()
	for fd := range l.busy {
		_ = unix.Shutdown(fd, unix.SHUT_RDWR)
	}
	l.mu.Unlock()
	for _, p := range all {
		if p.dead() {
			h.ended(p)
		}
	}
	h.debug("jail %d: a listener has nobody left", l.jail.Load())
}

func (h *host) handle(l *listener, n *notification) {
	c := &call{h: h, l: l, n: n}
	a := c.answer()
	if !a.sent {
		c.reply(a)
	}
	if h.verbose {
		pid := 0
		if c.p != nil {
			pid = c.p.pid
		}
		h.debug("jail %d pid %d: call %d %x: %+v", l.jail.Load(), pid, n.Nr, n.Args, a.err)
	}
	if a.then != nil {
		a.then()
	}
}

func (c *call) answer() answer {
	var err error
	c.p, c.st, err = c.h.identify(c.l, c.n)
	q, ok := questions[uintptr(c.n.Nr)]
	switch {
	case err != nil && c.n.Nr == unix.SYS_EXIT_GROUP:
		// Nobody takes an error of it for possible, and Go's runtime never
		// ends then.
		return answer{cont: true}
	case err != nil:
		return fail(err)
	case !ok:
		return fail(unix.ENOSYS)
	case !isFork(c.n.Nr):
		c.h.resolved(int(c.n.TID))
	}
	return q(c)
}

func isFork(nr int32) bool {
	return nr == unix.SYS_FORK || nr == unix.SYS_VFORK || nr == unix.SYS_CLONE
}

func (c *call) reply(a answer) {
	r := response{ID: c.n.ID, Val: a.val}
	if a.err != nil {
		var e unix.Errno
		if !errors.As(a.err, &e) {
			e = unix.EPERM
		}
		r.Error, r.Val = -int32(e), 0
	} else if a.cont {
		r.Flags, r.Val = respContinue, 0
	}
	switch err := send(c.l.fd, &r); err {
	case nil, unix.ENOENT:
	case unix.EBADF, unix.ENOTTY: // nobody has it any more, or something else is that number now
	default:
		c.h.say("answer to thread %d: %v", c.n.TID, err)
	}
}

// proceed lets the kernel go on with the call, now.
func (c *call) proceed() error {
	return send(c.l.fd, &response{ID: c.n.ID, Flags: respContinue})
}

// ask puts a question by the caller.
func (c *call) ask(f func(k kern.Proc) error) error {
	return c.h.ask(c.p, nil, func(k, _ kern.Proc) error { return f(k) })
}

// about puts a question by the caller about another process.
func (c *call) about(t *process, f func(k, t kern.Proc) error) error {
	return c.h.ask(c.p, t, f)
}

// arg is an argument as the int that it is.
func (c *call) arg(i int) int { return int(int32(c.n.Args[i])) }

// read copies memory of the caller.
func (c *call) read(addr uint64, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	b := make([]byte, n)
	local := []unix.Iovec{{Base: &b[0], Len: uint64(n)}}
	remote := []unix.RemoteIovec{{Base: uintptr(addr), Len: n}}
	var got int
	err := reach(c.st.IDs, func() (err error) {
		got, err = unix.ProcessVMReadv(int(c.n.TID), local, remote, 0)
		return err
	})
	if err != nil {
		if err == unix.EPERM {
			return nil, err
		}
		return nil, unix.EFAULT
	}
	if !valid(c.l.fd, c.n.ID) {
		return nil, unix.ESRCH
	}
	if got != n {
		return nil, unix.EFAULT
	}
	return b, nil
}

// write copies to memory of the caller.
func (c *call) write(addr uint64, b []byte) error {
	if !valid(c.l.fd, c.n.ID) {
		return unix.ESRCH
	}
	local := []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
	remote := []unix.RemoteIovec{{Base: uintptr(addr), Len: len(b)}}
	var got int
	err := reach(c.st.IDs, func() (err error) {
		got, err = unix.ProcessVMWritev(int(c.n.TID), local, remote, 0)
		return err
	})
	if err != nil || got != len(b) {
		return unix.EFAULT
	}
	return nil
}

// getfd takes a copy of one of the caller's descriptors.
func (c *call) getfd(fd int) (int, error) {
	if c.p.pidfd() == -1 {
		return -1, unix.EBADF
	}
	n := -1
	err := reach(c.st.IDs, func() (err error) {
		n, err = unix.PidfdGetfd(c.p.pidfd(), fd, 0)
		return err
	})
	if err != nil {
		return -1, err
	}
	return n, nil
}

// reach does something to a process of these ids for which Linux wants
// CAP_SYS_PTRACE, or the same user: without the one it is done as the other.
func reach(ids kern.IDs, f func() error) error {
	err := f()
	uid, gid := ids.UID[0], ids.GID[0]
	if err != unix.EPERM && err != unix.EACCES || uid == uint32(unix.Getuid()) {
		return err
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends as that user
		done <- func() error {
			for _, s := range [][4]uintptr{
				{unix.SYS_SETGROUPS, 0, 0, 0},
				{unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)},
				{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
			} {
				// Of this thread only, other than unix.Setresuid.
				if _, _, e := unix.RawSyscall(s[0], s[1], s[2], s[3]); e != 0 {
					return err
				}
			}
			return f()
		}()
	}()
	return <-done
}

// target finds the process that a thread's or process's id means.
func (c *call) target(pid int) (*process, error) {
	if pid <= 0 {
		return nil, unix.ESRCH
	}
	if p := c.h.lookup(pid); p != nil && !p.dead() {
		return p, nil
	}
	c.h.settle()
	st, err := readStatus(pid)
	if err != nil {
		return nil, unix.ESRCH
	}
	return c.h.ensure(st.TGID)
}

func bytesOf[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}
