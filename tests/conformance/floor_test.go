package conformance

// floor is what nothing can lift, whatever the kernel's table says.
var floor = []string{
	"system accounting", "system cpu.setstate", "system filehandle", "system mknod", "system mount.new", "system mount.update",
	"system mount.unmount", "system mount.umap", "system mount.device", "system pset.assign", "system pset.bind",
	"system pset.create", "system pset.destroy", "system reboot", "system setidcore", "system swapctl", "system sysctl.add",
	"system sysctl.delete", "system sysctl.desc", "system sysctl.modify", "system time.adjtime", "system time.ntpadjtime",
	"system time.rtcoffset", "system time.system", "system time.timecounters", "system module", "system quota.manage",
	"system quota.nolimit", "system quota.onoff", "system veriexec.access", "system veriexec.modify", "system devmapper",
	"system mapvazero", "system lfs.fcntl", "system fs.snapshot", "system intr.affinity", "system kernaddr",
	"process cansee.kptr",
	"network bind.anyaddr", "network firewall.fw", "network firewall.nat", "network interface.setpriv", "network interface.firmware",
	"network nfs.export", "network nfs.svc", "network route.change", "network socket.open.key", "network socket.setpriv",
	"network bridge.setpriv", "network tun.add", "network wg.setpriv", "network ipsec.bypass",
	"machdep iopl", "machdep ioperm.set", "machdep mtrr.set", "machdep nvram", "machdep unmanagedmem", "machdep cpu.ucode",
	"machdep svs.disable", "machdep pxg",
	"device rawio.passthru", "device tty.sti", "device tty.virtual", "device rnd.estimate", "device rnd.setpriv",
	"device gpio.pinset", "device nvmm.ctl",
	"vnode writesysflags",
}

// apart is what keeps a jail from the processes and sockets of others.
var apart = []string{
	"process cansee.args", "process cansee.entry", "process cansee.env", "process cansee.openfiles", "process cansee.eproc",
	"process corename.get", "process corename.set", "process kevent", "process ktrace", "process ktrace.persistent",
	"process nice", "process nice.raise", "process procfs.read", "process procfs.rw", "process procfs.write", "process ptrace",
	"process rlimit.get", "process rlimit.set", "process rlimit.raise", "process scheduler.getaffinity",
	"process scheduler.setaffinity", "process scheduler.getparam", "process scheduler.setparam", "process signal",
	"process stopflag", "network socket.cansee", "network socket.drop",
}

// initProtected are the attempts that nobody in a jail may make at its init.
var initProtected = map[string]bool{
	"kill 0": true, "kill URG": true, "killpg": true, "ptrace": true, "ktrace": true, "procfs write": true, "procfs write only": true,
	"process_vm_writev": true, "pidfd_send_signal": true, "tgkill": true, "tkill": true, "rt_sigqueueinfo": true, "process_vm_readv": true,
	"pidfd_getfd": true,
}
