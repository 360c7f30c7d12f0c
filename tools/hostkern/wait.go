// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// waits are the requests that wait, each of which takes a thread of ours.
var waits = make(chan struct{}, 1000)

// mayWait says whether the kernel may wait at a node.
func mayWait(name string) bool {
	return strings.HasPrefix(name, "events.") && strings.Count(name, ".") == 4
}

// wait puts a request that may wait to the hosted kernel, by a thread of its
// own: it keeps nobody from anything. The thread is interrupted when the client
// ends, or has another request.
func (c *client) wait(name string, q *request) reply {
	select {
	case waits <- struct{}{}:
		defer func() { <-waits }()
	default:
		return reply{err: unix.EAGAIN, fd: -1}
	}
	c.h.mu.RLock()
	if c.p.gone {
		c.h.mu.RUnlock()
		return reply{err: unix.ESRCH, fd: -1}
	}
	t := c.p.k.Thread()
	c.h.mu.RUnlock()
	defer t.End()

	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if c.speaks() {
			t.Interrupt()
		}
	}()
	old := q.room()
	n, err := t.Read(name, old)
	_ = c.conn.SetReadDeadline(time.Unix(1, 0)) // of an open connection
	<-watched
	_ = c.conn.SetReadDeadline(time.Time{})
	if err != nil {
		return reply{err: err, used: uint64(n), fd: -1}
	}
	return reply{used: uint64(n), data: old[:min(n, len(old))], fd: -1}
}

// speaks waits until the client has ended or sent something, and says true; or
// until the time to read is over.
func (c *client) speaks() bool {
	raw, err := c.conn.SyscallConn()
	if err != nil {
		return true
	}
	return raw.Read(func(fd uintptr) bool {
		_, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return err != unix.EAGAIN && err != unix.EINTR
	}) == nil
}
