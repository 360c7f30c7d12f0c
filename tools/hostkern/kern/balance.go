// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

/*
#include "hostkern.h"
*/
import "C"

// What the tests need of the kernel and nobody else does.

// Forget lets the model be unloaded although there have been jails; false if
// there is one.
func Forget() bool { return C.hk_forget() != 0 }

// Vnodes says how many there are, and the references to them.
func Vnodes() (vnodes, references int) {
	var n, refs C.long
	C.hk_vnode_stat(&n, &refs)
	return int(n), int(refs)
}

// Copies has a thread that p's jail does not know of copy p's credential n
// times, and panics if one of them is not the jail's.
func Copies(p Proc, n int) { C.hk_copies(p.c, C.int(n)) }

// Tick lets a tick of kpause(9) take that many microseconds; 0: as long as it
// should.
func Tick(microseconds int) { C.hk_tick(C.long(microseconds)) }

// SetLastID has ids up to this one been given.
func SetLastID(id uint32) { C.hk_set_lastid(C.uint32_t(id)) }

// Cred is a process's credential that something keeps: a socket, an open file.
type Cred struct{ c *C.struct_kauth_cred }

// Keep takes a reference to p's.
func (p Proc) Keep() Cred { return Cred{C.hk_cred_keep(p.c)} }

// System asks the system scope about it.
func (c Cred) System(action, req uint64) error {
	return errno(C.hk_cred_ask(c.c, C.uint64_t(action), C.ulong(req)))
}

// Drop gives it back.
func (c Cred) Drop() { C.hk_cred_drop(c.c) }

// Stray gives p a credential of the host's, as execve(2) does that was under way
// when p entered.
func (p Proc) Stray() { C.hk_proc_stray(p.c) }

// Busy has p be in execve(2), or not any more; both on one thread.
func (p Proc) Busy(busy bool) {
	var b C.int
	if busy {
		b = 1
	}
	C.hk_proc_busy(p.c, b)
}

// ModuleCommand gives the model any command of module(9).
func ModuleCommand(n int) error { return errno(C.hk_modcmd(C.int(n))) }
