// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// Opening a device is asked about; all else passes. The path is looked up
// here for that, below the caller's root, and again by the kernel, which a
// caller can use to open another thing than was looked at.

// doOpen answers open, creat and openat; args are where the directory (-1
// for none), the path and the flags are.
func doOpen(dir, path, flags int) func(*call) answer {
	return func(c *call) answer {
		mode := uint64(unix.O_WRONLY) // creat
		if flags >= 0 {
			mode = c.n.Args[flags]
		}
		at := unix.AT_FDCWD
		if dir >= 0 {
			at = c.arg(dir)
		}
		return c.open(at, c.n.Args[path], mode)
	}
}

func doOpenat2(c *call) answer {
	how, err := c.read(c.n.Args[2], 8)
	if err != nil {
		return answer{cont: true} // the kernel says what is wrong
	}
	return c.open(c.arg(0), c.n.Args[1], binary.NativeEndian.Uint64(how))
}

func (c *call) open(at int, addr, flags uint64) answer {
	path, err := c.path(addr)
	if err != nil {
		return answer{cont: true}
	}
	var st unix.Stat_t
	if !c.look(at, path, flags, &st) {
		return answer{cont: true}
	}
	kind := st.Mode & unix.S_IFMT
	if kind != unix.S_IFCHR && kind != unix.S_IFBLK {
		return answer{cont: true}
	}
	req := uint64(kern.ReqDeviceRawioSpecRead)
	switch flags & unix.O_ACCMODE {
	case unix.O_WRONLY:
		req = kern.ReqDeviceRawioSpecWrite
	case unix.O_RDWR:
		req = kern.ReqDeviceRawioSpecRw
	}
	return pass(c.ask(func(k kern.Proc) error { return k.Spec(req, kind == unix.S_IFBLK, st.Rdev) }))
}

// path reads a path of the caller, page by page, for it may end at the end
// of what is mapped.
func (c *call) path(addr uint64) (string, error) {
	var all []byte
	for len(all) < unix.PathMax {
		n := 256 - int(addr%256)
		b, err := c.read(addr, n)
		if err != nil {
			return "", err
		}
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return string(append(all, b[:i]...)), nil
		}
		all = append(all, b...)
		addr += uint64(n)
	}
	return "", unix.ENAMETOOLONG
}

// inside is the path of a directory of a process from its root.
func inside(tid int, base string) (string, bool) {
	root, err := os.Readlink(procPath(tid, "root"))
	if err != nil {
		return "", false
	}
	dir, err := os.Readlink(procPath(tid, base))
	if err != nil || !strings.HasPrefix(dir, "/") {
		return "", false
	}
	if root == "/" {
		return dir, true
	}
	in, ok := strings.CutPrefix(dir, root)
	return in, ok && (in == "" || in[0] == '/')
}

// look finds what a path means to the caller; false where it means nothing,
// or one of its own descriptors.
func (c *call) look(at int, path string, flags uint64, st *unix.Stat_t) bool {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | flags&unix.O_NOFOLLOW, Resolve: unix.RESOLVE_NO_MAGICLINKS}
	base := "cwd"
	if at != unix.AT_FDCWD {
		base = "fd/" + strconv.Itoa(at)
	}
	found := false
	_ = reach(c.st.IDs, func() error {
		base, path := base, path
		absolute := len(path) > 0 && path[0] == '/'
		if !absolute {
			// By its way from the root, for the sake of links to there.
			if in, ok := inside(int(c.n.TID), base); ok {
				path, absolute = in+"/"+path, true
			}
		}
		if absolute {
			base = "root"
			how.Resolve |= unix.RESOLVE_IN_ROOT
		}
		from, err := unix.Open(procPath(int(c.n.TID), base), unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(from)
		fd, err := unix.Openat2(from, path, &how)
		if err != nil {
			return nil
		}
		defer unix.Close(fd)
		found = unix.Fstat(fd, st) == nil
		return nil
	})
	return found
}
