// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

// Package kern is NetBSD's kernel as far as the jail model sees it: the
// model's own C files, linked into this folder, over a shim of kauth,
// credentials, processes, sysctl and locks. The Go side keeps the list of
// processes and asks the questions.
package kern

/*
#cgo CFLAGS: -std=gnu99 -D_KERNEL -D_MODULE -D_GNU_SOURCE
#cgo CFLAGS: -I${SRCDIR}/../include -I${SRCDIR}/../../../sys
#cgo CFLAGS: -Wall -Wextra -Werror -Wno-unused-parameter
#cgo LDFLAGS: -lpthread
#include <stdlib.h>
#include "hostkern.h"
*/
import "C"

import (
	"runtime"
	"syscall"
	"unsafe"
)

// Proc is a process of the hosted kernel. The caller keeps Exit and Free
// apart from every other use of the same process.
type Proc struct{ c *C.struct_proc }

// IDs are a process's user and group ids: real, effective, saved.
type IDs struct{ UID, GID [3]uint32 }

// Gauges of a process, as they are just now.
type Gauges struct {
	Threads           int
	Resident, Virtual uint64 // pages
	User, System      uint64 // ticks
	Start             int64  // microseconds since 1970
	Nice              int
}

// Flags of a process that entry looks at.
type Flags int

const (
	Traced    Flags = C.HK_P_TRACED
	Leader    Flags = C.HK_P_LEADER
	Terminal  Flags = C.HK_P_TERMINAL
	PPWait    Flags = C.HK_P_PPWAIT
	SharedFD  Flags = C.HK_P_SHAREDFD
	SharedCWD Flags = C.HK_P_SHAREDCWD
	SharedVM  Flags = C.HK_P_SHAREDVM
)

// NLimits is how many limits there are, RLIMIT_CPU to RLIMIT_NTHR of NetBSD.
const NLimits = C.HK_NLIMITS

func errno(r C.int) error {
	if r == 0 {
		return nil
	}
	return syscall.Errno(r)
}

// Boot makes the kernel, once in the life of this process, and loads the
// model into it; ids up to lastID are never given to a jail.
func Boot(lastID uint32) error {
	BootBare()
	if err := Load(); err != nil {
		return err
	}
	C.hk_set_lastid(C.uint32_t(lastID))
	return nil
}

// BootBare makes the kernel without the model.
func BootBare() { C.hk_boot() }

// Unload the model; it refuses once a jail has been.
func Unload() error { return errno(C.hk_unload()) }

// Load the model.
func Load() error { return errno(C.hk_load()) }

// LastID is the last id that a jail got.
func LastID() uint32 { return uint32(C.hk_lastid()) }

// JailLimits are the limits that a jail sets at entry, by mask.
func JailLimits(id uint32) (mask uint32, soft, hard [NLimits]uint64, ok bool) {
	var m C.uint32_t
	r := C.hk_jail_limits(C.uint32_t(id), &m, (*C.uint64_t)(&soft[0]), (*C.uint64_t)(&hard[0]))
	return uint32(m), soft, hard, r != 0
}

// Jail is what the state file keeps of one.
type Jail struct {
	ID         uint32
	Name, Path string
}

// Jails are all there are.
func Jails() []Jail {
	var all []Jail
	for n := 0; ; n++ {
		var name [64]C.char
		var path [1024]C.char
		id := C.hk_jail_at(C.int(n), &name[0], &path[0])
		if id == 0 {
			return all
		}
		all = append(all, Jail{uint32(id), C.GoString(&name[0]), C.GoString(&path[0])})
	}
}

func cids(ids IDs) C.struct_hk_ids {
	var c C.struct_hk_ids
	for i := range 3 {
		c.uid[i] = C.uint(ids.UID[i])
		c.gid[i] = C.uint(ids.GID[i])
	}
	return c
}

// NewHost makes a process of the host that was found running.
func NewHost(pid int, ids IDs) Proc {
	c := cids(ids)
	return Proc{C.hk_proc_new(nil, C.int(pid), &c)}
}

// Fork makes a child of p.
func (p Proc) Fork(pid int) Proc {
	return Proc{C.hk_proc_new(p.c, C.int(pid), nil)}
}

// Embryo makes a child of p of which the process id is not known yet.
func (p Proc) Embryo() Proc { return Proc{C.hk_proc_embryo(p.c)} }

// Arrive tells an embryo's process id.
func (p Proc) Arrive(pid int) { C.hk_proc_arrive(p.c, C.int(pid)) }

// Valid says whether p is a process at all.
func (p Proc) Valid() bool { return p.c != nil }

// Exit runs what a kernel runs when a process ends; it is a zombie then.
func (p Proc) Exit() { C.hk_proc_exit(p.c) }

// Exec runs what a kernel runs when a process has a new program.
func (p Proc) Exec() { C.hk_proc_exec(p.c) }

// Executed says that it has executed a program, without any hook.
func (p Proc) Executed() { C.hk_proc_executed(p.c) }

// Free forgets a zombie.
func (p Proc) Free() { C.hk_proc_free(p.c) }

// Jail is the id of p's jail, 0 for the host.
func (p Proc) Jail() uint32 { return uint32(C.hk_jail_of(p.c)) }

// SetParent changes p's parent, as when the parent has ended.
func (p Proc) SetParent(parent Proc) { C.hk_proc_parent(p.c, parent.c) }

// SetGauges tells what a snapshot is to show.
func (p Proc) SetGauges(g *Gauges) {
	c := C.struct_hk_gauges{
		threads:  C.int(g.Threads),
		resident: C.uint64_t(g.Resident), virtual_: C.uint64_t(g.Virtual),
		user: C.uint64_t(g.User), system: C.uint64_t(g.System),
		start_sec:  C.int64_t(g.Start / 1000000),
		start_usec: C.int64_t(g.Start % 1000000),
		nice:       C.int(g.Nice),
	}
	C.hk_proc_gauges(p.c, &c)
}

// SetIDs gives p the ids, by a new credential if they changed.
func (p Proc) SetIDs(ids IDs) {
	c := cids(ids)
	C.hk_proc_ids(p.c, &c)
}

// SetCommand tells the name of p's program; the caller keeps it apart from
// questions by p.
func (p Proc) SetCommand(name string) {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	C.hk_proc_command(p.c, c)
}

// SetFlags tells what entry looks at.
func (p Proc) SetFlags(f Flags, session int) {
	C.hk_proc_flags(p.c, C.int(f), C.int(session))
}

// SetLimits tells p's limits, by NetBSD's numbers.
func (p Proc) SetLimits(soft, hard *[NLimits]uint64) {
	C.hk_proc_limits(p.c, (*C.uint64_t)(&soft[0]), (*C.uint64_t)(&hard[0]))
}

// Limits are those that the model has set.
func (p Proc) Limits() (soft, hard [NLimits]uint64) {
	C.hk_proc_getlimits(p.c, (*C.uint64_t)(&soft[0]), (*C.uint64_t)(&hard[0]))
	return
}

// FDType is a descriptor's type.
type FDType int

const (
	FDVnode  FDType = C.HK_FD_VNODE
	FDSocket FDType = C.HK_FD_SOCKET
	FDPipe   FDType = C.HK_FD_PIPE
	FDKqueue FDType = C.HK_FD_KQUEUE
	FDEvent  FDType = C.HK_FD_EVENT
	FDTimer  FDType = C.HK_FD_TIMER
	FDOther  FDType = C.HK_FD_OTHER
)

// FD is a descriptor that a process has open.
type FD struct {
	FD                      int
	Type                    FDType
	CloseOnExec             bool
	Mode                    uint32
	Dev, Ino, Rdev          uint64
	DirFD                   int    // O_PATH of a directory, which SetFiles takes; or -1
	Family, SType, Protocol int    // NetBSD's
	Port                    uint16 // of a socket, that others can't bind; 0 of a TCP connection
}

// SetFiles tells p's descriptors; ClearFiles forgets them.
func (p Proc) SetFiles(fds []FD) error {
	c := make([]C.struct_hk_fd, len(fds)+1)
	for i, f := range fds {
		c[i] = C.struct_hk_fd{
			fd: C.int(f.FD), _type: C.int(f.Type), mode: C.uint(f.Mode),
			dev: C.uint64_t(f.Dev), ino: C.uint64_t(f.Ino),
			rdev: C.uint64_t(f.Rdev), dirfd: C.int(f.DirFD), family: C.int(f.Family),
			stype: C.int(f.SType), protocol: C.int(f.Protocol), port: C.uint16_t(f.Port),
		}
		if f.CloseOnExec {
			c[i].cloexec = 1
		}
	}
	return errno(C.hk_proc_setfiles(p.c, &c[0], C.int(len(fds))))
}

// ClearFiles forgets what SetFiles told.
func (p Proc) ClearFiles() { C.hk_proc_clearfiles(p.c) }

// SetDirs tells p's working and root directory, and takes the descriptors.
func (p Proc) SetDirs(cwd, root int, chrooted bool) error {
	var c C.int
	if chrooted {
		c = 1
	}
	return errno(C.hk_proc_setdirs(p.c, C.int(cwd), C.int(root), c))
}

// RootFD is a new descriptor (O_PATH) of p's root directory, -1 for none.
func (p Proc) RootFD() int { return int(C.hk_proc_rootfd(p.c)) }

// Signal is one that the model sent.
type Signal struct{ PID, Signo int }

// Signals fetches those that the model has sent since.
func Signals() []Signal {
	var all []Signal
	for {
		var pids, signos [256]C.int
		n := int(C.hk_signals(&pids[0], &signos[0], C.int(len(pids))))
		for i := range n {
			all = append(all, Signal{int(pids[i]), int(signos[i])})
		}
		if n < len(pids) {
			return all
		}
	}
}

// Bound is a socket that is bound to a port.
type Bound struct {
	Holder   Proc // not valid for the host
	Family   int
	Protocol int
	Port     uint16
}

// SetBound tells the sockets that are bound just now.
func SetBound(b []Bound) error {
	c := (*[1 << 24]C.struct_hk_bound)(C.calloc(C.size_t(len(b)+1), C.sizeof_struct_hk_bound))
	if c == nil {
		return syscall.ENOMEM
	}
	defer C.free(unsafe.Pointer(c))
	for i, s := range b {
		c[i].holder = s.Holder.c
		c[i].family = C.int(s.Family)
		c[i].protocol = C.int(s.Protocol)
		c[i].port = C.uint16_t(s.Port)
	}
	return errno(C.hk_set_bound(&c[0], C.int(len(b))))
}

// Sysctl is sysctl(2) by p; old nil asks for the length. It gives how much
// there is, also with an error.
func (p Proc) Sysctl(name string, old, new []byte) (int, error) {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	size := C.size_t(len(old))
	r := C.hk_sysctl(p.c, cname, pointer(new), C.size_t(len(new)), pointer(old), &size)
	runtime.KeepAlive(old)
	runtime.KeepAlive(new)
	return int(size), errno(r)
}

// Thread is an LWP of a process, made for a call that may wait.
type Thread struct{ c *C.struct_lwp }

// Thread makes one, with the credential that p has now. p may end, and be
// freed, before it.
func (p Proc) Thread() Thread { return Thread{C.hk_lwp_new(p.c)} }

// Read is sysctl(2) by t, which waits where the model has it wait; any other's
// call is interrupted there.
func (t Thread) Read(name string, old []byte) (int, error) {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	size := C.size_t(len(old))
	r := C.hk_lwp_sysctl(t.c, cname, nil, 0, pointer(old), &size)
	runtime.KeepAlive(old)
	return int(size), errno(r)
}

// Interrupt has t's call end, as a signal would, and all that come after it.
func (t Thread) Interrupt() { C.hk_lwp_interrupt(t.c) }

// Waits says whether t's call waits just now.
func (t Thread) Waits() bool { return C.hk_lwp_waits(t.c) != 0 }

// End forgets t, whose call has ended.
func (t Thread) End() { C.hk_lwp_free(t.c) }

func pointer(b []byte) unsafe.Pointer {
	if b == nil {
		return nil
	}
	if cap(b) == 0 {
		return unsafe.Pointer(&empty)
	}
	return unsafe.Pointer(unsafe.SliceData(b))
}

var empty byte

// FaultAt makes the nth call from now that can fail do so; 0 for none.
func FaultAt(n int) { C.hk_fault_at(C.long(n)) }

// Faults counts the calls since FaultAt that can fail.
func Faults() int { return int(C.hk_fault_count()) }

// Memory that the kernel has allocated and not freed.
func Memory() (blocks, bytes int) {
	var a, b C.long
	C.hk_kmem_stat(&a, &b)
	return int(a), int(b)
}
