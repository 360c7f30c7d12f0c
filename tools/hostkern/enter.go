// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// takeListener takes the caller's listener, of which it told the number,
// and answers on it from now on, as for the host's.
func (c *client) takeListener(q *request) error {
	if c.p.l.Load() != nil {
		return unix.EBUSY
	}
	if q.oldlen > math.MaxInt32 {
		return unix.EBADF
	}
	fd, err := c.take(int(q.oldlen))
	if err != nil {
		return err
	}
	link, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil || link != "anon_inode:seccomp notify" {
		unix.Close(fd)
		return unix.EINVAL
	}
	if err := c.h.addListener(fd, c.p); err != nil {
		unix.Close(fd)
		return err
	}
	return nil
}

// take copies a descriptor of the caller's.
func (c *client) take(fd int) (own int, err error) {
	st, err := readStatus(c.p.pid)
	if err != nil || c.p.pidfd() == -1 {
		return -1, unix.ESRCH
	}
	err = reach(st.IDs, func() (err error) {
		own, err = unix.PidfdGetfd(c.p.pidfd(), fd, 0)
		return err
	})
	return own, err
}

func (c *client) observe(q *request) reply {
	if err := c.takeListener(q); err != nil {
		return reply{err: err, fd: -1}
	}
	return reply{fd: -1}
}

// enter lets the caller into a jail: the model judges what /proc shows of it.
func (c *client) enter(q *request) reply {
	number := int(int32(q.oldlen))
	if err := c.takeListener(q); err != nil {
		return reply{err: err, fd: -1}
	}
	cmd, ok := kern.ParseRequest(q.new)
	if !ok || cmd.Command != kern.CommandEnter {
		return reply{err: unix.EINVAL, fd: -1}
	}
	p := c.p
	restore, y := c.prepare(&cmd, number)
	if y.err != nil {
		return y
	}
	c.h.sync(false)
	in := *q
	in.oldlen = uint64(len(replyOf(0, 0)))
	p.mu.Lock()
	p.entering = true // its root is not asked about, in this moment
	p.mu.Unlock()
	y = c.call(root+"command", &in, nil)
	c.h.forgetFiles(p)
	if y.err != nil {
		p.mu.Lock()
		p.entering = false
		p.mu.Unlock()
		restore()
		return y
	}
	l := p.l.Load()
	c.h.mu.Lock()
	y.fd = p.k.RootFD()
	err := unix.Fstat(y.fd, &l.root)
	l.jail.Store(cmd.ID)
	c.h.mu.Unlock()
	c.entering = p
	if err != nil {
		c.abandon()
		return reply{err: unix.EIO, fd: -1}
	}
	c.h.execed(p.pid) // Linux tells of it, but too late for who is asked about it
	c.h.saveState()
	c.h.debug("jail %d: process %d enters", cmd.ID, p.pid)
	return y
}

// replyOf is a reply of the model's that hostkern gives in its place.
func replyOf(reason uint32, detail int32) []byte {
	y := kern.Reply{ABI: kern.ABIVersion, Reason: reason, Detail: detail}
	return append([]byte(nil), bytesOf(&y)...)
}

// prepare tells the hosted kernel what it has to know of who enters, and
// sets the jail's limits, which restore undoes.
func (c *client) prepare(cmd *kern.Request, listener int) (restore func(), y reply) {
	y.fd = -1
	p := c.p
	fail := func(err error) (func(), reply) {
		c.h.say("process %d wants to enter jail %d: %v", p.pid, cmd.ID, err)
		var e unix.Errno
		if !errors.As(err, &e) {
			e = unix.EIO
		}
		c.h.forgetFiles(p)
		return nil, reply{err: e, fd: -1}
	}
	st, err := readStatus(p.pid)
	if err != nil {
		return fail(err)
	}
	c.h.refresh(p, &st)
	if st.IDs.UID[1] != 0 {
		return func() {}, y // whom the model refuses first of all
	}
	// Limits first: they can fail, and what the model has done can't be
	// undone. Of who the model refuses they are set back.
	was, err := readLimits(p.pid)
	if err != nil {
		return fail(err)
	}
	mask, soft, hard, _ := kern.JailLimits(cmd.ID)
	if cmd.Flags&kern.EnterInit != 0 {
		mask = 0
	}
	if i, err := was.set(mask, &soft, &hard); err != nil {
		return nil, reply{err: err, data: replyOf(reasonLimit, int32(i)), used: uint64(len(replyOf(0, 0))), fd: -1}
	}
	if err := c.show(&st, listener, was); err != nil {
		was.restore()
		return fail(err)
	}
	return was.restore, y
}

// show tells the hosted kernel what /proc shows of who enters. What it opens
// for that is the hosted kernel's when it returns nil, or closed.
func (c *client) show(st *status, listener int, was *limits) (err error) {
	p := c.p
	// All processes are looked at, while this one goes on.
	shared := make(chan sharing, 1)
	go func() { shared <- sharedWith(p.pid) }()
	flags, session, err := entryFlags(p.pid, st)
	fds, err2 := readFDs(p, listener)
	defer func() {
		if err != nil {
			closeDirectories(fds)
		}
	}()
	found := <-shared
	flags |= found.flags
	if err := errors.Join(err, err2, found.err); err != nil {
		return err
	}
	cwd, rootfd, chrooted, err := directories(p.pid)
	if err != nil {
		return err
	}
	taken := false
	soft, hard := was.netbsd()
	err = c.h.ask(p, nil, func(k, _ kern.Proc) error {
		k.SetLimits(&soft, &hard)
		taken = true
		if err := k.SetDirs(cwd, rootfd, chrooted); err != nil {
			return err
		}
		if err := k.SetFiles(fds); err != nil {
			return err
		}
		k.SetFlags(flags, session)
		return nil
	})
	if !taken {
		unix.Close(cwd)
		unix.Close(rootfd)
	}
	return err
}

const reasonLimit = 29 // JAIL_REASON_LIMIT

func (h *host) forgetFiles(p *process) {
	_ = h.ask(p, nil, func(k, _ kern.Proc) error {
		k.SetFlags(0, 0)
		k.ClearFiles()
		return nil
	})
}

// directories opens a process's working and root directories.
func directories(pid int) (cwd, rootfd int, chrooted bool, err error) {
	const how = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	if cwd, err = unix.Open(procPath(pid, "cwd"), how, 0); err != nil {
		return
	}
	if rootfd, err = unix.Open(procPath(pid, "root"), how, 0); err != nil {
		unix.Close(cwd)
		return
	}
	return cwd, rootfd, !sameFile(rootfd, "/"), nil
}

func sameFile(fd int, path string) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && isFile(&st, path)
}

func isFile(want *unix.Stat_t, path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil && st.Dev == want.Dev && st.Ino == want.Ino
}

const (
	kcmpVM    = 1
	kcmpFiles = 2
	kcmpFS    = 3
)

// entryFlags reads what entry looks at, but for what is shared.
func entryFlags(pid int, st *status) (flags kern.Flags, session int, err error) {
	s, err := readStat(pid)
	if err != nil {
		return 0, 0, err
	}
	if st.Tracer != 0 {
		flags |= kern.Traced
	}
	if s.Session == pid {
		flags |= kern.Leader
	}
	if s.TTY != 0 {
		flags |= kern.Terminal
	}
	return flags, s.Session, nil
}

// sharing is what a process has in common with others, threads apart.
type sharing struct {
	flags kern.Flags
	err   error
}

func sharedWith(pid int) (s sharing) {
	pids, err := numbers("/proc")
	if err != nil {
		return sharing{err: err}
	}
	for _, other := range pids {
		if other == pid {
			continue
		}
		for _, k := range []struct {
			what int
			flag kern.Flags
		}{{kcmpVM, kern.SharedVM}, {kcmpFiles, kern.SharedFD}, {kcmpFS, kern.SharedCWD}} {
			r, _, e := unix.Syscall6(unix.SYS_KCMP, uintptr(pid), uintptr(other), uintptr(k.what), 0, 0, 0)
			if e == 0 && r == 0 {
				s.flags |= k.flag
			}
		}
	}
	if s.flags&kern.SharedVM != 0 && s.flags&kern.SharedFD == 0 {
		s.flags |= kern.PPWait // as between vfork(2) and execve(2)
	}
	return s
}

// entered checks that who entered has taken the jail's root, all threads.
func (c *client) entered() reply {
	p := c.entering
	if p == nil {
		return reply{err: unix.EINVAL, fd: -1}
	}
	if err := c.checkEntered(p); err != nil {
		c.h.say("process %d did not take its jail's root: %v", p.pid, err)
		c.abandon()
		return reply{err: unix.EPERM, fd: -1}
	}
	c.entering = nil
	p.mu.Lock()
	p.entering = false
	p.mu.Unlock()
	return reply{fd: -1}
}

func (c *client) checkEntered(p *process) error {
	c.h.mu.RLock()
	want := p.k.RootFD()
	c.h.mu.RUnlock()
	if want == -1 {
		return errors.New("it has none")
	}
	defer unix.Close(want)
	var root unix.Stat_t
	if err := unix.Fstat(want, &root); err != nil {
		return err
	}
	tids, err := numbers(procPath(p.pid, "task"))
	if err != nil {
		return err
	}
	for _, tid := range tids {
		for _, dir := range []string{"root", "cwd"} {
			if !isFile(&root, procPath(tid, dir)) {
				return fmt.Errorf("thread %d: %s is another", tid, dir)
			}
		}
		st, err := readStatus(tid)
		if err != nil {
			return err
		}
		if st.Seccomp != unix.SECCOMP_MODE_FILTER {
			return fmt.Errorf("thread %d has no filter", tid)
		}
	}
	return nil
}

// abandon ends who has entered but not taken the jail's root.
func (c *client) abandon() {
	p := c.entering
	if p == nil {
		return
	}
	c.entering = nil
	if p.pidfd() != -1 {
		_ = unix.PidfdSendSignal(p.pidfd(), unix.SIGKILL, nil, 0)
	}
}
