// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

/*
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

struct received {
	int listener;
	uint32_t events;	// with EPOLLIN, there is a notification
	// A notification; the kernel's may be longer than is known here.
	char room[256] __attribute__((__aligned__(8)));
};

// Of this thread, other than sched_setscheduler(3) of some C libraries.
static int
schedule(int policy, int priority)
{
	struct sched_param p = { .sched_priority = priority };

	return syscall(SYS_sched_setscheduler, 0, policy, &p) == -1 ? errno : 0;
}

static int
next(int ep, struct received *r)
{
	struct epoll_event e;

	for (;;) {
		while (epoll_wait(ep, &e, 1, -1) == -1)
			if (errno != EINTR)
				return errno;
		r->listener = e.data.fd;
		r->events = e.events;
		if ((e.events & EPOLLIN) == 0)	// that is told once
			return epoll_ctl(ep, EPOLL_CTL_DEL, r->listener, NULL)
			    == -1 ? errno : 0;
		memset(r->room, 0, sizeof(r->room));
		if (ioctl(r->listener, SECCOMP_IOCTL_NOTIF_RECV, r->room) == 0)
			return 0;
		if (errno != EINTR && errno != ENOENT)	// the caller is gone
			return errno;
	}
}

// receive takes what comes from listeners, and puts it into a pipe. It returns
// an error only.
static int
receive(int ep, int pipe, int urgent)
{
	struct received r = { 0 };
	int error;

	// Where that is permitted no longer, it does without.
	if (urgent)
		(void)schedule(SCHED_RR, 1);
	while ((error = next(ep, &r)) == 0)
		while (write(pipe, &r, sizeof(r)) == -1)
			if (errno != EINTR)
				return errno;
	return error;
}
*/
import "C"

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A signal breaks into a call that has not been received, and where its
// handler does not restart calls, fork too fails with EINTR, as NetBSD's never
// does. So a thread does nothing but receive, in C, where that needs nothing of
// Go's scheduler, and with a real-time priority where that is permitted. Those
// that answer take the calls from a pipe: however long they need, receiving
// goes on.

const notifRoom = int(unsafe.Sizeof(C.struct_received{}.room))

// answerers is how many threads wait for calls, when nothing is asked; half of
// them do at any time.
const answerers = 4

// receiving is what they wait by.
type receiving struct {
	ep      int          // has the listeners
	in, out int          // the pipe
	urgent  bool         // with a real-time priority
	waiting atomic.Int32 // threads
}

func newReceiving() (*receiving, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		unix.Close(ep)
		return nil, fmt.Errorf("pipe: %w", err)
	}
	// For as many calls as it may hold; a full one only makes callers wait.
	_, _ = unix.FcntlInt(uintptr(pipe[1]), unix.F_SETPIPE_SZ, 1<<20)
	return &receiving{ep: ep, in: pipe[1], out: pipe[0]}, nil
}

// hurry gives the thread that is to receive a real-time priority, or says why
// it can't. A hostkern that was started with a policy other than the usual
// keeps that.
func (r *receiving) hurry() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if C.sched_getscheduler(0) != C.SCHED_OTHER {
		return nil
	}
	if e := C.schedule(C.SCHED_RR, 1); e != 0 {
		return unix.Errno(e)
	}
	r.urgent = true
	if e := C.schedule(C.SCHED_OTHER, 0); e != 0 {
		return unix.Errno(e)
	}
	return nil
}

// watch receives what comes from a listener, until that has nobody left.
func (r *receiving) watch(listener int) error {
	return unix.EpollCtl(r.ep, unix.EPOLL_CTL_ADD, listener,
		&unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(listener)})
}

// receive begins to receive calls, and to answer them.
func (h *host) receive(failed chan<- error) {
	go func() {
		var urgent C.int
		if h.calls.urgent {
			urgent = 1
		}
		runtime.LockOSThread() // ends with it
		e := C.receive(C.int(h.calls.ep), C.int(h.calls.in), urgent)
		failed <- fmt.Errorf("calls: %w", unix.Errno(e))
	}()
	h.calls.waiting.Add(answerers)
	for range answerers {
		go h.answerCalls(failed)
	}
}

// answerCalls answers calls that have been received.
func (h *host) answerCalls(failed chan<- error) {
	var r C.struct_received
	for {
		// Whole, for it was written so.
		switch _, err := unix.Read(h.calls.out, bytesOf(&r)); err {
		case nil:
		case unix.EINTR:
			continue
		default:
			failed <- fmt.Errorf("calls: %w", err)
			return
		}
		if h.calls.waiting.Add(-1) < answerers/2 {
			h.calls.waiting.Add(1)
			go h.answerCalls(failed)
		}
		h.mu.RLock()
		l := h.listeners[int(r.listener)]
		h.mu.RUnlock()
		switch {
		case l == nil:
		case r.events&unix.EPOLLIN != 0:
			n := *(*notification)(unsafe.Pointer(&r.room))
			h.handle(l, &n)
		default:
			h.listenerGone(l)
		}
		if h.calls.waiting.Add(1) > answerers {
			h.calls.waiting.Add(-1)
			return
		}
	}
}
