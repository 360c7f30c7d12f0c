// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// The protocol on the socket. A request is a head of 24 bytes, a name and
// the new value; a reply a head of 24 bytes and data. All integers are in
// the machine's order.
const (
	magic    = 0x4b4e5348
	headSize = 24

	opSysctl  = 1
	opHello   = 2
	opEnter   = 3
	opEntered = 4
	opObserve = 5
	opEnd     = 6

	maxName = 256
	maxNew  = 1 << 16
	maxOld  = 1 << 28
	noOld   = math.MaxUint64

	root = "security.models.jail."
)

type request struct {
	op     uint32
	name   string
	new    []byte
	oldlen uint64
}

// room is what the old value goes to.
func (q *request) room() []byte {
	if q.oldlen == noOld {
		return nil
	}
	return make([]byte, min(q.oldlen, maxOld))
}

// readRequest reads one; io.EOF only where none has begun.
func readRequest(r io.Reader) (request, error) {
	var h [headSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return request{}, err
	}
	if m := binary.NativeEndian.Uint32(h[:]); m != magic {
		return request{}, fmt.Errorf("a request begins with %#x", m)
	}
	q := request{op: binary.NativeEndian.Uint32(h[4:]), oldlen: binary.NativeEndian.Uint64(h[16:])}
	namelen, newlen := binary.NativeEndian.Uint32(h[8:]), binary.NativeEndian.Uint32(h[12:])
	if namelen > maxName || newlen > maxNew {
		return q, fmt.Errorf("a request of %d and %d bytes", namelen, newlen)
	}
	b := make([]byte, namelen+newlen)
	if _, err := io.ReadFull(r, b); err != nil {
		return q, fmt.Errorf("a request is cut off: %w", err)
	}
	q.name, q.new = string(b[:namelen]), b[namelen:]
	if newlen == 0 {
		q.new = nil
	}
	return q, nil
}

type reply struct {
	err  error
	used uint64
	data []byte
	fd   int // to send along, or -1; it is closed
}

func (y *reply) bytes() []byte {
	var e unix.Errno
	if y.err != nil && !errors.As(y.err, &e) {
		e = unix.EIO
	}
	b := make([]byte, headSize, headSize+len(y.data))
	binary.NativeEndian.PutUint32(b, magic)
	binary.NativeEndian.PutUint32(b[4:], uint32(e))
	binary.NativeEndian.PutUint64(b[8:], y.used)
	binary.NativeEndian.PutUint32(b[16:], uint32(len(y.data)))
	return append(b, y.data...)
}

// client is a connection and who is at its other end.
type client struct {
	h        *host
	conn     *net.UnixConn
	p        *process
	entering *process // between ENTER and ENTERED
}

func (h *host) serve(conn *net.UnixConn) {
	c := &client{h: h, conn: conn}
	defer conn.Close()
	defer c.abandon()
	pid, err := peer(conn)
	if err != nil {
		h.say("a connection: %v", err)
		return
	}
	for {
		q, err := readRequest(conn)
		if err != nil {
			if err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
				h.debug("process %d: %v", pid, err)
			}
			return
		}
		if c.p == nil || c.p.dead() {
			if c.p, err = h.ensure(pid); err != nil {
				return
			}
		}
		y := c.do(&q)
		if err := c.send(&y); err != nil {
			h.debug("process %d: reply: %v", pid, err)
			return
		}
	}
}

func peer(conn *net.UnixConn) (pid int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var e error
	if err := raw.Control(func(fd uintptr) {
		cred, e = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if e != nil {
		return 0, e
	}
	if cred.Pid <= 0 {
		return 0, fmt.Errorf("its process is not of this pid namespace")
	}
	return int(cred.Pid), nil
}

func (c *client) send(y *reply) error {
	b := y.bytes()
	if y.fd < 0 {
		_, err := c.conn.Write(b)
		return err
	}
	defer unix.Close(y.fd)
	n, _, err := c.conn.WriteMsgUnix(b, unix.UnixRights(y.fd), nil)
	if err != nil {
		return err
	}
	_, err = c.conn.Write(b[n:])
	return err
}

func (c *client) do(q *request) reply {
	switch q.op {
	case opSysctl:
		return c.sysctl(q)
	case opHello:
		return c.hello()
	case opEnter:
		return c.enter(q)
	case opEntered:
		return c.entered()
	case opObserve:
		return c.observe(q)
	case opEnd:
		return reply{fd: -1}
	}
	return reply{err: unix.EOPNOTSUPP, fd: -1}
}

// refreshCaller tells the caller's ids and name of this moment.
func (c *client) refreshCaller() error {
	st, err := readStatus(c.p.pid)
	if err != nil {
		return unix.ESRCH
	}
	c.h.refresh(c.p, &st)
	return nil
}

func (c *client) sysctl(q *request) reply {
	name := strings.TrimPrefix(q.name, root)
	if node, below, _ := strings.Cut(name, "."); strings.Contains(node, "\x00") || strings.Trim(below, "0123456789.") != "" {
		return reply{err: unix.ENOENT, fd: -1}
	}
	if err := c.refreshCaller(); err != nil {
		return reply{err: err, fd: -1}
	}
	if mayWait(name) {
		return c.wait(root+name, q)
	}
	var done func()
	if name == "command" {
		if cmd, ok := kern.ParseRequest(q.new); ok {
			if cmd.Command == kern.CommandEnter {
				// Entry is done with the process at hand: by opEnter.
				return reply{err: unix.EOPNOTSUPP, fd: -1}
			}
			if cmd.Command == kern.CommandKill {
				done = func() { c.h.noteKill(cmd.ID, cmd.Signal) }
			}
			if cmd.NPorts > 0 {
				if err := c.h.tellBound(); err != nil {
					c.h.say("sockets that are bound: %v", err)
					return reply{err: unix.EIO, fd: -1}
				}
			}
		}
		c.h.sync(false)
	} else if name == "jails" || name == "processes" {
		c.h.sync(q.oldlen != noOld)
	}
	y := c.call(root+name, q, done)
	if name == "command" {
		c.h.deliver()
		c.h.saveState()
	}
	return y
}

// noteKill keeps the signal for members that are found out about later. Needs
// mu, for reading.
func (h *host) noteKill(jail uint32, signo int32) {
	for _, l := range h.listeners {
		if l.jail.Load() == jail {
			l.killed.Store(signo)
		}
	}
}

// call puts a request to the hosted kernel. If that takes it, done is called,
// unless it is nil, before anything else becomes known of any process.
func (c *client) call(name string, q *request, done func()) reply {
	old := q.room()
	y := reply{fd: -1}
	y.err = c.h.ask(c.p, nil, func(k, _ kern.Proc) error {
		n, err := k.Sysctl(name, old, q.new)
		y.used = uint64(n)
		if err == nil && done != nil {
			done()
		}
		return err
	})
	y.data = old[:min(y.used, uint64(len(old)))]
	if y.err != nil && !strings.HasSuffix(name, ".command") {
		y.data = nil
	}
	return y
}

// hello gives the filter, and how to install it.
func (c *client) hello() reply {
	// Without its listener nobody would answer it, not even that it may end.
	fd, err := c.take(0)
	if err == nil {
		unix.Close(fd)
	} else if err != unix.EBADF {
		c.h.say("process %d: its descriptors can't be reached: %v; hostkern may need CAP_SYS_PTRACE", c.p.pid, err)
		return reply{err: err, fd: -1}
	}
	flags, _ := seccompFlags()
	p := makeFilter(c.p.pid, c.h.opens)
	b := binary.NativeEndian.AppendUint64(nil, flags)
	for _, i := range p {
		b = binary.NativeEndian.AppendUint16(b, i.Code)
		b = append(b, i.Jt, i.Jf)
		b = binary.NativeEndian.AppendUint32(b, i.K)
	}
	return reply{data: b, used: uint64(len(b)), fd: -1}
}
