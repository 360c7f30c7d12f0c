// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"sync"

	"golang.org/x/sys/unix"
)

// connector is Linux's process event connector: it tells each fork, in
// order, before the child runs. It is there for root in the first pid and
// user namespace only.
type connector struct {
	fd int
	mu sync.Mutex
}

const (
	cnIdxProc    = 1
	cnValProc    = 1
	cnMcastOn    = 1
	cnHeader     = 16 + 20 // struct nlmsghdr, struct cn_msg
	eventNone    = 0
	eventFork    = 1
	eventExec    = 2
	connectorBuf = 8 << 20
)

func openConnector() (*connector, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, err
	}
	c := &connector{fd: fd}
	if err := c.subscribe(); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return c, nil
}

// eventFilter keeps from us what isn't of interest, threads above all: the
// kernel then wakes nobody for it. Numbers are as loads of BPF see them,
// in the network's order.
func eventFilter() []unix.SockFilter {
	const what, tid, tgid = cnHeader, cnHeader + 24, cnHeader + 28
	keep, drop := ret(math.MaxUint32), ret(0)
	return []unix.SockFilter{
		load(what),
		when(opEqual, bits.ReverseBytes32(eventNone), 1), keep,
		when(opEqual, bits.ReverseBytes32(eventExec), 1), keep,
		unless(opEqual, bits.ReverseBytes32(eventFork), 1), drop,
		load(tid), {Code: unix.BPF_MISC | unix.BPF_TAX},
		load(tgid), {Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_X, Jt: 1}, drop,
		keep,
	}
}

func (c *connector) subscribe() error {
	filter := eventFilter()
	if err := unix.SetsockoptSockFprog(c.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}); err != nil {
		return err
	}
	_ = unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, connectorBuf)
	if err := unix.Bind(c.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: cnIdxProc}); err != nil {
		return err
	}
	m := make([]byte, cnHeader+4)
	binary.NativeEndian.PutUint32(m[0:], uint32(len(m)))
	binary.NativeEndian.PutUint16(m[4:], unix.NLMSG_DONE)
	binary.NativeEndian.PutUint32(m[12:], uint32(unix.Getpid()))
	binary.NativeEndian.PutUint32(m[16:], cnIdxProc)
	binary.NativeEndian.PutUint32(m[20:], cnValProc)
	// Everybody gets every answer; the next number is ours.
	number := rand.Uint32()
	binary.NativeEndian.PutUint32(m[28:], number)
	binary.NativeEndian.PutUint16(m[32:], 4)
	binary.NativeEndian.PutUint32(m[36:], cnMcastOn)
	if err := unix.Sendto(c.fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	// The answer says whether we may; who may not gets none, or EPERM.
	fds := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}
	var b [512]byte
	for range 64 {
		if n, err := unix.Poll(fds, 500); n == 0 || err != nil {
			return fmt.Errorf("no acknowledgement")
		}
		n, _, err := unix.Recvfrom(c.fd, b[:], 0)
		if err != nil {
			return err
		}
		if n >= cnHeader+20 && binary.NativeEndian.Uint32(b[cnHeader:]) == eventNone && binary.NativeEndian.Uint32(b[28:]) == number+1 {
			if e := binary.NativeEndian.Uint32(b[cnHeader+16:]); e != 0 {
				return unix.Errno(e)
			}
			return nil
		}
	}
	return fmt.Errorf("no acknowledgement")
}

type procEvent struct {
	what                   uint32
	ptid, ptgid, tid, tgid int
}

// parseEvent reads one message; false for what isn't of interest.
func parseEvent(b []byte) (e procEvent, ok bool) {
	if len(b) < cnHeader+16+8 || binary.NativeEndian.Uint32(b[16:]) != cnIdxProc {
		return e, false
	}
	b = b[cnHeader:]
	e.what = binary.NativeEndian.Uint32(b)
	id := func(i int) int { return int(int32(binary.NativeEndian.Uint32(b[16+4*i:]))) }
	switch e.what {
	case eventFork:
		if len(b) < 32 {
			return e, false
		}
		e.ptid, e.ptgid, e.tid, e.tgid = id(0), id(1), id(2), id(3)
		return e, e.tid == e.tgid
	case eventExec:
		e.tid, e.tgid = id(0), id(1)
		return e, true
	}
	return e, false
}

// drain takes in all events so far.
func (c *connector) drain(h *host) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b [4096]byte
	for {
		n, from, err := unix.Recvfrom(c.fd, b[:], unix.MSG_DONTWAIT)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.ENOBUFS:
			if h.lost.Add(1) == 1 {
				h.say("process events were lost; forks of this moment are found by their calls, and counted late")
			}
			continue
		case err != nil:
			return
		}
		if sa, ok := from.(*unix.SockaddrNetlink); !ok || sa.Pid != 0 {
			continue // only the kernel's word counts
		}
		e, ok := parseEvent(b[:n])
		if !ok {
			continue
		}
		switch e.what {
		case eventFork:
			h.forked(e.ptid, e.ptgid, e.tid)
		case eventExec:
			h.execed(e.tgid)
		}
	}
}
