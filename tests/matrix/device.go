package matrix

var device = []Row{
	{"tty.open", "TTY_OPEN", "", D, "", "asked with a spin lock held; whose terminal it is, the device list and /dev decide"},
	{"tty.line", "TTY_OPEN", "=TTY_LINE", X, "", "attaches devices to the machine"},
	{"tty.privset", "TTY_PRIVSET", "", M, "tty", "settings of a terminal that is one's own, or the host's"},
	{"tty.sti", "TTY_STI", "", X, "", "types commands into whoever's terminal it is, the host's root's perhaps"},
	{"rawio.spec.other", "RAWIO_SPEC", "", L, "", "the list holds whatever the mode"},
	{"rawio.spec.read", "RAWIO_SPEC", "RAWIO_SPEC_READ", L, "", listed},
	{"rawio.spec.write", "RAWIO_SPEC", "RAWIO_SPEC_WRITE", L, "", listed},
	{"rawio.spec.rw", "RAWIO_SPEC", "RAWIO_SPEC_RW", L, "", listed},
	{"rawio.passthru", "RAWIO_PASSTHRU", "", X, "", "speaks to devices past the kernel"},
	{"bluetooth.setpriv", "BLUETOOTH_SETPRIV", "", X, "", hardware},
	{"rnd.adddata", "RND_ADDDATA", "", D, "", "what is added can't make the pool worse"},
	{"rnd.estimate", "RND_ADDDATA_ESTIMATE", "", X, "", "would have the pool believe what one knows"},
	{"rnd.getpriv", "RND_GETPRIV", "", X, "", "reads what random numbers are made of"},
	{"rnd.setpriv", "RND_SETPRIV", "", X, "", "turns sources of the whole host off"},
	{"bluetooth.bcsp", "BLUETOOTH_BCSP", "", X, "", unknown},
	{"bluetooth.bcsp.add", "BLUETOOTH_BCSP", "BLUETOOTH_BCSP_ADD", X, "", hardware},
	{"bluetooth.btuart", "BLUETOOTH_BTUART", "", X, "", unknown},
	{"bluetooth.btuart.add", "BLUETOOTH_BTUART", "BLUETOOTH_BTUART_ADD", X, "", hardware},
	{"gpio.pinset", "GPIO_PINSET", "", X, "", "pins move things"},
	{"bluetooth.send", "BLUETOOTH_SEND", "", X, "", hardware},
	{"bluetooth.recv", "BLUETOOTH_RECV", "", X, "", hardware},
	{"tty.virtual", "TTY_VIRTUAL", "", X, "", "would read what the kernel and the host's root say"},
	{"wscons.bell", "WSCONS_KEYBOARD_BELL", "", X, "", hardware},
	{"wscons.keyrepeat", "WSCONS_KEYBOARD_KEYREPEAT", "", X, "", hardware},
	{"nvmm.ctl", "NVMM_CTL", "", X, "", "the machine beneath machines"},
}

const (
	listed   = "asked at every open of a device: what is not on the list could be a disk, memory, or packets"
	hardware = "hardware is the host's"
)

// Actions of the vnode scope are bits, asked together.
var vnode = []Row{
	{"read", "READ_DATA", "", D, "", files},
	{"write", "WRITE_DATA", "", D, "", files},
	{"execute", "EXECUTE", "", D, "", files},
	{"delete", "DELETE", "", D, "", files},
	{"append", "APPEND_DATA", "", D, "", files},
	{"readtimes", "READ_TIMES", "", D, "", files},
	{"writetimes", "WRITE_TIMES", "", D, "", files},
	{"readflags", "READ_FLAGS", "", D, "", files},
	{"writeflags", "WRITE_FLAGS", "", D, "", "an owner's flags bind the owner only"},
	{"readsysflags", "READ_SYSFLAGS", "", D, "", files},
	{"writesysflags", "WRITE_SYSFLAGS", "", X, "", "what the host has made immutable stays so"},
	{"rename", "RENAME", "", D, "", files},
	{"chown", "CHANGE_OWNERSHIP", "", D, "", "root in a jail installs software"},
	{"readsecurity", "READ_SECURITY", "", D, "", files},
	{"writesecurity", "WRITE_SECURITY", "", D, "", "set-user-id files are of use within; the host keeps its users out of the tree"},
	{"readattributes", "READ_ATTRIBUTES", "", D, "", files},
	{"writeattributes", "WRITE_ATTRIBUTES", "", D, "", files},
	{"readextattr", "READ_EXTATTRIBUTES", "", M, "extattr", "those of the system's name space may mean something to the host, and the name space is not told"},
	{"writeextattr", "WRITE_EXTATTRIBUTES", "", M, "extattr", "the same; and FFSv1 keeps all files' attributes of a name in one file, made where the first is set"},
	{"retainsuid", "RETAIN_SUID", "", D, "", files},
	{"retainsgid", "RETAIN_SGID", "", D, "", files},
	{"revoke", "REVOKE", "", X, "revoke", "on any node with the number of the host's terminal it ends that terminal; the device list is not asked"},
	{"isexec", "IS_EXEC", "", D, "", "only says more of another action"},
	{"hassysflags", "HAS_SYSFLAGS", "", D, "", "only says more of another action"},
	{"access", "ACCESS", "", D, "", "only says more of another action"},
	{"addlink", "ADD_LINK", "", D, "", files},
}

const files = "within its root a jail's files are the file system's to judge, as without a jail"
