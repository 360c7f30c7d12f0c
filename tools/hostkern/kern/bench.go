// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

/*
#include <stdlib.h>
#include "hostkern.h"
*/
import "C"

import (
	"time"
	"unsafe"
)

// Cost is how many locks the model's listeners took, and how many blocks of
// memory they allocated, in this thread so far: the caller keeps to one.
func Cost() (locks, blocks int) {
	var a, b C.long
	C.hk_model_cost(&a, &b)
	return int(a), int(b)
}

// CheckLocks lets locks be checked, as they are from the start, or be as fast
// as they can, for benchmarks. Nobody may hold one.
func CheckLocks(on bool) { C.hk_lock_check(cbool(on)) }

// TimeProcLock times how long proc_lock is held, or no longer; it returns the
// longest time since it was called before. Nobody may hold the lock.
func TimeProcLock(on bool) time.Duration { return time.Duration(C.hk_time_proc_lock(cbool(on))) }

func cbool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// Model is who listens to questions, besides what NetBSD always has.
type Model int

const (
	NoModel   Model = C.HK_NO_MODEL
	Ours      Model = C.HK_OURS
	ListMutex Model = C.HK_LISTMUTEX // see listmutex.c
)

// Listen lets one model alone be asked, for benchmarks. While that isn't ours
// no process may enter or leave our jails.
func Listen(m Model) { C.hk_bench_model(C.int(m)) }

// Question is one that Ask puts.
type Question int

const (
	AskBind   Question = C.HK_BENCH_BIND
	AskSignal Question = C.HK_BENCH_SIGNAL
	AskChroot Question = C.HK_BENCH_CHROOT
	AskLookup Question = C.HK_BENCH_LOOKUP // in a directory
	AskReboot Question = C.HK_BENCH_REBOOT
)

// Ask puts a question n times, without anything between them, and returns how
// often the answer was yes. The target is Signal's, socket and port are Bind's.
func (p Proc) Ask(q Question, target Proc, s Socket, port uint16, n int) int {
	return int(C.hk_bench_ask(C.int(q), p.c, target.c, s.c, C.uint16_t(port), C.long(n)))
}

// WalkProcesses looks at each process once, with the locks that takes.
func WalkProcesses() { C.hk_bench_walk() }

// ListInit makes the model ListMutex, once.
func ListInit() { C.hk_list_init() }

// ListCreate makes a jail of the model ListMutex.
func (p Proc) ListCreate(name, root string, ports []uint16) (id uint32, err error) {
	cname, croot := C.CString(name), C.CString(root)
	defer C.free(unsafe.Pointer(cname))
	defer C.free(unsafe.Pointer(croot))
	var c C.uint32_t
	err = errno(C.hk_list_create(p.c, cname, croot, (*C.uint16_t)(unsafe.SliceData(ports)), C.int(len(ports)), &c))
	return uint32(c), err
}

// ListEnter puts p into such a jail; the model must listen, until p's end too.
func (p Proc) ListEnter(id uint32) error { return errno(C.hk_list_enter(p.c, C.uint32_t(id))) }

// ListDestroy ends such a jail, in which nobody is.
func ListDestroy(id uint32) error { return errno(C.hk_list_destroy(C.uint32_t(id))) }
