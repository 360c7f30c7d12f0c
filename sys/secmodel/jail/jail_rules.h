/*-
 * Copyright (c) 2026 The Jails for NetBSD contributors.
 * All rights reserved.
 *
 * Redistribution and use in source and binary forms, with or without
 * modification, are permitted provided that the following conditions
 * are met:
 * 1. Redistributions of source code must retain the above copyright
 *    notice, this list of conditions and the following disclaimer.
 * 2. Redistributions in binary form must reproduce the above copyright
 *    notice, this list of conditions and the following disclaimer in the
 *    documentation and/or other materials provided with the distribution.
 *
 * THIS SOFTWARE IS PROVIDED BY THE AUTHORS AND CONTRIBUTORS ``AS IS'' AND
 * ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
 * IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE
 * ARE DISCLAIMED.  IN NO EVENT SHALL THE AUTHORS OR CONTRIBUTORS BE LIABLE
 * FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
 * DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS
 * OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
 * HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT
 * LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY
 * OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF
 * SUCH DAMAGE.
 */


/*
 * The policy table, one line for each action and request of kauth(9).
 *
 *	RULE(scope, action, request, low, medium, high, word, name, what)
 *
 * request is 0 for all that have no line of their own, and may be one of
 * the cases JAIL_REQ_* that the model tells apart itself.  VRULE is the same
 * for the vnode scope, where actions are bits and there are no requests.
 *
 *	D	defer: as if there were no jail
 *	X	deny
 *	T	defer if the target is in the caller's jail, else deny
 *	L	defer for the devices of a list, else deny
 *	P	by who has reserved the port
 *
 * A line with a word can be allowed and denied for a jail by that word; a
 * line without (NONE) is floor.  jail_policy.c includes this file twice.
 */

/* Generic: asked where no action fits, so nothing says what it is for. */
RULE(GENERIC, KAUTH_GENERIC_UNUSED1, 0, X, X, X, NONE,
    "unused", "not used by the kernel")
RULE(GENERIC, KAUTH_GENERIC_ISSUSER, 0, D, X, X, SUPERUSER,
    "superuser", "be taken for the superuser by Linux emulation, drm")

/* System. */
RULE(SYSTEM, KAUTH_SYSTEM_ACCOUNTING, 0, X, X, X, NONE,
    "accounting", "turn process accounting on or off")
RULE(SYSTEM, KAUTH_SYSTEM_CHROOT, 0, X, X, X, NONE,
    "chroot.other", "change the root directory in a way not known")
RULE(SYSTEM, KAUTH_SYSTEM_CHROOT, KAUTH_REQ_SYSTEM_CHROOT_CHROOT,
    D, D, X, CHROOT,
    "chroot.chroot", "change the root directory by path")
/* Takes any directory's descriptor, from wherever it came. */
RULE(SYSTEM, KAUTH_SYSTEM_CHROOT, KAUTH_REQ_SYSTEM_CHROOT_FCHROOT,
    D, X, X, FCHROOT,
    "chroot.fchroot", "change the root directory by descriptor")
RULE(SYSTEM, KAUTH_SYSTEM_CHSYSFLAGS, 0, X, X, X, NONE,
    "chsysflags", "change system flags of files")
RULE(SYSTEM, KAUTH_SYSTEM_CPU, 0, X, X, X, NONE,
    "cpu.other", "control processors in a way not known")
RULE(SYSTEM, KAUTH_SYSTEM_CPU, KAUTH_REQ_SYSTEM_CPU_SETSTATE,
    X, X, X, NONE,
    "cpu.setstate", "take processors on or off line")
RULE(SYSTEM, KAUTH_SYSTEM_DEBUG, 0, X, X, X, NONE,
    "debug", "debug the kernel")
/* A handle names any file of a file system: a way out of the root. */
RULE(SYSTEM, KAUTH_SYSTEM_FILEHANDLE, 0, X, X, X, NONE,
    "filehandle", "open files by file handle")
RULE(SYSTEM, KAUTH_SYSTEM_MKNOD, 0, X, X, X, NONE,
    "mknod", "make device nodes")
RULE(SYSTEM, KAUTH_SYSTEM_MOUNT, 0, X, X, X, NONE,
    "mount.other", "mount in a way not known")
RULE(SYSTEM, KAUTH_SYSTEM_MOUNT, KAUTH_REQ_SYSTEM_MOUNT_GET,
    D, D, X, MOUNT_INFO,
    "mount.get", "read the arguments of mounts")
RULE(SYSTEM, KAUTH_SYSTEM_MOUNT, KAUTH_REQ_SYSTEM_MOUNT_NEW,
    X, X, X, NONE,
    "mount.new", "mount file systems")
RULE(SYSTEM, KAUTH_SYSTEM_MOUNT, KAUTH_REQ_SYSTEM_MOUNT_UNMOUNT,
    X, X, X, NONE,
    "mount.unmount", "unmount file systems")
RULE(SYSTEM, KAUTH_SYSTEM_MOUNT, KAUTH_REQ_SYSTEM_MOUNT_UPDATE,
    X, X, X, NONE,
    "mount.update", "change the options of mounts")
RULE(SYSTEM, KAUTH_SYSTEM_MOUNT, KAUTH_REQ_SYSTEM_MOUNT_UMAP,
    X, X, X, NONE,
    "mount.umap", "mount with mapped user ids")
RULE(SYSTEM, KAUTH_SYSTEM_MOUNT, KAUTH_REQ_SYSTEM_MOUNT_DEVICE,
    X, X, X, NONE,
    "mount.device", "mount a device")
RULE(SYSTEM, KAUTH_SYSTEM_PSET, 0, X, X, X, NONE,
    "pset.other", "use processor sets in a way not known")
RULE(SYSTEM, KAUTH_SYSTEM_PSET, KAUTH_REQ_SYSTEM_PSET_ASSIGN,
    X, X, X, NONE,
    "pset.assign", "assign processors to sets")
RULE(SYSTEM, KAUTH_SYSTEM_PSET, KAUTH_REQ_SYSTEM_PSET_BIND,
    X, X, X, NONE,
    "pset.bind", "bind processes to processor sets")
RULE(SYSTEM, KAUTH_SYSTEM_PSET, KAUTH_REQ_SYSTEM_PSET_CREATE,
    X, X, X, NONE,
    "pset.create", "create processor sets")
RULE(SYSTEM, KAUTH_SYSTEM_PSET, KAUTH_REQ_SYSTEM_PSET_DESTROY,
    X, X, X, NONE,
    "pset.destroy", "destroy processor sets")
RULE(SYSTEM, KAUTH_SYSTEM_REBOOT, 0, X, X, X, NONE,
    "reboot", "reboot or halt the machine")
RULE(SYSTEM, KAUTH_SYSTEM_SETIDCORE, 0, X, X, X, NONE,
    "setidcore", "change how set-id programs dump core")
RULE(SYSTEM, KAUTH_SYSTEM_SWAPCTL, 0, X, X, X, NONE,
    "swapctl", "add or remove swap")
RULE(SYSTEM, KAUTH_SYSTEM_SYSCTL, 0, X, X, X, NONE,
    "sysctl.other", "use sysctl in a way not known")
RULE(SYSTEM, KAUTH_SYSTEM_SYSCTL, KAUTH_REQ_SYSTEM_SYSCTL_ADD,
    X, X, X, NONE,
    "sysctl.add", "add sysctl nodes")
RULE(SYSTEM, KAUTH_SYSTEM_SYSCTL, KAUTH_REQ_SYSTEM_SYSCTL_DELETE,
    X, X, X, NONE,
    "sysctl.delete", "delete sysctl nodes")
RULE(SYSTEM, KAUTH_SYSTEM_SYSCTL, KAUTH_REQ_SYSTEM_SYSCTL_DESC,
    X, X, X, NONE,
    "sysctl.desc", "describe sysctl nodes")
/* The node isn't told, so no single one can be let through. */
RULE(SYSTEM, KAUTH_SYSTEM_SYSCTL, KAUTH_REQ_SYSTEM_SYSCTL_MODIFY,
    X, X, X, NONE,
    "sysctl.modify", "write sysctl nodes")
RULE(SYSTEM, KAUTH_SYSTEM_SYSCTL, KAUTH_REQ_SYSTEM_SYSCTL_PRVT,
    D, X, X, PRIVATE_SYSCTL,
    "sysctl.private", "read private sysctl nodes")
RULE(SYSTEM, KAUTH_SYSTEM_TIME, 0, X, X, X, NONE,
    "time.other", "change the time in a way not known")
RULE(SYSTEM, KAUTH_SYSTEM_TIME, KAUTH_REQ_SYSTEM_TIME_ADJTIME,
    X, X, X, NONE,
    "time.adjtime", "adjust the clock slowly")
RULE(SYSTEM, KAUTH_SYSTEM_TIME, KAUTH_REQ_SYSTEM_TIME_NTPADJTIME,
    X, X, X, NONE,
    "time.ntpadjtime", "discipline the clock")
RULE(SYSTEM, KAUTH_SYSTEM_TIME, KAUTH_REQ_SYSTEM_TIME_RTCOFFSET,
    X, X, X, NONE,
    "time.rtcoffset", "change the offset of the hardware clock")
RULE(SYSTEM, KAUTH_SYSTEM_TIME, KAUTH_REQ_SYSTEM_TIME_SYSTEM,
    X, X, X, NONE,
    "time.system", "set the clock")
RULE(SYSTEM, KAUTH_SYSTEM_TIME, KAUTH_REQ_SYSTEM_TIME_TIMECOUNTERS,
    X, X, X, NONE,
    "time.timecounters", "choose the time counter")
/* Autoload too, which the kernel grants to everyone otherwise. */
RULE(SYSTEM, KAUTH_SYSTEM_MODULE, 0, X, X, X, NONE,
    "module", "load, autoload or unload kernel modules")
RULE(SYSTEM, KAUTH_SYSTEM_FS_RESERVEDSPACE, 0, D, X, X, RESERVED_SPACE,
    "fs.reservedspace", "use the reserved space of file systems")
RULE(SYSTEM, KAUTH_SYSTEM_FS_QUOTA, 0, X, X, X, NONE,
    "quota.other", "use quotas in a way not known")
RULE(SYSTEM, KAUTH_SYSTEM_FS_QUOTA, KAUTH_REQ_SYSTEM_FS_QUOTA_GET,
    D, X, X, QUOTA,
    "quota.get", "read the quotas of others")
RULE(SYSTEM, KAUTH_SYSTEM_FS_QUOTA, KAUTH_REQ_SYSTEM_FS_QUOTA_MANAGE,
    X, X, X, NONE,
    "quota.manage", "change quotas")
RULE(SYSTEM, KAUTH_SYSTEM_FS_QUOTA, KAUTH_REQ_SYSTEM_FS_QUOTA_NOLIMIT,
    X, X, X, NONE,
    "quota.nolimit", "exceed quotas")
RULE(SYSTEM, KAUTH_SYSTEM_FS_QUOTA, KAUTH_REQ_SYSTEM_FS_QUOTA_ONOFF,
    X, X, X, NONE,
    "quota.onoff", "turn quotas on or off")
/*
 * For these three the kernel asks about a user's own objects too, and no
 * object knows the jail that made it.
 */
RULE(SYSTEM, KAUTH_SYSTEM_SEMAPHORE, 0, D, D, X, SEMAPHORE,
    "semaphore", "open or remove POSIX semaphores that exist")
RULE(SYSTEM, KAUTH_SYSTEM_SYSVIPC, 0, X, X, X, NONE,
    "sysvipc.other", "use System V IPC in a way not known")
RULE(SYSTEM, KAUTH_SYSTEM_SYSVIPC, KAUTH_REQ_SYSTEM_SYSVIPC_BYPASS,
    D, X, X, SYSVIPC,
    "sysvipc.bypass", "use System V IPC objects")
RULE(SYSTEM, KAUTH_SYSTEM_SYSVIPC, KAUTH_REQ_SYSTEM_SYSVIPC_SHM_LOCK,
    D, X, X, SYSVIPC,
    "sysvipc.lock", "lock shared memory")
RULE(SYSTEM, KAUTH_SYSTEM_SYSVIPC, KAUTH_REQ_SYSTEM_SYSVIPC_SHM_UNLOCK,
    D, X, X, SYSVIPC,
    "sysvipc.unlock", "unlock shared memory")
RULE(SYSTEM, KAUTH_SYSTEM_SYSVIPC, KAUTH_REQ_SYSTEM_SYSVIPC_MSGQ_OVERSIZE,
    D, X, X, SYSVIPC,
    "sysvipc.oversize", "raise the size of message queues")
RULE(SYSTEM, KAUTH_SYSTEM_MQUEUE, 0, D, X, X, MQUEUE,
    "mqueue", "remove POSIX message queues")
RULE(SYSTEM, KAUTH_SYSTEM_VERIEXEC, 0, X, X, X, NONE,
    "veriexec.other", "use veriexec in a way not known")
RULE(SYSTEM, KAUTH_SYSTEM_VERIEXEC, KAUTH_REQ_SYSTEM_VERIEXEC_ACCESS,
    X, X, X, NONE,
    "veriexec.access", "read the state of veriexec")
RULE(SYSTEM, KAUTH_SYSTEM_VERIEXEC, KAUTH_REQ_SYSTEM_VERIEXEC_MODIFY,
    X, X, X, NONE,
    "veriexec.modify", "change the state of veriexec")
RULE(SYSTEM, KAUTH_SYSTEM_DEVMAPPER, 0, X, X, X, NONE,
    "devmapper", "use the device mapper")
RULE(SYSTEM, KAUTH_SYSTEM_MAP_VA_ZERO, 0, X, X, X, NONE,
    "mapvazero", "allow mappings of address zero")
RULE(SYSTEM, KAUTH_SYSTEM_LFS, 0, X, X, X, NONE,
    "lfs.other", "clean LFS in a way not known")
RULE(SYSTEM, KAUTH_SYSTEM_LFS, KAUTH_REQ_SYSTEM_LFS_MARKV,
    X, X, X, NONE,
    "lfs.markv", "clean LFS: mark blocks")
RULE(SYSTEM, KAUTH_SYSTEM_LFS, KAUTH_REQ_SYSTEM_LFS_BMAPV,
    X, X, X, NONE,
    "lfs.bmapv", "clean LFS: map blocks")
RULE(SYSTEM, KAUTH_SYSTEM_LFS, KAUTH_REQ_SYSTEM_LFS_SEGCLEAN,
    X, X, X, NONE,
    "lfs.segclean", "clean LFS: clean segments")
RULE(SYSTEM, KAUTH_SYSTEM_LFS, KAUTH_REQ_SYSTEM_LFS_SEGWAIT,
    X, X, X, NONE,
    "lfs.segwait", "clean LFS: wait for segments")
RULE(SYSTEM, KAUTH_SYSTEM_LFS, KAUTH_REQ_SYSTEM_LFS_FCNTL,
    X, X, X, NONE,
    "lfs.fcntl", "clean LFS: control")
/*
 * Whether a file's own may be used is for the vnode scope: there root is let
 * pass whatever is answered here.
 */
RULE(SYSTEM, KAUTH_SYSTEM_FS_EXTATTR, 0, X, X, X, NONE,
    "fs.extattr", "configure a file system's extended attributes")
RULE(SYSTEM, KAUTH_SYSTEM_FS_SNAPSHOT, 0, X, X, X, NONE,
    "fs.snapshot", "make snapshots of file systems")
RULE(SYSTEM, KAUTH_SYSTEM_INTR, 0, X, X, X, NONE,
    "intr.other", "route interrupts in a way not known")
RULE(SYSTEM, KAUTH_SYSTEM_INTR, KAUTH_REQ_SYSTEM_INTR_AFFINITY,
    X, X, X, NONE,
    "intr.affinity", "route interrupts to processors")
RULE(SYSTEM, KAUTH_SYSTEM_KERNADDR, 0, X, X, X, NONE,
    "kernaddr", "let kernel addresses be seen")

/* Process. */
RULE(PROCESS, KAUTH_PROCESS_CANSEE, 0, X, X, X, NONE,
    "cansee.other", "see of a process what isn't known")
RULE(PROCESS, KAUTH_PROCESS_CANSEE, KAUTH_REQ_PROCESS_CANSEE_ARGS,
    T, T, T, NONE,
    "cansee.args", "see the arguments of processes")
RULE(PROCESS, KAUTH_PROCESS_CANSEE, KAUTH_REQ_PROCESS_CANSEE_ENTRY,
    T, T, T, NONE,
    "cansee.entry", "see processes")
RULE(PROCESS, KAUTH_PROCESS_CANSEE, KAUTH_REQ_PROCESS_CANSEE_ENV,
    T, T, T, NONE,
    "cansee.env", "see the environment of processes")
RULE(PROCESS, KAUTH_PROCESS_CANSEE, KAUTH_REQ_PROCESS_CANSEE_OPENFILES,
    T, T, T, NONE,
    "cansee.openfiles", "see the open files of processes")
RULE(PROCESS, KAUTH_PROCESS_CANSEE, KAUTH_REQ_PROCESS_CANSEE_EPROC,
    T, T, T, NONE,
    "cansee.eproc", "see processes with all details")
RULE(PROCESS, KAUTH_PROCESS_CANSEE, KAUTH_REQ_PROCESS_CANSEE_KPTR,
    X, X, X, NONE,
    "cansee.kptr", "see kernel addresses")
RULE(PROCESS, KAUTH_PROCESS_CORENAME, 0, X, X, X, NONE,
    "corename.other", "use core file names in a way not known")
RULE(PROCESS, KAUTH_PROCESS_CORENAME, KAUTH_REQ_PROCESS_CORENAME_GET,
    T, T, T, NONE,
    "corename.get", "read where processes dump core")
RULE(PROCESS, KAUTH_PROCESS_CORENAME, KAUTH_REQ_PROCESS_CORENAME_SET,
    T, X, X, PROCESS_CONTROL,
    "corename.set", "change where processes dump core")
RULE(PROCESS, KAUTH_PROCESS_FORK, 0, D, D, D, NONE,
    "fork", "make processes, up to the jail's cap")
RULE(PROCESS, KAUTH_PROCESS_KEVENT_FILTER, 0, T, T, T, NONE,
    "kevent", "wait for events of processes")
RULE(PROCESS, KAUTH_PROCESS_KTRACE, 0, T, T, X, KTRACE,
    "ktrace", "trace the system calls of processes")
RULE(PROCESS, KAUTH_PROCESS_KTRACE, KAUTH_REQ_PROCESS_KTRACE_PERSISTENT,
    T, X, X, KTRACE,
    "ktrace.persistent", "trace through set-id programs too")
RULE(PROCESS, KAUTH_PROCESS_NICE, 0, T, T, T, NONE,
    "nice", "lower the priority of processes")
RULE(PROCESS, KAUTH_PROCESS_NICE, JAIL_REQ_NICE_RAISE, T, X, X, NICE,
    "nice.raise", "raise the priority of processes")
RULE(PROCESS, KAUTH_PROCESS_PROCFS, 0, X, X, X, NONE,
    "procfs.other", "use process files in a way not known")
RULE(PROCESS, KAUTH_PROCESS_PROCFS, KAUTH_REQ_PROCESS_PROCFS_READ,
    T, T, T, NONE,
    "procfs.read", "read process files")
RULE(PROCESS, KAUTH_PROCESS_PROCFS, KAUTH_REQ_PROCESS_PROCFS_RW,
    T, X, X, PROCFS_WRITE,
    "procfs.rw", "read and write process files")
RULE(PROCESS, KAUTH_PROCESS_PROCFS, KAUTH_REQ_PROCESS_PROCFS_WRITE,
    T, X, X, PROCFS_WRITE,
    "procfs.write", "write process files")
RULE(PROCESS, KAUTH_PROCESS_PTRACE, 0, T, T, X, PTRACE,
    "ptrace", "trace processes")
RULE(PROCESS, KAUTH_PROCESS_RLIMIT, 0, X, X, X, NONE,
    "rlimit.other", "use limits in a way not known")
RULE(PROCESS, KAUTH_PROCESS_RLIMIT, KAUTH_REQ_PROCESS_RLIMIT_GET,
    T, T, T, NONE,
    "rlimit.get", "read limits of processes")
RULE(PROCESS, KAUTH_PROCESS_RLIMIT, KAUTH_REQ_PROCESS_RLIMIT_SET,
    T, T, T, NONE,
    "rlimit.set", "lower limits of processes")
RULE(PROCESS, KAUTH_PROCESS_RLIMIT, JAIL_REQ_RLIMIT_RAISE, T, X, X, RLIMIT,
    "rlimit.raise", "raise hard limits of processes")
/* What is counted against the limit is per uid, all jails together. */
RULE(PROCESS, KAUTH_PROCESS_RLIMIT, KAUTH_REQ_PROCESS_RLIMIT_BYPASS,
    T, T, X, RLIMIT,
    "rlimit.bypass", "exceed limits as root")
RULE(PROCESS, KAUTH_PROCESS_SCHEDULER_GETAFFINITY, 0, T, T, T, NONE,
    "scheduler.getaffinity", "read the processors of threads")
RULE(PROCESS, KAUTH_PROCESS_SCHEDULER_SETAFFINITY, 0, T, X, X, SCHEDULER,
    "scheduler.setaffinity", "choose the processors of threads")
RULE(PROCESS, KAUTH_PROCESS_SCHEDULER_GETPARAM, 0, T, T, T, NONE,
    "scheduler.getparam", "read the scheduling of threads")
RULE(PROCESS, KAUTH_PROCESS_SCHEDULER_SETPARAM, 0, T, X, X, SCHEDULER,
    "scheduler.setparam", "change the scheduling of threads")
RULE(PROCESS, KAUTH_PROCESS_SETID, 0, D, D, D, NONE,
    "setid", "change user and group ids")
RULE(PROCESS, KAUTH_PROCESS_SIGNAL, 0, T, T, T, NONE,
    "signal", "signal processes")
RULE(PROCESS, KAUTH_PROCESS_STOPFLAG, 0, T, X, X, PROCESS_CONTROL,
    "stopflag", "have processes stop at fork, exec and exit")

/* Network. */
RULE(NETWORK, KAUTH_NETWORK_ALTQ, 0, X, X, X, NONE,
    "altq.other", "queue packets in a way not known")
RULE(NETWORK, KAUTH_NETWORK_ALTQ, KAUTH_REQ_NETWORK_ALTQ_AFMAP,
    X, X, X, NONE,
    "altq.afmap", "queue packets: afmap")
RULE(NETWORK, KAUTH_NETWORK_ALTQ, KAUTH_REQ_NETWORK_ALTQ_BLUE,
    X, X, X, NONE,
    "altq.blue", "queue packets: blue")
RULE(NETWORK, KAUTH_NETWORK_ALTQ, KAUTH_REQ_NETWORK_ALTQ_CBQ,
    X, X, X, NONE,
    "altq.cbq", "queue packets: cbq")
RULE(NETWORK, KAUTH_NETWORK_ALTQ, KAUTH_REQ_NETWORK_ALTQ_CDNR,
    X, X, X, NONE,
    "altq.cdnr", "queue packets: cdnr")
RULE(NETWORK, KAUTH_NETWORK_ALTQ, KAUTH_REQ_NETWORK_ALTQ_CONF,
    X, X, X, NONE,
    "altq.conf", "queue packets: configuration")
RULE(NETWORK, KAUTH_NETWORK_ALTQ, KAUTH_REQ_NETWORK_ALTQ_FIFOQ,
    X, X, X, NONE,
    "altq.fifoq", "queue packets: fifoq")
RULE(NETWORK, KAUTH_NETWORK_ALTQ, KAUTH_REQ_NETWORK_ALTQ_HFSC,
    X, X, X, NONE,
    "altq.hfsc", "queue packets: hfsc")
RULE(NETWORK, KAUTH_NETWORK_ALTQ, KAUTH_REQ_NETWORK_ALTQ_JOBS,
    X, X, X, NONE,
    "altq.jobs", "queue packets: jobs")
RULE(NETWORK, KAUTH_NETWORK_ALTQ, KAUTH_REQ_NETWORK_ALTQ_PRIQ,
    X, X, X, NONE,
    "altq.priq", "queue packets: priq")
RULE(NETWORK, KAUTH_NETWORK_ALTQ, KAUTH_REQ_NETWORK_ALTQ_RED,
    X, X, X, NONE,
    "altq.red", "queue packets: red")
RULE(NETWORK, KAUTH_NETWORK_ALTQ, KAUTH_REQ_NETWORK_ALTQ_RIO,
    X, X, X, NONE,
    "altq.rio", "queue packets: rio")
RULE(NETWORK, KAUTH_NETWORK_ALTQ, KAUTH_REQ_NETWORK_ALTQ_WFQ,
    X, X, X, NONE,
    "altq.wfq", "queue packets: wfq")
RULE(NETWORK, KAUTH_NETWORK_BIND, 0, X, X, X, NONE,
    "bind.other", "bind in a way not known")
RULE(NETWORK, KAUTH_NETWORK_BIND, KAUTH_REQ_NETWORK_BIND_PORT,
    P, P, P, NONE,
    "bind.port", "bind ports that no other jail has reserved")
/* At high a privileged port is the jail's if it has reserved it. */
RULE(NETWORK, KAUTH_NETWORK_BIND, KAUTH_REQ_NETWORK_BIND_PRIVPORT,
    P, P, X, LOW_PORT,
    "bind.privport", "bind ports below 1024 that are not its own")
RULE(NETWORK, KAUTH_NETWORK_BIND, JAIL_REQ_BIND_AUTO, P, P, P, AUTO_PORT,
    "bind.auto", "get ports chosen by the kernel; strict: no")
RULE(NETWORK, KAUTH_NETWORK_BIND, KAUTH_REQ_NETWORK_BIND_ANYADDR,
    X, X, X, NONE,
    "bind.anyaddr", "bind addresses that are not the host's")
RULE(NETWORK, KAUTH_NETWORK_FIREWALL, 0, X, X, X, NONE,
    "firewall.other", "control the packet filter in a way not known")
RULE(NETWORK, KAUTH_NETWORK_FIREWALL, KAUTH_REQ_NETWORK_FIREWALL_FW,
    X, X, X, NONE,
    "firewall.fw", "control the packet filter")
RULE(NETWORK, KAUTH_NETWORK_FIREWALL, KAUTH_REQ_NETWORK_FIREWALL_NAT,
    X, X, X, NONE,
    "firewall.nat", "control address translation")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE, 0, X, X, X, NONE,
    "interface.other", "use interfaces in a way not known")
/* No call site; they ask for less than GETPRIV and SETPRIV do. */
RULE(NETWORK, KAUTH_NETWORK_INTERFACE, KAUTH_REQ_NETWORK_INTERFACE_GET,
    D, D, D, NONE,
    "interface.get", "read the state of interfaces")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE, KAUTH_REQ_NETWORK_INTERFACE_GETPRIV,
    D, X, X, INTERFACE_INFO,
    "interface.getpriv", "read the private state of interfaces")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE, KAUTH_REQ_NETWORK_INTERFACE_SET,
    X, X, X, NONE,
    "interface.set", "change interfaces")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE, KAUTH_REQ_NETWORK_INTERFACE_SETPRIV,
    X, X, X, NONE,
    "interface.setpriv", "change interfaces and addresses")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE, KAUTH_REQ_NETWORK_INTERFACE_FIRMWARE,
    X, X, X, NONE,
    "interface.firmware", "load firmware of interfaces")
RULE(NETWORK, KAUTH_NETWORK_FORWSRCRT, 0, X, X, X, NONE,
    "forwsrcrt", "forward source-routed packets")
RULE(NETWORK, KAUTH_NETWORK_NFS, 0, X, X, X, NONE,
    "nfs.other", "serve NFS in a way not known")
RULE(NETWORK, KAUTH_NETWORK_NFS, KAUTH_REQ_NETWORK_NFS_EXPORT,
    X, X, X, NONE,
    "nfs.export", "export file systems")
RULE(NETWORK, KAUTH_NETWORK_NFS, KAUTH_REQ_NETWORK_NFS_SVC,
    X, X, X, NONE,
    "nfs.svc", "serve NFS")
RULE(NETWORK, KAUTH_NETWORK_ROUTE, 0, X, X, X, NONE,
    "route.change", "change the routing tables")
RULE(NETWORK, KAUTH_NETWORK_ROUTE, JAIL_REQ_ROUTE_GET, D, D, D, NONE,
    "route.get", "ask for a route")
RULE(NETWORK, KAUTH_NETWORK_SOCKET, 0, X, X, X, NONE,
    "socket.other", "use sockets in a way not known")
RULE(NETWORK, KAUTH_NETWORK_SOCKET, KAUTH_REQ_NETWORK_SOCKET_OPEN,
    D, D, D, NONE,
    "socket.open", "open local, IPv4 and IPv6 sockets")
RULE(NETWORK, KAUTH_NETWORK_SOCKET, JAIL_REQ_SOCKET_RAW,
    X, X, X, RAW_SOCKET,
    "socket.open.raw", "open raw IPv4 and IPv6 sockets")
RULE(NETWORK, KAUTH_NETWORK_SOCKET, JAIL_REQ_SOCKET_ROUTE,
    D, D, X, ROUTE_SOCKET,
    "socket.open.route", "open routing sockets")
RULE(NETWORK, KAUTH_NETWORK_SOCKET, JAIL_REQ_SOCKET_KEY, X, X, X, NONE,
    "socket.open.key", "open key management, other raw sockets")
/* More than the facts ask: less kernel for root in the jail to try. */
RULE(NETWORK, KAUTH_NETWORK_SOCKET, JAIL_REQ_SOCKET_OTHER,
    D, D, X, OTHER_SOCKET,
    "socket.open.family", "open sockets of other families")
RULE(NETWORK, KAUTH_NETWORK_SOCKET, KAUTH_REQ_NETWORK_SOCKET_RAWSOCK,
    X, X, X, RAW_SOCKET,
    "socket.rawsock", "attach raw IPv6 sockets")
RULE(NETWORK, KAUTH_NETWORK_SOCKET, KAUTH_REQ_NETWORK_SOCKET_CANSEE,
    T, T, T, NONE,
    "socket.cansee", "see sockets")
RULE(NETWORK, KAUTH_NETWORK_SOCKET, KAUTH_REQ_NETWORK_SOCKET_DROP,
    T, X, X, SOCKET_DROP,
    "socket.drop", "drop connections")
RULE(NETWORK, KAUTH_NETWORK_SOCKET, KAUTH_REQ_NETWORK_SOCKET_SETPRIV,
    X, X, X, NONE,
    "socket.setpriv", "change interfaces by socket")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_PPP, 0, X, X, X, NONE,
    "ppp.other", "use PPP in a way not known")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_PPP,
    KAUTH_REQ_NETWORK_INTERFACE_PPP_ADD, X, X, X, NONE,
    "ppp.add", "add PPP interfaces")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_SLIP, 0, X, X, X, NONE,
    "slip.other", "use SLIP in a way not known")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_SLIP,
    KAUTH_REQ_NETWORK_INTERFACE_SLIP_ADD, X, X, X, NONE,
    "slip.add", "add SLIP interfaces")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_STRIP, 0, X, X, X, NONE,
    "strip.other", "use STRIP in a way not known")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_STRIP,
    KAUTH_REQ_NETWORK_INTERFACE_STRIP_ADD, X, X, X, NONE,
    "strip.add", "add STRIP interfaces")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_TUN, 0, X, X, X, NONE,
    "tun.other", "use tunnels in a way not known")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_TUN,
    KAUTH_REQ_NETWORK_INTERFACE_TUN_ADD, X, X, X, NONE,
    "tun.add", "add tunnel interfaces")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_BRIDGE, 0, X, X, X, NONE,
    "bridge.other", "use bridges in a way not known")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_BRIDGE,
    KAUTH_REQ_NETWORK_INTERFACE_BRIDGE_GETPRIV, X, X, X, NONE,
    "bridge.getpriv", "read the private state of bridges")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_BRIDGE,
    KAUTH_REQ_NETWORK_INTERFACE_BRIDGE_SETPRIV, X, X, X, NONE,
    "bridge.setpriv", "change bridges")
RULE(NETWORK, KAUTH_NETWORK_IPSEC, 0, X, X, X, NONE,
    "ipsec.other", "use IPsec in a way not known")
RULE(NETWORK, KAUTH_NETWORK_IPSEC, KAUTH_REQ_NETWORK_IPSEC_BYPASS,
    X, X, X, NONE,
    "ipsec.bypass", "bypass IPsec policies")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_PVC, 0, X, X, X, NONE,
    "pvc.other", "use ATM circuits in a way not known")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_PVC,
    KAUTH_REQ_NETWORK_INTERFACE_PVC_ADD, X, X, X, NONE,
    "pvc.add", "add ATM circuits")
RULE(NETWORK, KAUTH_NETWORK_IPV6, 0, X, X, X, NONE,
    "ipv6.other", "use IPv6 in a way not known")
RULE(NETWORK, KAUTH_NETWORK_IPV6, KAUTH_REQ_NETWORK_IPV6_HOPBYHOP,
    X, X, X, NONE,
    "ipv6.hopbyhop", "send hop-by-hop options")
RULE(NETWORK, KAUTH_NETWORK_IPV6, KAUTH_REQ_NETWORK_IPV6_JOIN_MULTICAST,
    D, X, X, MULTICAST,
    "ipv6.joinmulticast", "join any IPv6 multicast group")
RULE(NETWORK, KAUTH_NETWORK_SMB, 0, X, X, X, NONE,
    "smb.other", "use SMB in a way not known")
RULE(NETWORK, KAUTH_NETWORK_SMB, KAUTH_REQ_NETWORK_SMB_SHARE_ACCESS,
    X, X, X, NONE,
    "smb.shareaccess", "use SMB shares")
RULE(NETWORK, KAUTH_NETWORK_SMB, KAUTH_REQ_NETWORK_SMB_SHARE_CREATE,
    X, X, X, NONE,
    "smb.sharecreate", "create SMB shares")
RULE(NETWORK, KAUTH_NETWORK_SMB, KAUTH_REQ_NETWORK_SMB_VC_ACCESS,
    X, X, X, NONE,
    "smb.vcaccess", "use SMB circuits")
RULE(NETWORK, KAUTH_NETWORK_SMB, KAUTH_REQ_NETWORK_SMB_VC_CREATE,
    X, X, X, NONE,
    "smb.vccreate", "create SMB circuits")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_WG, 0, X, X, X, NONE,
    "wg.other", "use WireGuard in a way not known")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_WG,
    KAUTH_REQ_NETWORK_INTERFACE_WG_GETPRIV, X, X, X, NONE,
    "wg.getpriv", "read WireGuard keys")
RULE(NETWORK, KAUTH_NETWORK_INTERFACE_WG,
    KAUTH_REQ_NETWORK_INTERFACE_WG_SETPRIV, X, X, X, NONE,
    "wg.setpriv", "change WireGuard interfaces")

/* Machine dependent. */
RULE(MACHDEP, KAUTH_MACHDEP_CACHEFLUSH, 0, X, X, X, NONE,
    "cacheflush", "flush caches by privilege")
RULE(MACHDEP, KAUTH_MACHDEP_CPU_UCODE_APPLY, 0, X, X, X, NONE,
    "cpu.ucode", "load microcode")
RULE(MACHDEP, KAUTH_MACHDEP_IOPERM_GET, 0, D, X, X, HARDWARE_INFO,
    "ioperm.get", "read the map of I/O ports")
RULE(MACHDEP, KAUTH_MACHDEP_IOPERM_SET, 0, X, X, X, NONE,
    "ioperm.set", "get access to I/O ports")
RULE(MACHDEP, KAUTH_MACHDEP_IOPL, 0, X, X, X, NONE,
    "iopl", "get access to all I/O ports")
RULE(MACHDEP, KAUTH_MACHDEP_LDT_GET, 0, D, D, X, LDT,
    "ldt.get", "read local descriptor tables")
RULE(MACHDEP, KAUTH_MACHDEP_LDT_SET, 0, D, D, X, LDT,
    "ldt.set", "change local descriptor tables")
RULE(MACHDEP, KAUTH_MACHDEP_MTRR_GET, 0, D, X, X, HARDWARE_INFO,
    "mtrr.get", "read memory type registers")
RULE(MACHDEP, KAUTH_MACHDEP_MTRR_SET, 0, X, X, X, NONE,
    "mtrr.set", "change memory type registers")
RULE(MACHDEP, KAUTH_MACHDEP_NVRAM, 0, X, X, X, NONE,
    "nvram", "use non-volatile memory")
RULE(MACHDEP, KAUTH_MACHDEP_UNMANAGEDMEM, 0, X, X, X, NONE,
    "unmanagedmem", "use memory that is not managed")
RULE(MACHDEP, KAUTH_MACHDEP_PXG, 0, X, X, X, NONE,
    "pxg", "control graphics boards")
RULE(MACHDEP, KAUTH_MACHDEP_SVS_DISABLE, 0, X, X, X, NONE,
    "svs.disable", "turn separate address spaces off")

/* Device. */
RULE(DEVICE, KAUTH_DEVICE_TTY_OPEN, 0, D, D, D, NONE,
    "tty.open", "open terminals that are open already")
/* Of irframe(4), which asks for no more, and lets anybody have a new one. */
RULE(DEVICE, KAUTH_DEVICE_TTY_OPEN, JAIL_REQ_TTY_LINE, X, X, X, NONE,
    "tty.line", "attach a device to a terminal, by its line discipline")
RULE(DEVICE, KAUTH_DEVICE_TTY_PRIVSET, 0, D, X, X, TTY,
    "tty.privset", "change privileged settings of terminals")
RULE(DEVICE, KAUTH_DEVICE_TTY_STI, 0, X, X, X, NONE,
    "tty.sti", "type into terminals")
RULE(DEVICE, KAUTH_DEVICE_RAWIO_SPEC, 0, L, L, L, NONE,
    "rawio.spec.other", "open devices in a way not known")
RULE(DEVICE, KAUTH_DEVICE_RAWIO_SPEC, KAUTH_REQ_DEVICE_RAWIO_SPEC_READ,
    L, L, L, NONE,
    "rawio.spec.read", "open null, zero, full, random, tty, ptys")
RULE(DEVICE, KAUTH_DEVICE_RAWIO_SPEC, KAUTH_REQ_DEVICE_RAWIO_SPEC_WRITE,
    L, L, L, NONE,
    "rawio.spec.write", "the same, to write")
RULE(DEVICE, KAUTH_DEVICE_RAWIO_SPEC, KAUTH_REQ_DEVICE_RAWIO_SPEC_RW,
    L, L, L, NONE,
    "rawio.spec.rw", "the same, to read and write")
RULE(DEVICE, KAUTH_DEVICE_RAWIO_PASSTHRU, 0, X, X, X, NONE,
    "rawio.passthru", "send commands to devices")
RULE(DEVICE, KAUTH_DEVICE_BLUETOOTH_SETPRIV, 0, X, X, X, NONE,
    "bluetooth.setpriv", "change Bluetooth devices")
RULE(DEVICE, KAUTH_DEVICE_RND_ADDDATA, 0, D, D, D, NONE,
    "rnd.adddata", "add data to the random pool")
RULE(DEVICE, KAUTH_DEVICE_RND_ADDDATA_ESTIMATE, 0, X, X, X, NONE,
    "rnd.estimate", "add data to the random pool and be believed")
RULE(DEVICE, KAUTH_DEVICE_RND_GETPRIV, 0, X, X, X, NONE,
    "rnd.getpriv", "read the state of the random pool")
RULE(DEVICE, KAUTH_DEVICE_RND_SETPRIV, 0, X, X, X, NONE,
    "rnd.setpriv", "change the random pool")
RULE(DEVICE, KAUTH_DEVICE_BLUETOOTH_BCSP, 0, X, X, X, NONE,
    "bluetooth.bcsp", "use BCSP in a way not known")
RULE(DEVICE, KAUTH_DEVICE_BLUETOOTH_BCSP,
    KAUTH_REQ_DEVICE_BLUETOOTH_BCSP_ADD, X, X, X, NONE,
    "bluetooth.bcsp.add", "add BCSP devices")
RULE(DEVICE, KAUTH_DEVICE_BLUETOOTH_BTUART, 0, X, X, X, NONE,
    "bluetooth.btuart", "use Bluetooth UARTs in a way not known")
RULE(DEVICE, KAUTH_DEVICE_BLUETOOTH_BTUART,
    KAUTH_REQ_DEVICE_BLUETOOTH_BTUART_ADD, X, X, X, NONE,
    "bluetooth.btuart.add", "add Bluetooth UARTs")
RULE(DEVICE, KAUTH_DEVICE_GPIO_PINSET, 0, X, X, X, NONE,
    "gpio.pinset", "set GPIO pins")
RULE(DEVICE, KAUTH_DEVICE_BLUETOOTH_SEND, 0, X, X, X, NONE,
    "bluetooth.send", "send Bluetooth commands")
RULE(DEVICE, KAUTH_DEVICE_BLUETOOTH_RECV, 0, X, X, X, NONE,
    "bluetooth.recv", "receive Bluetooth packets")
RULE(DEVICE, KAUTH_DEVICE_TTY_VIRTUAL, 0, X, X, X, NONE,
    "tty.virtual", "take over the console")
RULE(DEVICE, KAUTH_DEVICE_WSCONS_KEYBOARD_BELL, 0, X, X, X, NONE,
    "wscons.bell", "change the keyboard's bell")
RULE(DEVICE, KAUTH_DEVICE_WSCONS_KEYBOARD_KEYREPEAT, 0, X, X, X, NONE,
    "wscons.keyrepeat", "change the keyboard's repetition")
RULE(DEVICE, KAUTH_DEVICE_NVMM_CTL, 0, X, X, X, NONE,
    "nvmm.ctl", "control virtual machines")

/* Vnode: file systems decide, but for a few. */
VRULE(KAUTH_VNODE_READ_DATA, D, D, D, NONE,
    "read", "read files, list directories")
VRULE(KAUTH_VNODE_WRITE_DATA, D, D, D, NONE,
    "write", "write files, add files to directories")
VRULE(KAUTH_VNODE_EXECUTE, D, D, D, NONE,
    "execute", "execute files, search directories")
VRULE(KAUTH_VNODE_DELETE, D, D, D, NONE,
    "delete", "delete files")
VRULE(KAUTH_VNODE_APPEND_DATA, D, D, D, NONE,
    "append", "append to files, add directories")
VRULE(KAUTH_VNODE_READ_TIMES, D, D, D, NONE,
    "readtimes", "read the times of files")
VRULE(KAUTH_VNODE_WRITE_TIMES, D, D, D, NONE,
    "writetimes", "change the times of files")
VRULE(KAUTH_VNODE_READ_FLAGS, D, D, D, NONE,
    "readflags", "read the flags of files")
VRULE(KAUTH_VNODE_WRITE_FLAGS, D, D, D, NONE,
    "writeflags", "change the flags of files")
VRULE(KAUTH_VNODE_READ_SYSFLAGS, D, D, D, NONE,
    "readsysflags", "read the system flags of files")
VRULE(KAUTH_VNODE_WRITE_SYSFLAGS, X, X, X, NONE,
    "writesysflags", "change the system flags of files")
VRULE(KAUTH_VNODE_RENAME, D, D, D, NONE,
    "rename", "rename files")
VRULE(KAUTH_VNODE_CHANGE_OWNERSHIP, D, D, D, NONE,
    "chown", "change the owners of files")
VRULE(KAUTH_VNODE_READ_SECURITY, D, D, D, NONE,
    "readsecurity", "read the access lists of files")
VRULE(KAUTH_VNODE_WRITE_SECURITY, D, D, D, NONE,
    "writesecurity", "change the modes and access lists of files")
VRULE(KAUTH_VNODE_READ_ATTRIBUTES, D, D, D, NONE,
    "readattributes", "read the attributes of files")
VRULE(KAUTH_VNODE_WRITE_ATTRIBUTES, D, D, D, NONE,
    "writeattributes", "change the attributes of files")
VRULE(KAUTH_VNODE_READ_EXTATTRIBUTES, D, X, X, EXTATTR,
    "readextattr", "read extended attributes of files")
VRULE(KAUTH_VNODE_WRITE_EXTATTRIBUTES, D, X, X, EXTATTR,
    "writeextattr", "change extended attributes of files")
VRULE(KAUTH_VNODE_RETAIN_SUID, D, D, D, NONE,
    "retainsuid", "keep set-user-id when writing")
VRULE(KAUTH_VNODE_RETAIN_SGID, D, D, D, NONE,
    "retainsgid", "keep set-group-id when writing")
/*
 * Denied at low too, unlike in the facts: any node with the number of the
 * host's terminal, if only left behind, would let a jail kill it.
 */
VRULE(KAUTH_VNODE_REVOKE, X, X, X, REVOKE,
    "revoke", "revoke terminals and other devices")
VRULE(KAUTH_VNODE_IS_EXEC, D, D, D, NONE,
    "isexec", "of execute: the file is to be run")
VRULE(KAUTH_VNODE_HAS_SYSFLAGS, D, D, D, NONE,
    "hassysflags", "of writeflags: the file has system flags")
VRULE(KAUTH_VNODE_ACCESS, D, D, D, NONE,
    "access", "of any: only asked by access(2)")
VRULE(KAUTH_VNODE_ADD_LINK, D, D, D, NONE,
    "addlink", "link files")
