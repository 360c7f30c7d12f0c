// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// fdinfo is what hostkern wants of /proc/PID/fdinfo/FD.
type fdinfo struct {
	flags int
	pid   int // of a pidfd; 0 for none, -1 for one that has ended
}

func parseFdinfo(b []byte) (fdinfo, error) {
	var i fdinfo
	ok := false
	for line := range bytes.Lines(b) {
		key, value, _ := strings.Cut(string(line), ":")
		value = strings.TrimSpace(value)
		switch key {
		case "flags":
			n, err := strconv.ParseUint(value, 8, 32)
			if err != nil {
				return i, fmt.Errorf("flags: %w", err)
			}
			i.flags, ok = int(n), true
		case "Pid":
			n, err := strconv.Atoi(value)
			if err != nil {
				return i, fmt.Errorf("pid: %w", err)
			}
			i.pid = n
		}
	}
	if !ok {
		return i, fmt.Errorf("no flags in it")
	}
	return i, nil
}

func readFdinfo(pid, fd int) (fdinfo, error) {
	b, err := readFile(procPath(pid, "fdinfo/"+strconv.Itoa(fd)))
	if err != nil {
		return fdinfo{}, err
	}
	return parseFdinfo(b)
}

// readFDs reads what a process has open, but for one descriptor. What it
// returns, with an error too, has directories open; see closeDirectories.
func readFDs(p *process, except int) ([]kern.FD, error) {
	fds, err := numbers(procPath(p.pid, "fd"))
	if err != nil {
		return nil, err
	}
	var all []kern.FD
	for _, fd := range fds {
		if fd == except {
			continue
		}
		path := procPath(p.pid, "fd/"+strconv.Itoa(fd))
		link, err := os.Readlink(path)
		if err != nil {
			if os.IsNotExist(err) {
				continue // closed meanwhile
			}
			return all, err
		}
		info, err := readFdinfo(p.pid, fd)
		if err != nil {
			if os.IsNotExist(err) {
				continue
			}
			return all, err
		}
		k := kern.FD{FD: fd, DirFD: -1, CloseOnExec: info.flags&unix.O_CLOEXEC != 0}
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			if err == unix.ENOENT {
				continue
			}
			return all, err
		}
		k.Mode, k.Dev, k.Ino, k.Rdev = st.Mode, st.Dev, st.Ino, st.Rdev
		k.Type = fdType(link)
		if k.Type == kern.FDSocket {
			own, err := unix.PidfdGetfd(p.pidfd(), fd, 0)
			if err == unix.EBADF {
				continue // closed by another thread, like those above
			}
			if err != nil {
				return all, fmt.Errorf("descriptor %d of process %d: %w", fd, p.pid, err)
			}
			domain, _ := unix.GetsockoptInt(own, unix.SOL_SOCKET, unix.SO_DOMAIN)
			stype, _ := unix.GetsockoptInt(own, unix.SOL_SOCKET, unix.SO_TYPE)
			protocol, _ := unix.GetsockoptInt(own, unix.SOL_SOCKET, unix.SO_PROTOCOL)
			k.Port = keptPort(own, domain, stype)
			unix.Close(own)
			var known bool
			if k.Family, k.SType, known = netbsdDomain(domain, stype, protocol); !known {
				k.Family, k.SType = netbsdKEY, unix.SOCK_RAW
			}
			k.Protocol = protocol
		}
		if k.Type == kern.FDVnode && st.Mode&unix.S_IFMT == unix.S_IFDIR {
			d, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
			if err == nil {
				k.DirFD = d
			}
		}
		all = append(all, k)
	}
	return all, nil
}

// keptPort is the port that a socket keeps from others, or 0; of TCP a
// connection keeps none.
func keptPort(fd, domain, stype int) uint16 {
	if domain != unix.AF_INET && domain != unix.AF_INET6 {
		return 0
	}
	if stype == unix.SOCK_STREAM {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil && info.State != unix.BPF_TCP_CLOSE && info.State != unix.BPF_TCP_LISTEN {
			return 0
		}
	}
	return boundPort(fd)
}

func closeDirectories(fds []kern.FD) {
	for _, k := range fds {
		if k.DirFD != -1 {
			unix.Close(k.DirFD)
		}
	}
}

// fdType is what a link of /proc/PID/fd says that a descriptor is.
func fdType(link string) kern.FDType {
	kind, _, found := strings.Cut(link, ":")
	switch {
	case strings.HasPrefix(link, "/"), !found:
		return kern.FDVnode
	case kind == "socket":
		return kern.FDSocket
	case kind == "pipe":
		return kern.FDPipe
	case link == "anon_inode:[eventpoll]":
		return kern.FDKqueue
	case link == "anon_inode:[eventfd]":
		return kern.FDEvent
	case link == "anon_inode:[timerfd]":
		return kern.FDTimer
	}
	return kern.FDOther
}
