package conformance

// elsewhere are rules that tests of their own are about.
var elsewhere = []string{"network bind.port", "network bind.privport", "network bind.auto"} // port_test.go

const notSeen = "hostkern does not see what asks it: it is Linux's own"

var reasons = map[string][]string{
	"no kernel makes such a request yet": unknown,
	"Linux has nothing like it": {
		"system chroot.fchroot", "system chsysflags", "system cpu.setstate", "system debug", "system mount.get",
		"system mount.umap", "system mount.device", "system pset.assign", "system pset.bind", "system pset.create",
		"system pset.destroy", "system setidcore", "system sysctl.add", "system sysctl.delete", "system sysctl.desc",
		"system time.adjtime", "system time.rtcoffset", "system time.timecounters", "system quota.nolimit",
		"system veriexec.access", "system veriexec.modify", "system devmapper", "system mapvazero", "system lfs.markv",
		"system lfs.bmapv", "system lfs.segclean", "system lfs.segwait", "system lfs.fcntl", "system fs.snapshot",
		"system intr.affinity", "system semaphore", "system sysvipc.oversize", "generic superuser",
		"process ktrace", "process ktrace.persistent", "process corename.get", "process corename.set", "process stopflag",
		"network altq.afmap", "network altq.blue", "network altq.cbq", "network altq.cdnr", "network altq.conf",
		"network altq.fifoq", "network altq.hfsc", "network altq.jobs", "network altq.priq", "network altq.red",
		"network altq.rio", "network altq.wfq", "network firewall.nat", "network interface.get", "network interface.set",
		"network interface.getpriv", "network interface.firmware", "network forwsrcrt", "network nfs.export",
		"network nfs.svc", "network route.get", "network socket.rawsock", "network socket.setpriv", "network ppp.add",
		"network slip.add", "network strip.add", "network bridge.getpriv", "network pvc.add", "network ipv6.joinmulticast",
		"network smb.shareaccess", "network smb.sharecreate", "network smb.vcaccess", "network smb.vccreate",
		"network wg.getpriv", "network wg.setpriv", "machdep cacheflush", "machdep cpu.ucode", "machdep ioperm.get",
		"machdep mtrr.get", "machdep mtrr.set", "machdep nvram", "machdep unmanagedmem", "machdep pxg", "machdep svs.disable",
		"device tty.privset", "device rawio.passthru", "device bluetooth.setpriv", "device bluetooth.bcsp.add",
		"device bluetooth.btuart.add", "device gpio.pinset", "device bluetooth.send", "device bluetooth.recv",
		"device wscons.bell", "device wscons.keyrepeat", "device nvmm.ctl", "device tty.open", "device tty.line",
		"vnode readtimes", "vnode readflags", "vnode writeflags", "vnode readsysflags", "vnode readsecurity",
		"vnode readattributes", "vnode writeattributes", "vnode readextattr", "vnode writeextattr", "vnode retainsuid",
		"vnode retainsgid", "vnode hassysflags", "vnode isexec",
	},
	notSeen: {
		"system sysctl.private", "system fs.reservedspace", "system fs.extattr", "process cansee.args",
		"process cansee.env", "process cansee.eproc", "process cansee.kptr", "process procfs.read", "process procfs.rw",
		"process procfs.write", "process rlimit.bypass", "process setid", "network socket.cansee", "network socket.drop",
		"vnode read", "vnode write", "vnode append", "vnode execute", "vnode delete", "vnode rename", "vnode addlink",
		"vnode chown", "vnode writesecurity", "vnode writetimes", "vnode access",
	},
}
