// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// interpret runs a filter as the kernel does.
func interpret(t *testing.T, p program, nr, arch uint32, args ...uint64) uint32 {
	t.Helper()
	data := binary.NativeEndian.AppendUint32(nil, nr)
	data = binary.NativeEndian.AppendUint32(data, arch)
	data = binary.NativeEndian.AppendUint64(data, 0)
	for i := range 6 {
		var a uint64
		if i < len(args) {
			a = args[i]
		}
		data = binary.NativeEndian.AppendUint64(data, a)
	}
	var acc uint32
	for pc := 0; pc < len(p); pc++ {
		i := p[pc]
		jump := func(ok bool) {
			if ok {
				pc += int(i.Jt)
			} else {
				pc += int(i.Jf)
			}
		}
		switch i.Code {
		case opLoad:
			acc = binary.NativeEndian.Uint32(data[i.K:])
		case opAnd:
			acc &= i.K
		case opEqual:
			jump(acc == i.K)
		case opGE:
			jump(acc >= i.K)
		case opSet:
			jump(acc&i.K != 0)
		case opJump:
			pc += int(i.K)
		case opRet:
			return i.K
		default:
			t.Fatalf("instruction %d: code %#x", pc, i.Code)
		}
	}
	t.Fatal("the filter does not end")
	return 0
}

func TestFilter(t *testing.T) {
	const pid = 4242
	p := makeFilter(pid, true)
	if len(p) > 4096 {
		t.Fatalf("%d instructions", len(p))
	}
	refuse := func(e unix.Errno) uint32 { return retErrno | uint32(e) }
	for _, c := range []struct {
		name string
		want uint32
		nr   uintptr
		args []uint64
	}{
		{"read", retAllow, unix.SYS_READ, nil},
		{"accept4", retAllow, unix.SYS_ACCEPT4, nil},
		{"bind", retNotify, unix.SYS_BIND, nil},
		{"sendto, no address", retAllow, unix.SYS_SENDTO, []uint64{3, 1, 1, 0, 0, 0}},
		{"sendto, an address", retNotify, unix.SYS_SENDTO, []uint64{3, 1, 1, 0, 1, 16}},
		{"sendto, a high address", retNotify, unix.SYS_SENDTO, []uint64{3, 1, 1, 0, 1 << 40, 16}},
		{"a thread", retAllow, unix.SYS_CLONE, []uint64{unix.CLONE_THREAD | unix.CLONE_FILES | unix.CLONE_VM}},
		{"a thread of its own descriptors", refuse(unix.EINVAL), unix.SYS_CLONE, []uint64{unix.CLONE_THREAD | unix.CLONE_VM}},
		{"a process", retNotify, unix.SYS_CLONE, []uint64{uint64(unix.SIGCHLD)}},
		{"vfork by clone", retNotify, unix.SYS_CLONE, []uint64{unix.CLONE_VFORK | unix.CLONE_VM | uint64(unix.SIGCHLD)}},
		{"a sibling", refuse(unix.EPERM), unix.SYS_CLONE, []uint64{unix.CLONE_PARENT}},
		{"a namespace", refuse(unix.EPERM), unix.SYS_CLONE, []uint64{unix.CLONE_NEWUSER}},
		{"clone3", refuse(unix.ENOSYS), unix.SYS_CLONE3, nil},
		{"preemption", retAllow, unix.SYS_TGKILL, []uint64{pid, 1, uint64(unix.SIGURG)}},
		{"another's preemption", retNotify, unix.SYS_TGKILL, []uint64{pid + 1, 1, uint64(unix.SIGURG)}},
		{"another signal", retNotify, unix.SYS_TGKILL, []uint64{pid, 1, uint64(unix.SIGTERM)}},
		{"own limit", retAllow, unix.SYS_PRLIMIT64, []uint64{0, 7, 0, 1}},
		{"own limit set", retNotify, unix.SYS_PRLIMIT64, []uint64{0, 7, 1, 0}},
		{"own limit set from high", retNotify, unix.SYS_PRLIMIT64, []uint64{0, 7, 1 << 32, 0}},
		{"another's limit", retNotify, unix.SYS_PRLIMIT64, []uint64{7, 7, 0, 1}},
		{"unshare files", refuse(unix.EPERM), unix.SYS_UNSHARE, []uint64{unix.CLONE_FILES}},
		{"unshare fs", retAllow, unix.SYS_UNSHARE, []uint64{unix.CLONE_FS}},
		{"unshare net", refuse(unix.EPERM), unix.SYS_UNSHARE, []uint64{unix.CLONE_NEWNET}},
		{"mknod fifo", retAllow, unix.SYS_MKNOD, []uint64{1, unix.S_IFIFO | 0o600}},
		{"mknod char", retNotify, unix.SYS_MKNOD, []uint64{1, unix.S_IFCHR | 0o600}},
		{"mknodat block", retNotify, unix.SYS_MKNODAT, []uint64{1, 1, unix.S_IFBLK | 0o600}},
		{"tiocsti", retNotify, unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}},
		{"tiocsti, high bits", retNotify, unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI | 1<<32}},
		{"freeze", refuse(unix.EPERM), unix.SYS_IOCTL, []uint64{3, 0xc0045877}},
		{"freeze, high bits", refuse(unix.EPERM), unix.SYS_IOCTL, []uint64{3, 0xc0045877 | 1<<32}},
		{"tcgets", retAllow, unix.SYS_IOCTL, []uint64{0, unix.TCGETS}},
		{"nodelay", retAllow, unix.SYS_SETSOCKOPT, []uint64{3, unix.IPPROTO_TCP, unix.TCP_NODELAY}},
		{"transparent", retNotify, unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_IP, unix.IP_TRANSPARENT}},
		{"own affinity", retAllow, unix.SYS_SCHED_GETAFFINITY, []uint64{0}},
		{"another's affinity", retNotify, unix.SYS_SCHED_GETAFFINITY, []uint64{1}},
		{"io_uring", refuse(unix.ENOSYS), unix.SYS_IO_URING_SETUP, nil},
		{"a call of a later kernel", refuse(unix.ENOSYS), unix.SYS_FILE_SETATTR, nil},
		{"who is signalled", retNotify, unix.SYS_FCNTL, []uint64{3, unix.F_SETOWN, 7}},
		{"by which signal", refuse(unix.EINVAL), unix.SYS_FCNTL, []uint64{3, unix.F_SETSIG, 9}},
		{"which thread is signalled", refuse(unix.EINVAL), unix.SYS_FCNTL, []uint64{3, unix.F_SETOWN_EX, 1}},
		{"who is signalled, by ioctl", refuse(unix.EINVAL), unix.SYS_IOCTL, []uint64{3, fioSetown, 1}},
		{"flags", retAllow, unix.SYS_FCNTL, []uint64{3, unix.F_GETFL}},
		{"read the kernel's messages", retAllow, unix.SYS_SYSLOG, []uint64{3}},
		{"clear the kernel's messages", refuse(unix.EPERM), unix.SYS_SYSLOG, []uint64{5}},
		{"set what the console shows", refuse(unix.EPERM), unix.SYS_SYSLOG, []uint64{8}},
		{"the messages' size", retAllow, unix.SYS_SYSLOG, []uint64{10}},
		{"x32", refuse(unix.ENOSYS), unix.SYS_GETPID | x32Bit, nil},
		{"open", retNotify, unix.SYS_OPENAT, []uint64{0, 1, 0}},
		{"open a directory", retAllow, unix.SYS_OPENAT, []uint64{0, 1, unix.O_DIRECTORY}},
		{"open a path", retAllow, unix.SYS_OPEN, []uint64{0, unix.O_PATH}},
		{"open a new file", retAllow, unix.SYS_OPENAT, []uint64{0, 1, unix.O_CREAT | unix.O_EXCL | unix.O_WRONLY}},
		{"open or make a file", retNotify, unix.SYS_OPEN, []uint64{0, unix.O_CREAT | unix.O_WRONLY}},
		{"open a disk for itself", retNotify, unix.SYS_OPENAT, []uint64{0, 1, unix.O_EXCL | unix.O_RDWR}},
	} {
		if got := interpret(t, p, uint32(c.nr), archAMD64, c.args...); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, got, c.want)
		}
	}
	if got := interpret(t, p, 20, 0x40000003); got != refuse(unix.ENOSYS) {
		t.Errorf("i386: %#x", got)
	}
	if got := interpret(t, makeFilter(pid, false), unix.SYS_OPENAT, archAMD64); got != retAllow {
		t.Errorf("open with --no-opens: %#x", got)
	}
}

// Whatever the filter lets wait is answered.
func TestQuestionsComplete(t *testing.T) {
	p := makeFilter(1, true)
	for nr := range uint32(512) {
		for _, args := range [][]uint64{{}, {1, 1, 1, 1, 1, 1}, {1, unix.S_IFCHR, unix.S_IFCHR}, {0, unix.TIOCSTI}, {0, unix.SOL_IP, unix.IP_FREEBIND}, {0, unix.F_SETOWN}} {
			if interpret(t, p, nr, archAMD64, args...) == retNotify && questions[uintptr(nr)] == nil {
				t.Errorf("nobody answers call %d", nr)
			}
		}
	}
	for nr := range questions {
		found := false
		for i := range p {
			found = found || p[i].Code == opEqual && p[i].K == uint32(nr)
		}
		if !found {
			t.Errorf("call %d is never asked", nr)
		}
	}
}

func TestParse(t *testing.T) {
	st, err := parseStatus([]byte("Name:\tx y\nUmask:\t0022\nState:\tZ (zombie)\nTgid:\t7\nPid:\t7\nPPid:\t3\nTracerPid:\t9\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t4 20 \nSeccomp:\t2\n"))
	if err != nil || st.TGID != 7 || st.PPID != 3 || st.Tracer != 9 || st.State != 'Z' || st.IDs.UID != [3]uint32{1, 2, 3} ||
		st.IDs.GID != [3]uint32{5, 6, 7} || len(st.Groups) != 2 || st.Seccomp != 2 || st.Umask != 0o22 {
		t.Errorf("%+v, %v", st, err)
	}
	s, err := parseStat([]byte("7 (a) b (c) S 3 4 5 34816 7 0 0 0 0 0 11 12 0 0 20 -5 3 0 99 8192 2 1 1 1\n"))
	if err != nil || s.Command != "a) b (c" || s.State != 'S' || s.PPID != 3 || s.PGRP != 4 || s.Session != 5 || s.TTY != 34816 ||
		s.User != 11 || s.System != 12 || s.Nice != -5 || s.Threads != 3 || s.Start != 99 || s.VSize != 8192 || s.RSS != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	i, err := parseFdinfo([]byte("pos:\t0\nflags:\t02000002\nmnt_id:\t9\nPid:\t-1\n"))
	if err != nil || i.flags&unix.O_CLOEXEC == 0 || i.pid != -1 {
		t.Errorf("%+v, %v", i, err)
	}
	n, err := parseNet([]byte("  sl  local_address rem_address   st\n" +
		"   0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 77 1\n" +
		"   1: 0100007F:1F91 0100007F:0001 01 0:0 0:0 0 0 0 78 1\n" +
		"   2: 0100007F:1F92 0100007F:0001 06 0:0 0:0 0 0 0 0 1\n"))
	if err != nil || !slices.Equal(n, []netSocket{{8080, 77}, {8081, 78}}) {
		t.Errorf("%+v, %v", n, err)
	}
	for _, c := range []struct {
		s           string
		first, last int
	}{{"1024\t2000\n", 1024, 2000}, {"", 1, 2}, {"9 8", 1, 2}, {"0 8", 1, 2}, {"a b", 1, 2}, {"1 70000", 1, 2}} {
		if a, b := parsePortRange(c.s, 1, 2); a != c.first || b != c.last {
			t.Errorf("%q: %d %d", c.s, a, b)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("7 (a) S 3 4 5 6 7 0 0 0 0 0 11 12 0 0 20 -5 3 0 99 8192 2"))
	f.Add([]byte("Tgid:\t1\nUid:\t1 2 3 4\nGroups:\t"))
	f.Add([]byte("flags:\t02\nPid:\t7"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseStat(b); err == nil && len(s.Command) > len(b) {
			t.Error("a command out of nothing")
		}
		if s, err := parseStatus(b); err == nil && s.TGID == 0 {
			t.Error("no thread group")
		}
		_, _ = parseFdinfo(b)
		_, _ = parseNet(b)
		_, _ = parseEvent(b)
		_, _ = parsePortRange(string(b), 1, 2)
	})
}

func TestRequests(t *testing.T) {
	for domain, want := range map[[3]int]string{
		{unix.AF_INET, unix.SOCK_STREAM, 0}:    "2 1 true",
		{unix.AF_INET6, unix.SOCK_DGRAM, 0}:    "24 2 true",
		{unix.AF_INET, unix.SOCK_PACKET, 0}:    "2 3 true",
		{unix.AF_NETLINK, unix.SOCK_DGRAM, 0}:  "34 3 true",
		{unix.AF_NETLINK, unix.SOCK_DGRAM, 12}: "29 3 true",
		{unix.AF_PACKET, unix.SOCK_DGRAM, 0}:   "18 3 true",
		{unix.AF_VSOCK, unix.SOCK_STREAM, 0}:   "0 0 false",
	} {
		d, s, ok := netbsdDomain(domain[0], domain[1], domain[2])
		if got := fmt.Sprint(d, s, ok); got != want {
			t.Errorf("%v: %s, want %s", domain, got, want)
		}
	}
	if i := netbsdLimit(unix.RLIMIT_NOFILE); i != 8 {
		t.Errorf("open files are %d", i)
	}
	if toLinux(netbsdInfinity) != unix.RLIM_INFINITY || toNetBSD(unix.RLIM_INFINITY) != netbsdInfinity || toLinux(5) != 5 {
		t.Error("no limit is not no limit")
	}
}
