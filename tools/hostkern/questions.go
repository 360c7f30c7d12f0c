// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// questions has, for each system call that the filter lets wait, the
// question that NetBSD's kernel asks in its place.
var questions map[uintptr]func(*call) answer

func init() {
	questions = map[uintptr]func(*call) answer{
		unix.SYS_FORK: doFork, unix.SYS_VFORK: doFork, unix.SYS_CLONE: doFork,
		unix.SYS_EXIT_GROUP: doExit,
		unix.SYS_OPEN:       doOpen(-1, 0, 1), unix.SYS_CREAT: doOpen(-1, 0, -1),
		unix.SYS_OPENAT: doOpen(0, 1, 2), unix.SYS_OPENAT2: doOpenat2,

		unix.SYS_SOCKET: doSocket, unix.SYS_BIND: doBind,
		unix.SYS_CONNECT: doConnect, unix.SYS_LISTEN: doListen,
		unix.SYS_SENDTO: doSend, unix.SYS_SENDMSG: doSend, unix.SYS_SENDMMSG: doSend,
		unix.SYS_SETSOCKOPT: doSetsockopt,

		unix.SYS_KILL: doKill, unix.SYS_TKILL: doTkill, unix.SYS_TGKILL: doTgkill,
		unix.SYS_RT_SIGQUEUEINFO: doSigqueue, unix.SYS_RT_TGSIGQUEUEINFO: doTgsigqueue,
		unix.SYS_PIDFD_SEND_SIGNAL: doPidfdSignal,
		unix.SYS_PIDFD_OPEN:        doPidfdOpen, unix.SYS_PIDFD_GETFD: doPidfdGetfd,
		unix.SYS_FCNTL:  doSetown,
		unix.SYS_PTRACE: doPtrace, unix.SYS_KCMP: doKcmp,
		unix.SYS_PROCESS_VM_READV:  doVM(ptReadD),
		unix.SYS_PROCESS_VM_WRITEV: doVM(ptWriteD),
		unix.SYS_MIGRATE_PAGES:     doVM(ptWriteD), unix.SYS_MOVE_PAGES: doVM(ptWriteD),

		unix.SYS_SETPRIORITY: doSetpriority, unix.SYS_IOPRIO_SET: doIoprio,
		unix.SYS_SCHED_SETPARAM: doSchedSetparam, unix.SYS_SCHED_SETSCHEDULER: doSchedSetscheduler,
		unix.SYS_SCHED_SETATTR: doSchedSetattr, unix.SYS_SCHED_SETAFFINITY: doSchedSetaffinity,
		unix.SYS_SCHED_GETAFFINITY:  doSchedGet(kern.ProcessSchedulerGetaffinity),
		unix.SYS_SCHED_GETPARAM:     doSchedGet(kern.ProcessSchedulerGetparam),
		unix.SYS_SCHED_GETSCHEDULER: doSchedGet(kern.ProcessSchedulerGetparam),
		unix.SYS_SCHED_GETATTR:      doSchedGet(kern.ProcessSchedulerGetparam),
		unix.SYS_PRLIMIT64:          doPrlimit, unix.SYS_SETRLIMIT: doSetrlimit,

		unix.SYS_MOUNT: doMount, unix.SYS_UMOUNT2: system(kern.SystemMount, kern.ReqSystemMountUnmount),
		unix.SYS_FSPICK:        system(kern.SystemMount, kern.ReqSystemMountUpdate),
		unix.SYS_MOUNT_SETATTR: system(kern.SystemMount, kern.ReqSystemMountUpdate),
		unix.SYS_MKNOD:         system(kern.SystemMknod, 0), unix.SYS_MKNODAT: system(kern.SystemMknod, 0),
		unix.SYS_CHROOT:     doChroot,
		unix.SYS_REBOOT:     system(kern.SystemReboot, 0),
		unix.SYS_KEXEC_LOAD: system(kern.SystemReboot, 0), unix.SYS_KEXEC_FILE_LOAD: system(kern.SystemReboot, 0),
		unix.SYS_SETTIMEOFDAY:  system(kern.SystemTime, kern.ReqSystemTimeSystem),
		unix.SYS_CLOCK_SETTIME: system(kern.SystemTime, kern.ReqSystemTimeSystem),
		unix.SYS_ADJTIMEX:      doAdjtimex(0), unix.SYS_CLOCK_ADJTIME: doAdjtimex(1),
		unix.SYS_INIT_MODULE: module, unix.SYS_FINIT_MODULE: module,
		unix.SYS_CREATE_MODULE: module, unix.SYS_DELETE_MODULE: module,
		unix.SYS_SWAPON: system(kern.SystemSwapctl, 0), unix.SYS_SWAPOFF: system(kern.SystemSwapctl, 0),
		unix.SYS_ACCT:              system(kern.SystemAccounting, 0),
		unix.SYS_SETHOSTNAME:       system(kern.SystemSysctl, kern.ReqSystemSysctlModify),
		unix.SYS_SETDOMAINNAME:     system(kern.SystemSysctl, kern.ReqSystemSysctlModify),
		unix.SYS_OPEN_BY_HANDLE_AT: system(kern.SystemFilehandle, 0),
		unix.SYS_NAME_TO_HANDLE_AT: system(kern.SystemFilehandle, 0),
		unix.SYS_QUOTACTL:          doQuotactl(0), unix.SYS_QUOTACTL_FD: doQuotactl(1),
		unix.SYS_PERF_EVENT_OPEN: system(kern.SystemKernaddr, 0),
		unix.SYS_BPF:             spec(23 << 8),

		unix.SYS_SHMGET: doGet(unix.SYS_SHMGET), unix.SYS_SEMGET: doGet(unix.SYS_SEMGET), unix.SYS_MSGGET: doGet(unix.SYS_MSGGET),
		unix.SYS_SHMAT: ipc, unix.SYS_SEMOP: ipc, unix.SYS_SEMTIMEDOP: ipc, unix.SYS_SEMCTL: ipc,
		unix.SYS_MSGSND: ipc, unix.SYS_MSGRCV: ipc, unix.SYS_MSGCTL: ipc, unix.SYS_SHMCTL: doShmctl,
		unix.SYS_MQ_UNLINK: func(c *call) answer {
			return pass(c.ask(func(k kern.Proc) error { return k.System(kern.SystemMqueue, 1, 0, 0) }))
		},

		unix.SYS_IOPERM:     machdep(kern.MachdepIopermSet),
		unix.SYS_IOPL:       machdep(kern.MachdepIopl),
		unix.SYS_MODIFY_LDT: doModifyLDT,
		unix.SYS_VHANGUP: func(c *call) answer {
			return pass(c.ask(func(k kern.Proc) error {
				return k.Vnode(kern.VnodeRevoke, unix.S_IFCHR, 0, 0)
			}))
		},
		unix.SYS_IOCTL: doIoctl,
	}
	for _, nr := range []uintptr{unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSCONFIG,
		unix.SYS_FSMOUNT, unix.SYS_OPEN_TREE, unix.SYS_PIVOT_ROOT} {
		questions[nr] = system(kern.SystemMount, kern.ReqSystemMountNew)
	}
}

// system asks one question of the system scope, and lets the call happen.
// No argument that could change after it matters to the answer.
func system(action, req uint64) func(*call) answer {
	return func(c *call) answer {
		return pass(c.ask(func(k kern.Proc) error { return k.System(action, req, 0, 0) }))
	}
}

func machdep(action uint64) func(*call) answer {
	return func(c *call) answer {
		return pass(c.ask(func(k kern.Proc) error { return k.Machdep(action) }))
	}
}

// spec asks whether a character device may be opened that isn't one here.
func spec(rdev uint64) func(*call) answer {
	return func(c *call) answer {
		return pass(c.ask(func(k kern.Proc) error {
			return k.Spec(kern.ReqDeviceRawioSpecRw, false, rdev)
		}))
	}
}

func module(c *call) answer {
	return pass(c.ask(func(k kern.Proc) error { return k.System(kern.SystemModule, 1, 0, 0) }))
}

// ipc asks what NetBSD asks at each access to SysV IPC.
func ipc(c *call) answer {
	return pass(c.ask(func(k kern.Proc) error {
		return k.System(kern.SystemSysvipc, kern.ReqSystemSysvipcBypass, 1, 0)
	}))
}

const (
	ipcCreat = 01000
	ipcExcl  = 02000
	shmLock  = 11
	shmUn    = 12
)

// doGet asks only about what is there already: making has no question.
func doGet(nr uintptr) func(*call) answer {
	return func(c *call) answer {
		key := c.n.Args[0]
		flags := c.arg(2)
		if nr == unix.SYS_MSGGET {
			flags = c.arg(1)
		}
		if int32(key) == 0 || flags&(ipcCreat|ipcExcl) == ipcCreat|ipcExcl {
			return answer{cont: true}
		}
		if _, _, e := unix.Syscall(nr, uintptr(uint32(key)), 0, 0); e == unix.ENOENT {
			return answer{cont: true}
		}
		return ipc(c)
	}
}

func doShmctl(c *call) answer {
	switch c.arg(1) & 0xff {
	case shmLock:
		return system(kern.SystemSysvipc, kern.ReqSystemSysvipcShmLock)(c)
	case shmUn:
		return system(kern.SystemSysvipc, kern.ReqSystemSysvipcShmUnlock)(c)
	}
	return ipc(c)
}

// doExit reads what the process has used, while it can still be read.
func doExit(c *call) answer {
	c.h.measure(c.p)
	return answer{cont: true}
}

func doMount(c *call) answer {
	req := uint64(kern.ReqSystemMountNew)
	if c.n.Args[3]&unix.MS_REMOUNT != 0 {
		req = kern.ReqSystemMountUpdate
	}
	return system(kern.SystemMount, req)(c)
}

// doChroot lets a process that is entering a jail take its root.
func doChroot(c *call) answer {
	c.p.mu.Lock()
	entering := c.p.entering
	c.p.mu.Unlock()
	if entering {
		return answer{cont: true}
	}
	return system(kern.SystemChroot, kern.ReqSystemChrootChroot)(c)
}

// doAdjtimex does the call itself where it only reads the clock's state.
func doAdjtimex(arg int) func(*call) answer {
	return func(c *call) answer {
		addr := c.n.Args[arg]
		var t unix.Timex
		b, err := c.read(addr, len(bytesOf(&t)))
		if err != nil {
			return fail(err)
		}
		copy(bytesOf(&t), b)
		if t.Modes != 0 {
			return system(kern.SystemTime, kern.ReqSystemTimeNtpadjtime)(c)
		}
		var state int
		if arg == 0 {
			state, err = unix.Adjtimex(&t)
		} else {
			state, err = unix.ClockAdjtime(int32(c.arg(0)), &t)
		}
		if err != nil {
			return fail(err)
		}
		if err := c.write(addr, bytesOf(&t)); err != nil {
			return fail(err)
		}
		return answer{val: int64(state)}
	}
}

func doQuotactl(arg int) func(*call) answer {
	return func(c *call) answer {
		req := uint64(kern.ReqSystemFsQuotaManage)
		switch uint32(c.n.Args[arg]) >> 8 {
		case 0x800002, 0x800003: // on, off
			req = kern.ReqSystemFsQuotaOnoff
		case 0x800004, 0x800005, 0x800007, 0x800009: // format, information, quota, next
			req = kern.ReqSystemFsQuotaGet
		}
		return system(kern.SystemFsQuota, req)(c)
	}
}

func doModifyLDT(c *call) answer {
	if f := c.arg(0); f == 0 || f == 2 {
		return machdep(kern.MachdepLdtGet)(c)
	}
	return machdep(kern.MachdepLdtSet)(c)
}

func doIoctl(c *call) answer {
	switch uint32(c.n.Args[1]) {
	case unix.TIOCSTI:
		return pass(c.ask(func(k kern.Proc) error { return k.TTY(kern.DeviceTtySti) }))
	case unix.TIOCCONS:
		return pass(c.ask(func(k kern.Proc) error { return k.TTY(kern.DeviceTtyVirtual) }))
	case unix.SIOCADDRT, unix.SIOCDELRT:
		return pass(c.ask(func(k kern.Proc) error { return k.Route(1) }))
	case unix.SIOCBRADDBR, unix.SIOCBRDELBR:
		return network(c, kern.NetworkInterfaceBridge, kern.ReqNetworkInterfaceBridgeSetpriv)
	case unix.TUNSETIFF:
		return network(c, kern.NetworkInterfaceTun, kern.ReqNetworkInterfaceTunAdd)
	case unix.RNDADDENTROPY:
		return pass(c.ask(func(k kern.Proc) error { return k.Device(kern.DeviceRndAdddata, 0) }))
	case unix.RNDADDTOENTCNT:
		return pass(c.ask(func(k kern.Proc) error { return k.Device(kern.DeviceRndAdddataEstimate, 0) }))
	case unix.RNDGETPOOL:
		return pass(c.ask(func(k kern.Proc) error { return k.Device(kern.DeviceRndGetpriv, 0) }))
	case unix.RNDCLEARPOOL, unix.RNDZAPENTCNT:
		return pass(c.ask(func(k kern.Proc) error { return k.Device(kern.DeviceRndSetpriv, 0) }))
	case unix.FS_IOC_SETFLAGS:
		return pass(c.ask(func(k kern.Proc) error {
			return k.Vnode(kern.VnodeWriteSysflags, unix.S_IFREG, 0, 0)
		}))
	}
	return network(c, kern.NetworkInterface, kern.ReqNetworkInterfaceSetpriv)
}

func network(c *call, action, req uint64) answer {
	return pass(c.ask(func(k kern.Proc) error { return k.Network(action, req, 0, 0, 0) }))
}
