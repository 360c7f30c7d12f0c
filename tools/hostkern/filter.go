// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import "golang.org/x/sys/unix"

const (
	archAMD64 = 0xc000003e
	x32Bit    = 0x40000000

	// The first system call that is not known here: what it can do, nobody
	// has looked at. The numbers of x32 are above it.
	firstUnknown = unix.SYS_OPEN_TREE_ATTR

	cloneNew = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS |
		unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID |
		unix.CLONE_NEWNET | unix.CLONE_NEWTIME
)

// System calls that have no counterpart that NetBSD could be asked about;
// a jailed process does without them.
var refused = []struct {
	nr    uintptr
	errno unix.Errno
}{
	{unix.SYS_IO_URING_SETUP, unix.ENOSYS}, // seccomp doesn't see what rings do
	{unix.SYS_IO_URING_ENTER, unix.ENOSYS},
	{unix.SYS_IO_URING_REGISTER, unix.ENOSYS},
	{unix.SYS_CLONE3, unix.ENOSYS}, // flags in memory; libc falls back
	{unix.SYS_USERFAULTFD, unix.ENOSYS},
	{unix.SYS_KEYCTL, unix.ENOSYS},
	{unix.SYS_ADD_KEY, unix.ENOSYS},
	{unix.SYS_REQUEST_KEY, unix.ENOSYS},
	{unix.SYS_SETNS, unix.EPERM},
	{unix.SYS_FANOTIFY_INIT, unix.EPERM},
	{unix.SYS_PROCESS_MADVISE, unix.EPERM},
	{unix.SYS_PROCESS_MRELEASE, unix.EPERM},
	{unix.SYS_REMAP_FILE_PAGES, unix.ENOSYS},
	{unix.SYS_USELIB, unix.ENOSYS},
	{unix.SYS_NFSSERVCTL, unix.ENOSYS},
}

// Those of which every call is asked about.
var asked = []uintptr{
	unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_CONNECT,
	unix.SYS_SENDMSG, unix.SYS_SENDMMSG, unix.SYS_SOCKET,
	unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_RT_SIGQUEUEINFO,
	unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_PIDFD_SEND_SIGNAL,
	unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD,
	unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
	unix.SYS_PTRACE, unix.SYS_KCMP,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN,
	unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK,
	unix.SYS_OPEN_TREE, unix.SYS_MOUNT_SETATTR, unix.SYS_PIVOT_ROOT,
	unix.SYS_REBOOT, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX,
	unix.SYS_CLOCK_ADJTIME,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
	unix.SYS_CREATE_MODULE,
	unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT,
	unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME,
	unix.SYS_SETPRIORITY, unix.SYS_IOPRIO_SET,
	unix.SYS_SCHED_SETPARAM, unix.SYS_SCHED_SETSCHEDULER,
	unix.SYS_SCHED_SETATTR, unix.SYS_SCHED_SETAFFINITY,
	unix.SYS_SETRLIMIT, unix.SYS_CHROOT,
	unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL,
	unix.SYS_SEMGET, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP, unix.SYS_SEMCTL,
	unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL,
	unix.SYS_MQ_UNLINK,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN,
	unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_NAME_TO_HANDLE_AT,
	unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD,
	unix.SYS_IOPERM, unix.SYS_IOPL, unix.SYS_MODIFY_LDT,
	unix.SYS_VHANGUP,
	unix.SYS_FORK, unix.SYS_VFORK, unix.SYS_EXIT_GROUP,
}

// Those that take a process id, of which 0 (oneself) is nobody's business.
var askedOfOthers = []uintptr{
	unix.SYS_SCHED_GETAFFINITY, unix.SYS_SCHED_GETPARAM,
	unix.SYS_SCHED_GETSCHEDULER, unix.SYS_SCHED_GETATTR,
	unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES,
}

// Requests of ioctl(2) that are asked about, by their low half.
var askedIoctls = []uint32{
	unix.TIOCSTI, unix.TIOCCONS,
	unix.SIOCADDRT, unix.SIOCDELRT, unix.SIOCSARP, unix.SIOCDARP,
	unix.SIOCSIFLINK, unix.SIOCSIFFLAGS, unix.SIOCSIFADDR,
	unix.SIOCSIFDSTADDR, unix.SIOCSIFBRDADDR, unix.SIOCSIFNETMASK,
	unix.SIOCSIFMETRIC, unix.SIOCSIFMTU, unix.SIOCSIFNAME,
	unix.SIOCSIFHWADDR, unix.SIOCSIFHWBROADCAST, unix.SIOCSIFTXQLEN,
	unix.SIOCSIFMAP, unix.SIOCADDMULTI, unix.SIOCDELMULTI,
	unix.SIOCDIFADDR, unix.SIOCETHTOOL,
	unix.SIOCBRADDBR, unix.SIOCBRDELBR,
	unix.TUNSETIFF,
	unix.RNDADDENTROPY, unix.RNDADDTOENTCNT, unix.RNDCLEARPOOL,
	unix.RNDZAPENTCNT, unix.RNDGETPOOL,
	unix.FS_IOC_SETFLAGS,
}

const fioSetown = 0x8901 // FIOSETOWN

// Requests of ioctl(2) that reach the whole host and that NetBSD has not:
// file systems freeze, thaw, trim and stop, interfaces get VLANs and bonds.
var refusedIoctls = []uint32{
	0xc0045877, 0xc0045878, 0xc0185879, // FIFREEZE, FITHAW, FITRIM
	0x8004587d,                                       // a file system's SHUTDOWN
	unix.SIOCSIFVLAN, 0x8990, 0x8991, 0x8992, 0x8995, // SIOCBOND*
	0x89b0, // SIOCSHWTSTAMP
}

// Options of setsockopt(2) that are asked about: level and name.
var askedOptions = [][2]uint32{
	{unix.SOL_IP, unix.IP_TRANSPARENT}, {unix.SOL_IP, unix.IP_FREEBIND},
	{unix.SOL_IP, unix.IP_IPSEC_POLICY}, {unix.SOL_IP, unix.IP_XFRM_POLICY},
	{unix.SOL_IP, 64}, {unix.SOL_IP, 65}, // a packet filter's table, its counters
	{unix.SOL_IPV6, unix.IPV6_TRANSPARENT}, {unix.SOL_IPV6, unix.IPV6_FREEBIND},
	{unix.SOL_IPV6, unix.IPV6_IPSEC_POLICY}, {unix.SOL_IPV6, unix.IPV6_XFRM_POLICY},
	{unix.SOL_IPV6, unix.IPV6_HOPOPTS}, {unix.SOL_IPV6, unix.IPV6_RTHDR},
	{unix.SOL_IPV6, unix.IPV6_DSTOPTS},
	{unix.SOL_IPV6, 64}, {unix.SOL_IPV6, 65},
}

// makeFilter is what a process installs before it enters a jail. pid is
// that process: its threads must be able to preempt each other between the
// filter's installation and the hand-over of the listener, so SIGURG from
// one thread of it to another is nobody's business. opens lets it ask when
// a file is opened.
func makeFilter(pid int, opens bool) program {
	start := program{
		load(offArch),
		unless(opEqual, archAMD64, 1),
		ret(retErrno | uint32(unix.ENOSYS)),
		load(offNr),
		when(opGE, firstUnknown, 1),
		ret(retErrno | uint32(unix.ENOSYS)),
	}
	var p blocks
	notify, allow := ret(retNotify), ret(retAllow)
	refuse := func(e unix.Errno) unix.SockFilter { return ret(retErrno | uint32(e)) }

	// A directory is no device, nor is a new file, and O_PATH opens neither.
	// O_EXCL alone is of a device no other has open.
	if opens {
		open := func(flags int) []unix.SockFilter {
			return []unix.SockFilter{
				low(flags), when(opSet, unix.O_DIRECTORY|unix.O_PATH, 1), allow,
				when(opSet, unix.O_CREAT, 2), when(opSet, unix.O_EXCL, 1), allow,
				notify,
			}
		}
		p.on(unix.SYS_OPENAT, open(2)...)
		p.on(unix.SYS_OPEN, open(1)...)
		p.on(unix.SYS_CREAT)
		p.on(unix.SYS_OPENAT2)
	}
	p.on(unix.SYS_SENDTO, // only with an address
		low(4), when(opEqual, 0, 3), high(4), when(opEqual, 0, 1),
		allow, notify)
	p.on(unix.SYS_CLONE,
		low(0),
		when(opSet, cloneNew&^unix.CLONE_NEWTIME|unix.CLONE_PARENT, 1), refuse(unix.EPERM),
		when(opSet, unix.CLONE_THREAD, 3),
		when(opSet, unix.CLONE_FILES, 1), allow, refuse(unix.EINVAL),
		notify)
	p.on(unix.SYS_TGKILL,
		low(2), when(opEqual, uint32(unix.SIGURG), 3),
		low(0), when(opEqual, uint32(pid), 1), allow,
		notify)
	p.on(unix.SYS_PRLIMIT64, // to read one's own
		low(2), when(opEqual, 0, 5), high(2), when(opEqual, 0, 3),
		low(0), when(opEqual, 0, 1), allow,
		notify)
	p.on(unix.SYS_UNSHARE,
		low(0), when(opSet, cloneNew|unix.CLONE_FILES, 1), refuse(unix.EPERM),
		allow)
	p.on(unix.SYS_SYSLOG, // to clear the kernel's messages, and what the console shows
		low(0), when(opGE, 9, 1), allow,
		when(opGE, 4, 1), refuse(unix.EPERM),
		allow)
	device := func(arg int) []unix.SockFilter {
		return []unix.SockFilter{
			low(arg), mask(unix.S_IFMT),
			unless(opEqual, unix.S_IFCHR, 2), unless(opEqual, unix.S_IFBLK, 1),
			allow, notify,
		}
	}
	p.on(unix.SYS_MKNOD, device(1)...)
	p.on(unix.SYS_MKNODAT, device(2)...)
	// Who is told of input and output by a signal; which one and whose
	// thread, NetBSD does not know, nor do programs of today say it by ioctl.
	p.on(unix.SYS_FCNTL,
		low(1), when(opEqual, unix.F_SETOWN, 1), notify,
		when(opEqual, unix.F_SETSIG, 1), refuse(unix.EINVAL),
		when(opEqual, unix.F_SETOWN_EX, 1), refuse(unix.EINVAL),
		allow)
	ioctl := []unix.SockFilter{low(1),
		when(opEqual, fioSetown, 1), refuse(unix.EINVAL),
		when(opEqual, unix.SIOCSPGRP, 1), refuse(unix.EINVAL)}
	for _, r := range refusedIoctls {
		ioctl = append(ioctl, when(opEqual, r, 1), refuse(unix.EPERM))
	}
	for _, r := range askedIoctls {
		ioctl = append(ioctl, when(opEqual, r, 1), notify)
	}
	p.on(unix.SYS_IOCTL, append(ioctl, allow)...)
	option := []unix.SockFilter{}
	for _, o := range askedOptions {
		option = append(option, low(1), when(opEqual, o[0], 3),
			low(2), when(opEqual, o[1], 1), notify)
	}
	p.on(unix.SYS_SETSOCKOPT, append(option, allow)...)
	for _, nr := range askedOfOthers {
		p.on(nr, low(0), when(opEqual, 0, 1), allow, notify)
	}
	for _, r := range refused {
		p.on(r.nr, refuse(r.errno))
	}
	for _, nr := range asked {
		p.on(nr)
	}
	return append(start, p.program(allow)...)
}
