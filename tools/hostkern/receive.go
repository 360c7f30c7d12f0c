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
	int error;

	do {
		while (epoll_wait(ep, &e, 1, -1) == -1)
			if (errno != EINTR)
				return errno;
		r->listener = e.data.fd;
		r->events = e.events;
		if ((e.events & EPOLLIN) == 0)
			return 0;
		do {
			memset(r->room, 0, sizeof(r->room));
			error = ioctl(r->listener, SECCOMP_IOCTL_NOTIF_RECV,
			    r->room) == -1 ? errno : 0;
		} while (error == EINTR);
		e.events = EPOLLIN | EPOLLONESHOT;
		if (epoll_ctl(ep, EPOLL_CTL_MOD, r->listener, &e) == -1)
			return errno;
	} while (error == ENOENT);	// the caller is gone
	return error;
}

// receive waits until a listener has a call, and takes it, or has nobody left.
static int
receive(int ep, int urgent, struct received *r)
{
	int error;

	// Where that is permitted no longer, it does without.
	if (urgent)
		(void)schedule(SCHED_RR, 1);
	error = next(ep, r);
	if (urgent)
		(void)schedule(SCHED_OTHER, 0);
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
// does. So several threads wait at any time, in C, where receiving a call needs
// nothing of Go's scheduler, and with a real-time priority where that is
// permitted. Once it is received, the answer is work like any other.

const notifRoom = int(unsafe.Sizeof(C.struct_received{}.room))

// receivers is how many threads wait, when nothing is asked; half of them do
// at any time.
const receivers = 8

// receiving is what they wait by.
type receiving struct {
	ep      int          // has the listeners
	urgent  bool         // with a real-time priority
	waiting atomic.Int32 // threads
}

// hurry gives the threads that wait a real-time priority, from their next call
// on, or says why it can't. A hostkern that was started with a policy other
// than the usual keeps that.
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

// watch lets one of the threads know of what happens to a listener, until
// unwatch.
func (r *receiving) watch(listener int) error {
	return unix.EpollCtl(r.ep, unix.EPOLL_CTL_ADD, listener,
		&unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(listener)})
}

func (r *receiving) unwatch(listener int) {
	_ = unix.EpollCtl(r.ep, unix.EPOLL_CTL_DEL, listener, nil)
}

// receive lets the threads wait.
func (h *host) receive(failed chan<- error) {
	h.calls.waiting.Add(receivers)
	for range receivers {
		go h.answerCalls(failed)
	}
}

// answerCalls waits for calls and answers them, on the thread that has received
// them: nobody has to be woken for it.
func (h *host) answerCalls(failed chan<- error) {
	var urgent C.int
	if h.calls.urgent {
		urgent = 1
	}
	var r C.struct_received
	for {
		if e := C.receive(C.int(h.calls.ep), urgent, &r); e != 0 {
			failed <- fmt.Errorf("calls: %w", unix.Errno(e))
			return
		}
		if h.calls.waiting.Add(-1) < receivers/2 {
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
		if h.calls.waiting.Add(1) > receivers {
			h.calls.waiting.Add(-1)
			return
		}
	}
}
