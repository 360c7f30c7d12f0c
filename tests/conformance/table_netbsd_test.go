package conformance

// elsewhere are rules that tests of their own are about.
var elsewhere = []string{
	"network bind.port", "network bind.privport", "network bind.auto", // TestPorts…
	"network socket.cansee", // TestSocketsAreHidden
}

var reasons = map[string][]string{
	"no kernel makes such a request yet": unknown,
	"it has no call site in this kernel": {
		"system chsysflags", "system debug", "network interface.get", "network interface.set", "network interface.firmware",
		"network pvc.add", "network strip.add", "network forwsrcrt", "network smb.shareaccess", "network smb.sharecreate",
		"network smb.vcaccess", "network smb.vccreate", "machdep cacheflush", "machdep pxg",
		"vnode readtimes", "vnode readflags", "vnode readsysflags", "vnode readsecurity", "vnode readattributes",
		"vnode writeattributes",
	},
	"sysctl.modify is asked first, and denies": {
		"system setidcore", "system time.rtcoffset", "system time.timecounters", "system kernaddr", "system mapvazero",
		"machdep svs.disable",
	},
	"mount.new is asked first, and denies": {"system mount.umap", "system mount.device"},
	"it takes a device that no jail may open": {
		"system cpu.setstate", "system veriexec.access", "system veriexec.modify", "system devmapper", "machdep cpu.ucode",
		"machdep nvram", "machdep unmanagedmem", "network altq.afmap", "network altq.blue", "network altq.cbq",
		"network altq.cdnr", "network altq.conf", "network altq.fifoq", "network altq.hfsc", "network altq.jobs",
		"network altq.priq", "network altq.red", "network altq.rio", "network altq.wfq", "network firewall.fw",
		"network firewall.nat", "network tun.add", "device rawio.passthru", "device tty.privset", "device bluetooth.setpriv",
		"device bluetooth.bcsp.add", "device bluetooth.btuart.add", "device gpio.pinset", "device bluetooth.send",
		"device bluetooth.recv", "device wscons.bell", "device wscons.keyrepeat", "device nvmm.ctl",
		"system fs.snapshot",
	},
	"it takes a file system that the virtual machine lacks: LFS": {
		"system lfs.markv", "system lfs.bmapv", "system lfs.segclean", "system lfs.segwait", "system lfs.fcntl",
	},
	"it takes a file system with quotas":            {"system quota.manage", "system quota.nolimit"},
	"it takes a full file system":                   {"system fs.reservedspace"},
	"it takes Linux emulation or a graphics driver": {"generic superuser"},
	"it takes what the virtual machine's kernel lacks: wg(4), ppp(4), sl(4)": {
		"network wg.getpriv", "network wg.setpriv", "network ppp.add", "network slip.add",
	},
	"interface.setpriv is asked first, and denies":                  {"network bridge.setpriv"},
	"mount.update is asked first, and denies":                       {"network nfs.export"},
	"file systems ask it of a file whose system flags root has set": {"vnode hassysflags"},
	"it takes a 32-bit program":                                     {"machdep ldt.get", "machdep ldt.set"},
	"the amd64 kernel has no system call for it":                    {"machdep ioperm.get", "machdep ioperm.set"},
}
