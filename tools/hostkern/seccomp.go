// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// notification is struct seccomp_notif: a system call that waits.
type notification struct {
	ID    uint64
	TID   uint32 // the thread, as hostkern's pid namespace numbers it
	Flags uint32
	Nr    int32
	Arch  uint32
	IP    uint64
	Args  [6]uint64
}

// response is struct seccomp_notif_resp.
type response struct {
	ID    uint64
	Val   int64
	Error int32 // negative errno
	Flags uint32
}

type addFD struct {
	ID         uint64
	Flags      uint32
	SrcFD      uint32
	NewFD      uint32
	NewFDFlags uint32
}

const (
	notifSend     = 0xc0182101
	notifIDValid  = 0x40082102
	notifAddFD    = 0x40182103
	notifSetFlags = 0x40082104

	respContinue = 1
	addFDSend    = 2
	syncWakeUp   = 1

	filterTsync         = 1
	filterNewListener   = 8
	filterTsyncESRCH    = 16
	filterWaitKillable  = 32
	seccompGetNotifSize = 3
	seccompGetAction    = 2
)

func ioctl(fd int, req uintptr, arg unsafe.Pointer) (int, error) {
	for {
		r, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), req, uintptr(arg))
		if e == unix.EINTR {
			continue
		}
		if e != 0 {
			return 0, e
		}
		return int(r), nil
	}
}

// seccompFlags are those that a client is to install the filter with.
// Waiting killably keeps a signal from breaking into a call that hostkern
// is doing for its caller; kernels before 5.19 lack it.
func seccompFlags() (flags uint64, waitKillable bool) {
	flags = filterTsync | filterNewListener | filterTsyncESRCH
	// A flag that is not known is EINVAL, a NULL filter EFAULT.
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		filterNewListener|filterWaitKillable, 0)
	if e == unix.EFAULT {
		return flags | filterWaitKillable, true
	}
	return flags, false
}

// checkSeccomp says why notifications can't be had, if they can't.
func checkSeccomp() error {
	var sizes [3]uint16
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, seccompGetNotifSize, 0,
		uintptr(unsafe.Pointer(&sizes)))
	if e == 0 {
		_, _, e = unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, filterNewListener, 0)
	}
	if e != 0 && e != unix.EFAULT {
		return fmt.Errorf("no seccomp notifications here: %w; use Linux 5.5 or later, in a container with a seccomp profile that allows them", e)
	}
	if int(sizes[0]) < int(unsafe.Sizeof(notification{})) ||
		int(sizes[1]) < int(unsafe.Sizeof(response{})) ||
		sizes[2] < 64 {
		return fmt.Errorf("seccomp notifications: unknown sizes %v", sizes)
	}
	if int(sizes[0]) > notifRoom {
		return fmt.Errorf("seccomp notifications of %d bytes, want at most %d", sizes[0], notifRoom)
	}
	return nil
}

func send(fd int, r *response) error {
	_, err := ioctl(fd, notifSend, unsafe.Pointer(r))
	return err
}

// valid says whether the caller still waits, so that its thread id is its
// own and what was read of it was its.
func valid(fd int, id uint64) bool {
	_, err := ioctl(fd, notifIDValid, unsafe.Pointer(&id))
	return err == nil
}

// sendFD answers a notification by giving the caller a descriptor.
func sendFD(fd int, id uint64, src int) error {
	a := addFD{ID: id, Flags: addFDSend, SrcFD: uint32(src), NewFDFlags: unix.O_CLOEXEC}
	_, err := ioctl(fd, notifAddFD, unsafe.Pointer(&a))
	return err
}
