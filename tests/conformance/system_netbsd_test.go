package conformance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Every attempt is such that it does no harm if it is wrongly let pass: what
// it names does not exist, or is as it is already; reboot is the exception.

const (
	sysAcct        = 51
	sysReboot      = 208
	sysModctl      = 246
	sysKsemOpen    = 248
	sysKsemUnlink  = 249
	sysKsemClose   = 250
	sysMqOpen      = 257
	sysMqClose     = 258
	sysMqUnlink    = 259
	sysSwapctl     = 271
	sysFchroot     = 297
	sysExtattrSet  = 361
	sysGetfh       = 395
	sysFhopen      = 396
	sysPsetCreate  = 412
	sysPsetDestroy = 413
	sysPsetAssign  = 414
	sysPsetBind    = 415
	sysFhstat      = 451
	sysQuotactl    = 473
	sysFhstatvfs   = 486

	sysShmget  = 231
	sysMsgget  = 225
	sysShmctl  = 443
	sysMsgctl  = 444
	ipcCreate  = 0o1000
	ipcRemove  = 0
	ipcSet     = 1
	ipcStat    = 2
	shmLock    = 3
	shmUnlock  = 4
	rbNoSync   = 4
	mntUpdate  = 0x00010000
	mntGetArgs = 0x00400000
)

func init() {
	register(
		attempt{name: "acct", rules: []string{"system accounting"}, do: func(int) error {
			return call(sysAcct, text("/no/such/file"))
		}},
		attempt{name: "acct off", rules: []string{"system accounting"}, do: func(int) error {
			return call(sysAcct, 0) // as it is
		}},
		attempt{name: "chroot", rules: []string{"system chroot.chroot"}, do: func(int) error {
			return unix.Chroot("/")
		}},
		attempt{name: "fchroot", rules: []string{"system chroot.fchroot"}, do: func(int) error {
			fd, err := unix.Open("/", unix.O_RDONLY, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return call(sysFchroot, uintptr(fd))
		}},
		attempt{name: "getfh", rules: []string{"system filehandle"}, do: func(int) error {
			size, length := buffer(8)
			binary.LittleEndian.PutUint64(length, 256)
			handle, _ := buffer(256)
			return call(sysGetfh, text("/"), handle, size)
		}},
		attempt{name: "fhopen", rules: []string{"system filehandle"}, do: func(int) error {
			handle, _ := buffer(32)
			return call(sysFhopen, handle, 32, unix.O_RDONLY)
		}},
		attempt{name: "fhstat", rules: []string{"system filehandle"}, do: func(int) error {
			handle, _ := buffer(32)
			status, _ := buffer(512)
			return call(sysFhstat, handle, 32, status)
		}},
		attempt{name: "fhstatvfs", rules: []string{"system filehandle"}, do: func(int) error {
			handle, _ := buffer(32)
			status, _ := buffer(8192)
			return call(sysFhstatvfs, handle, 32, status, 1)
		}},
		attempt{name: "mknod", rules: []string{"system mknod"}, do: func(int) error {
			defer os.Remove("/tmp/node")
			return unix.Mknod("/tmp/node", unix.S_IFCHR|0o666, int(unix.Mkdev(2, 2)))
		}},
		attempt{name: "mount", rules: []string{"system mount.new"}, do: func(int) error {
			return call(unix.SYS_MOUNT, text("tmpfs"), text("/tmp"), 0, 0, 0)
		}},
		attempt{name: "mount update", rules: []string{"system mount.update"}, do: func(int) error {
			return call(unix.SYS_MOUNT, text("tmpfs"), text("/mnt"), mntUpdate, 0, 0)
		}},
		attempt{name: "mount get", rules: []string{"system mount.get"}, do: func(int) error {
			args, _ := buffer(40)
			return call(unix.SYS_MOUNT, text("tmpfs"), text("/mnt"), mntGetArgs, args, 40)
		}},
		attempt{name: "unmount", rules: []string{"system mount.unmount"}, do: func(int) error {
			return unix.Unmount("/mnt/directory", 0) // no mount's root
		}},
		attempt{name: "pset_create", rules: []string{"system pset.create"}, do: func(int) error {
			return call(sysPsetCreate, 0) // made, and unmade for want of an address
		}},
		attempt{name: "pset_destroy", rules: []string{"system pset.destroy"}, do: func(int) error {
			return call(sysPsetDestroy, 99)
		}},
		attempt{name: "pset_assign", rules: []string{"system pset.assign"}, do: func(int) error {
			return call(sysPsetAssign, 99, 99, 0)
		}},
		attempt{name: "pset_bind", rules: []string{"system pset.bind"}, do: func(int) error {
			return call(sysPsetBind, 0, 0, 0, 99, 0)
		}},
		attempt{name: "reboot", rules: []string{"system reboot"}, disposable: true, do: func(int) error {
			return call(sysReboot, rbNoSync, 0)
		}},
		attempt{name: "swapctl", rules: []string{"system swapctl"}, do: func(int) error {
			const off = 2
			return call(sysSwapctl, off, text("/no/such/file"), 0)
		}},
		attempt{name: "sysctl create", rules: []string{"system sysctl.add"}, nobody: true, do: func(int) error {
			n := unix.Sysctlnode{Flags: unix.SYSCTL_VERS_1 | 0x171, Num: -1}
			setName(&n, "conformance")
			return change([]int32{unix.CTL_KERN, -3}, &n)
		}},
		attempt{name: "sysctl destroy", rules: []string{"system sysctl.delete"}, nobody: true, do: func(int) error {
			n := unix.Sysctlnode{Flags: unix.SYSCTL_VERS_1, Num: 99999}
			return change([]int32{unix.CTL_KERN, -5}, &n)
		}},
		attempt{name: "sysctl describe", rules: []string{"system sysctl.desc"}, do: func(int) error {
			words := append([]byte("conformance"), 0)
			n := unix.Sysctlnode{Flags: unix.SYSCTL_VERS_1, Num: 99999}
			setDescription(&n, words)
			return change([]int32{unix.CTL_KERN, -7}, &n)
		}},
		attempt{name: "sysctl write", rules: []string{"system sysctl.modify"}, do: func(int) error {
			return rewrite("net.inet.ip.ttl")
		}},
		attempt{name: "sysctl private", rules: []string{"system sysctl.private"}, do: func(int) error {
			return read("kern.entropy.needed")
		}},
		attempt{name: "interrupt affinity", rules: []string{"system intr.affinity"}, do: func(int) error {
			return read("kern.intr.affinity")
		}},
		attempt{name: "clock_settime", rules: []string{"system time.system"}, do: func(int) error {
			now := time.Now()
			at := timespec(now.Unix(), int64(now.Nanosecond()))
			return call(428, 0, at)
		}},
		attempt{name: "settimeofday", rules: []string{"system time.system"}, do: func(int) error {
			now := time.Now()
			return call(419, timespec(now.Unix(), int64(now.Nanosecond()/1000)), 0)
		}},
		attempt{name: "adjtime", rules: []string{"system time.adjtime"}, do: func(int) error {
			return call(421, timespec(0, 0), 0)
		}},
		attempt{name: "ntp_adjtime", rules: []string{"system time.ntpadjtime"}, do: func(int) error {
			const modEstError = 0x0008
			p, b := buffer(256)
			binary.LittleEndian.PutUint32(b, modEstError)
			if n, err := result(176, p); err != nil || n < 0 {
				return err
			}
			return nil
		}},
		attempt{name: "modctl load", rules: []string{"system module"}, do: func(int) error {
			p, b := buffer(32)
			binary.LittleEndian.PutUint64(b, uint64(text("/no/such/module.kmod")))
			return call(sysModctl, 0, p)
		}},
		attempt{name: "modctl unload", rules: []string{"system module"}, do: func(int) error {
			return call(sysModctl, 1, text("nosuchmodule"))
		}},
		// A denied autoload looks like a module that isn't there.
		attempt{name: "module autoload", rules: []string{"system module"}, denied: []unix.Errno{unix.ENODEV}, do: func(int) error {
			return call(unix.SYS_MOUNT, text("nosuchfs"), text("/tmp"), 0, 0, 0)
		}},
		attempt{name: "quotactl cursoropen", rules: []string{"system quota.get"}, do: func(int) error {
			return quotactl(6)
		}},
		attempt{name: "quotactl quotaon", rules: []string{"system quota.onoff"}, do: func(int) error {
			return quotactl(12)
		}},
		// Of a file's own attributes the vnode scope is asked then, too.
		attempt{name: "extattr", rules: []string{"system fs.extattr"}, quiet: []string{"vnode writeextattr"}, denied: []unix.Errno{unix.EOPNOTSUPP}, do: func(int) error {
			value, _ := buffer(1)
			return call(sysExtattrSet, text("/tmp/file"), 2, text("conformance"), value, 1)
		}},
		attempt{name: "semaphore", rules: []string{"system semaphore"}, do: semaphore},
		attempt{name: "message queue", rules: []string{"system mqueue"}, do: func(int) error {
			name := text("/c" + strconv.Itoa(os.Geteuid()))
			d, err := result(sysMqOpen, name, unix.O_CREAT|unix.O_RDWR, 0o600, 0)
			if err != nil {
				return fmt.Errorf("mq_open: %v", err)
			}
			return errors.Join(call(sysMqClose, uintptr(d)), call(sysMqUnlink, name))
		}},
		attempt{name: "shared memory", rules: []string{"system sysvipc.bypass"}, do: func(int) error {
			return segment(func(int) error { return nil })
		}},
		attempt{name: "shmctl lock", rules: []string{"system sysvipc.bypass", "system sysvipc.lock"}, do: func(int) error {
			return segment(func(id int) error { return call(sysShmctl, uintptr(id), shmLock, 0) })
		}},
		attempt{name: "shmctl unlock", rules: []string{"system sysvipc.bypass", "system sysvipc.unlock"}, do: func(int) error {
			return segment(func(id int) error { return call(sysShmctl, uintptr(id), shmUnlock, 0) })
		}},
		attempt{name: "msgctl oversize", rules: []string{"system sysvipc.bypass", "system sysvipc.oversize"}, do: oversize},
	)
}

// setName gives a node its name.
func setName(n *unix.Sysctlnode, name string) {
	for i := range name {
		n.Name[i] = int8(name[i])
	}
}

// setDescription points at a description.
func setDescription(n *unix.Sysctlnode, words []byte) {
	kept = append(kept, words)
	binary.LittleEndian.PutUint64((*[8]byte)(unsafe.Pointer(&n.X_sysctl_desc))[:], uint64(uintptr(unsafe.Pointer(&words[0]))))
}

// change asks for a change of the tree of nodes.
func change(mib []int32, n *unix.Sysctlnode) error {
	_, err := sysctl(mib, make([]byte, 4096), unsafe.Slice((*byte)(unsafe.Pointer(n)), int(unsafe.Sizeof(*n))))
	return err
}

// timespec is the address of two numbers.
func timespec(a, b int64) uintptr {
	p, buf := buffer(16)
	binary.LittleEndian.PutUint64(buf, uint64(a))
	binary.LittleEndian.PutUint64(buf[8:], uint64(b))
	return p
}

func quotactl(op uint32) error {
	args, b := buffer(64)
	binary.LittleEndian.PutUint32(b, op)
	cursor, _ := buffer(128)
	binary.LittleEndian.PutUint64(b[8:], uint64(cursor))
	if op == 12 { // int idtype; const char *quotafile
		binary.LittleEndian.PutUint64(b[8:], 0)
		binary.LittleEndian.PutUint64(b[16:], uint64(text("/no/such/file")))
	}
	return call(sysQuotactl, text("/tmp/file"), args)
}

// semaphore makes a semaphore and opens it again: only then the model is
// asked.
func semaphore(int) error {
	name := text("/c" + strconv.Itoa(os.Geteuid()))
	id, b := buffer(8)
	if err := call(sysKsemOpen, name, unix.O_CREAT, 0o600, 1, id); err != nil {
		return err
	}
	if err := call(sysKsemClose, uintptr(binary.LittleEndian.Uint64(b))); err != nil {
		return fmt.Errorf("close: %v", err)
	}
	if err := call(sysKsemOpen, name, 0, 0, 0, id); err != nil {
		return err
	}
	if err := call(sysKsemClose, uintptr(binary.LittleEndian.Uint64(b))); err != nil {
		return fmt.Errorf("close: %v", err)
	}
	return call(sysKsemUnlink, name)
}

// segment makes shared memory and uses it: only then the model is asked.
func segment(use func(id int) error) error {
	key := uintptr(0x6a00 + os.Geteuid())
	if id, err := result(sysShmget, key, 4096, ipcCreate|0o600); err != nil {
		return err
	} else if err := use(id); err != nil {
		return err
	}
	id, err := result(sysShmget, key, 4096, 0o600)
	if err != nil {
		return err
	}
	return call(sysShmctl, uintptr(id), ipcRemove, 0)
}

// oversize makes a queue and wants it larger than may be.
func oversize(int) error {
	key := uintptr(0x6b00 + os.Geteuid())
	id, err := result(sysMsgget, key, ipcCreate|0o600)
	if err != nil {
		return err
	}
	p, b := buffer(256)
	if err := call(sysMsgctl, uintptr(id), ipcStat, p); err != nil {
		return err
	}
	// struct msqid_ds: perm (48 bytes), qnum, qbytes.
	binary.LittleEndian.PutUint64(b[msgQbytes:], binary.LittleEndian.Uint64(b[msgQbytes:])+1)
	return errors.Join(call(sysMsgctl, uintptr(id), ipcSet, p), call(sysMsgctl, uintptr(id), ipcRemove, 0))
}
