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
