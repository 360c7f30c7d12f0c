// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bindUnix binds a unix socket where its caller would: below the caller's
// root and directory, with its ids and mask. It can't be left to the kernel,
// because the caller could put an inet socket and address in place.
func (c *call) bindUnix(s *sock, addr []byte) error {
	if len(addr) <= 2 || addr[2] == 0 {
		return s.bind(addr) // none, or an abstract name
	}
	const how = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	root, cwd := -1, -1
	err := reach(c.st.IDs, func() (err error) {
		root, err = unix.Open(procPath(int(c.n.TID), "root"), how, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(root)
	err = reach(c.st.IDs, func() (err error) {
		cwd, err = unix.Open(procPath(int(c.n.TID), "cwd"), how, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(cwd)
	if !valid(c.l.fd, c.n.ID) {
		return unix.ESRCH
	}
	done := make(chan error)
	go func() {
		// For good: a thread that has changed so is not given back.
		runtime.LockOSThread()
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_FS); err != nil {
				return err
			}
			if err := unix.Fchdir(root); err != nil {
				return err
			}
			if err := unix.Chroot("."); err != nil {
				return err
			}
			if err := unix.Fchdir(cwd); err != nil {
				return err
			}
			if err := asFileUser(&c.st); err != nil {
				return err
			}
			unix.Umask(c.st.Umask)
			return s.bind(addr)
		}()
	}()
	return <-done
}

// asFileUser gives this thread alone the ids that files are judged by.
func asFileUser(st *status) error {
	groups := make([]uint32, len(st.Groups)+1)
	for i, g := range st.Groups {
		groups[i] = uint32(g)
	}
	own := unix.Geteuid() == int(st.IDs.UID[1]) && unix.Getegid() == int(st.IDs.GID[1])
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(st.Groups)), uintptr(unsafe.Pointer(&groups[0])), 0); e != 0 && !own {
		return e
	}
	_, _, _ = unix.RawSyscall(unix.SYS_SETFSGID, uintptr(st.IDs.GID[1]), 0, 0)
	_, _, _ = unix.RawSyscall(unix.SYS_SETFSUID, uintptr(st.IDs.UID[1]), 0, 0)
	// They answer the ids as they were; a second time tells.
	gid, _, _ := unix.RawSyscall(unix.SYS_SETFSGID, ^uintptr(0), 0, 0)
	uid, _, _ := unix.RawSyscall(unix.SYS_SETFSUID, ^uintptr(0), 0, 0)
	if uint32(gid) != st.IDs.GID[1] || uint32(uid) != st.IDs.UID[1] {
		return unix.EPERM
	}
	return nil
}
