// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

/*
#include "hostkern.h"
#include <sys/kauth.h>
*/
import "C"

import "fmt"

// Answer is what a listener says to a question.
type Answer int

const (
	Allow Answer = C.KAUTH_RESULT_ALLOW
	Deny  Answer = C.KAUTH_RESULT_DENY
	Defer Answer = C.KAUTH_RESULT_DEFER
)

func (a Answer) String() string {
	switch a {
	case Allow:
		return "allow"
	case Deny:
		return "deny"
	case Defer:
		return "defer"
	}
	return fmt.Sprintf("answer %d", int(a))
}

// LastAnswer is what the model alone has answered to the last question of
// this thread, whatever the kernel's usual models say.
func LastAnswer() Answer { return Answer(C.hk_answer()) }

// The questions. Each gives nil or the errno that NetBSD's caller gets.

func (p Proc) Generic(action uint64) error {
	return errno(C.hk_ask_generic(p.c, C.uint64_t(action)))
}

// System asks the system scope; a1 and a2 are the action's own.
func (p Proc) System(action, req, a1, a2 uint64) error {
	return errno(C.hk_ask_system(p.c, C.uint64_t(action), C.ulong(req), C.ulong(a1), C.ulong(a2)))
}

func (p Proc) Machdep(action uint64) error {
	return errno(C.hk_ask_machdep(p.c, C.uint64_t(action)))
}

// Device asks the device scope, with a request for those actions that have
// some.
func (p Proc) Device(action, req uint64) error {
	return errno(C.hk_ask_device(p.c, C.uint64_t(action), C.ulong(req)))
}

func (p Proc) Passthru(dev, bits uint64) error {
	return errno(C.hk_ask_passthru(p.c, C.uint64_t(dev), C.ulong(bits)))
}

// TTY asks about a terminal, TTY_OPEN with a spin lock held.
func (p Proc) TTY(action uint64) error {
	return errno(C.hk_ask_tty(p.c, C.uint64_t(action), 0))
}

// TTYLine asks as a terminal's line discipline does, with no lock held.
func (p Proc) TTYLine() error { return errno(C.hk_ask_tty(p.c, DeviceTtyOpen, 1)) }

// Spec asks whether a device node may be opened.
func (p Proc) Spec(req uint64, block bool, rdev uint64) error {
	var b C.int
	if block {
		b = 1
	}
	return errno(C.hk_ask_spec(p.c, C.ulong(req), b, C.uint64_t(rdev)))
}

// Vnode asks the vnode scope; fs is what the file system would answer.
func (p Proc) Vnode(action uint64, mode uint32, rdev uint64, fs int) error {
	return errno(C.hk_ask_vnode(p.c, C.uint64_t(action), C.uint(mode), C.uint64_t(rdev), C.int(fs)))
}

// Console asks as TIOCCONS does: to read a plain file /dev/console, or to
// search a directory on the way.
func (p Proc) Console(action uint64) error { return errno(C.hk_ask_console(p.c, C.uint64_t(action))) }

func (p Proc) Network(action, req, a1, a2, a3 uint64) error {
	return errno(C.hk_ask_network(p.c, C.uint64_t(action), C.ulong(req), C.ulong(a1), C.ulong(a2), C.ulong(a3)))
}

// Route asks about a message to a routing socket; 1 is RTM_ADD.
func (p Proc) Route(rtm int) error { return errno(C.hk_ask_route(p.c, C.int(rtm))) }

func (p Proc) CanSee(t Proc, req uint64) error {
	return errno(C.hk_ask_cansee(p.c, t.c, C.ulong(req)))
}

func (p Proc) Signal(t Proc, signo int) error {
	return errno(C.hk_ask_signal(p.c, t.c, C.int(signo)))
}

// Ptrace asks by NetBSD's number of the request.
func (p Proc) Ptrace(t Proc, request int) error {
	return errno(C.hk_ask_ptrace(p.c, t.c, C.int(request)))
}

func (p Proc) Ktrace(t Proc) error { return errno(C.hk_ask_ktrace(p.c, t.c)) }

func (p Proc) Procfs(t Proc, rw uint64) error {
	return errno(C.hk_ask_procfs(p.c, t.c, C.ulong(rw)))
}

func (p Proc) Kevent(t Proc) error { return errno(C.hk_ask_kevent(p.c, t.c)) }

// Nice asks by NetBSD's value, 0 to 40 with 20 the usual.
func (p Proc) Nice(t Proc, nice int) error {
	return errno(C.hk_ask_nice(p.c, t.c, C.int(nice)))
}

func (p Proc) Sched(t Proc, action uint64, policy, priority int) error {
	return errno(C.hk_ask_sched(p.c, t.c, C.uint64_t(action), C.int(policy), C.int(priority)))
}

func (p Proc) Rlimit(t Proc, req uint64, which int, soft, hard uint64) error {
	return errno(C.hk_ask_rlimit(p.c, t.c, C.ulong(req), C.int(which), C.uint64_t(soft), C.uint64_t(hard)))
}

// Process asks CORENAME and STOPFLAG.
func (p Proc) Process(t Proc, action, req uint64) error {
	return errno(C.hk_ask_process(p.c, t.c, C.uint64_t(action), C.ulong(req)))
}

func (p Proc) SetID() error { return errno(C.hk_ask_setid(p.c)) }

// MayFork asks FORK; a refusal is EAGAIN.
func (p Proc) MayFork() error { return errno(C.hk_ask_fork(p.c)) }

func (p Proc) SocketOpen(family, stype, protocol int) error {
	return errno(C.hk_ask_socket_open(p.c, C.int(family), C.int(stype), C.int(protocol)))
}

// Socket is one that questions are about.
type Socket struct{ c *C.struct_socket }

// NewSocket makes one with p's credential, by NetBSD's numbers.
func (p Proc) NewSocket(family, stype, protocol int) Socket {
	return Socket{C.hk_socket_new(p.c, C.int(family), C.int(stype), C.int(protocol))}
}

func (s Socket) Free() { C.hk_socket_free(s.c) }

func (p Proc) SocketAsk(req uint64, s Socket) error {
	return errno(C.hk_ask_socket(p.c, C.ulong(req), s.c))
}

// Bind asks for an explicit port, in host order.
func (p Proc) Bind(s Socket, port uint16) error {
	return errno(C.hk_ask_bind(p.c, s.c, C.uint16_t(port)))
}

func (p Proc) BindAnyAddr(s Socket) error {
	return errno(C.hk_ask_bind_anyaddr(p.c, s.c))
}

// Autobind begins an automatic choice, of which Candidate goes on; no other
// choice may begin between them.
func (p Proc) Autobind(s Socket) error {
	return errno(C.hk_ask_autobind(p.c, s.c))
}

func (p Proc) Candidate(s Socket, port uint16, low bool) error {
	var l C.int
	if low {
		l = 1
	}
	return errno(C.hk_ask_candidate(p.c, s.c, C.uint16_t(port), l))
}

// Careless lets a listener, or the caller of a lock, do the nth thing that
// NetBSD's kernel would panic of; false if there is none.
func Careless(n int, p, t Proc) bool { return C.hk_careless(C.int(n), p.c, t.c) != 0 }
