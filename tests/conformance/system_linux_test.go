package conformance

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Every attempt is such that it does no harm if it is wrongly let pass: what
// it names does not exist, or is as it is already.

func init() {
	register(
		attempt{name: "acct", rules: []string{"system accounting"}, do: func(int) error {
			return unix.Acct("/no/such/file")
		}},
		attempt{name: "chroot", rules: []string{"system chroot.chroot"}, do: func(int) error {
			return unix.Chroot("/")
		}},
		attempt{name: "open_by_handle_at", rules: []string{"system filehandle"}, do: func(int) error {
			h := unix.NewFileHandle(1, make([]byte, 8))
			fd, err := unix.OpenByHandleAt(unix.AT_FDCWD, h, unix.O_RDONLY)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}},
		attempt{name: "name_to_handle_at", rules: []string{"system filehandle"}, do: func(int) error {
			_, _, err := unix.NameToHandleAt(unix.AT_FDCWD, "/", 0)
			return err
		}},
		attempt{name: "sethostname", rules: []string{"system sysctl.modify"}, do: func(int) error {
			return unix.Sethostname(make([]byte, 65)) // longer than may be
		}},
		attempt{name: "setdomainname", rules: []string{"system sysctl.modify"}, do: func(int) error {
			return unix.Setdomainname(make([]byte, 65))
		}},
		attempt{name: "kexec_load", rules: []string{"system reboot"}, do: func(int) error {
			// So many segments can't be: EINVAL.
			return raw(unix.SYS_KEXEC_LOAD, 0, 1<<20, 0, 0)
		}},
		attempt{name: "pivot_root", rules: []string{"system mount.new"}, do: func(int) error {
			return unix.PivotRoot("/no/such/directory", "/no/such/directory")
		}},
		attempt{name: "fspick", rules: []string{"system mount.update"}, do: func(int) error {
			fd, err := unix.Fspick(unix.AT_FDCWD, "/no/such/directory", unix.FSPICK_CLOEXEC)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}},
		attempt{name: "quotactl on", rules: []string{"system quota.onoff"}, do: func(int) error { return quotactl(0x800002) }},
		attempt{name: "quotactl get", rules: []string{"system quota.get"}, do: func(int) error { return quotactl(0x800007) }},
		attempt{name: "quotactl set", rules: []string{"system quota.manage"}, do: func(int) error { return quotactl(0x800008) }},
		attempt{name: "perf_event_open", rules: []string{"system kernaddr"}, do: func(int) error {
			return raw(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, 0, 0) // of nothing: EFAULT
		}},
		attempt{name: "shared memory", rules: []string{"system sysvipc.bypass"}, do: func(int) error {
			return segment(func(int) error { return nil })
		}},
		attempt{name: "shmctl lock", rules: []string{"system sysvipc.bypass", "system sysvipc.lock"}, do: func(int) error {
			return segment(func(id int) error { return raw(unix.SYS_SHMCTL, uintptr(id), 11, 0) })
		}},
		attempt{name: "shmctl unlock", rules: []string{"system sysvipc.bypass", "system sysvipc.unlock"}, do: func(int) error {
			return segment(func(id int) error { return raw(unix.SYS_SHMCTL, uintptr(id), 12, 0) })
		}},
		attempt{name: "mq_unlink", rules: []string{"system mqueue"}, do: func(int) error {
			name := []byte("no-such-queue\x00")
			return raw(unix.SYS_MQ_UNLINK, uintptr(unsafe.Pointer(&name[0])))
		}},
		attempt{name: "mknod", rules: []string{"system mknod"}, do: func(int) error {
			defer os.Remove("/tmp/node")
			return unix.Mknod("/tmp/node", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3)))
		}},
		attempt{name: "mknodat", rules: []string{"system mknod"}, do: func(int) error {
			defer os.Remove("/tmp/node")
			return unix.Mknodat(unix.AT_FDCWD, "/tmp/node", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3)))
		}},
		attempt{name: "mount", rules: []string{"system mount.new"}, do: func(int) error {
			return unix.Mount("none", "/no/such/directory", "tmpfs", 0, "")
		}},
		attempt{name: "mount_setattr", rules: []string{"system mount.update"}, do: func(int) error {
			return unix.MountSetattr(unix.AT_FDCWD, "/no/such/directory", 0, &unix.MountAttr{})
		}},
		attempt{name: "remount", rules: []string{"system mount.update"}, do: func(int) error {
			return unix.Mount("none", "/no/such/directory", "", unix.MS_REMOUNT, "")
		}},
		attempt{name: "fsopen", rules: []string{"system mount.new"}, do: func(int) error {
			fd, err := unix.Fsopen("no-such-file-system", unix.FSOPEN_CLOEXEC)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}},
		attempt{name: "open_tree clone", rules: []string{"system mount.new"}, do: func(int) error {
			fd, err := unix.OpenTree(unix.AT_FDCWD, "/no/such/directory", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}},
		attempt{name: "umount", rules: []string{"system mount.unmount"}, do: func(int) error {
			return unix.Unmount("/no/such/directory", 0)
		}},
		attempt{name: "reboot", rules: []string{"system reboot"}, do: func(int) error {
			return raw(unix.SYS_REBOOT, 1, 2, 3, 0) // no magic: EINVAL
		}},
		attempt{name: "swapon", rules: []string{"system swapctl"}, do: func(int) error {
			path := []byte("/no/such/file\x00")
			return raw(unix.SYS_SWAPON, uintptr(unsafe.Pointer(&path[0])), 0)
		}},
		attempt{name: "swapoff", rules: []string{"system swapctl"}, do: func(int) error {
			path := []byte("/no/such/file\x00")
			return raw(unix.SYS_SWAPOFF, uintptr(unsafe.Pointer(&path[0])))
		}},
		attempt{name: "clock_settime", rules: []string{"system time.system"}, do: func(int) error {
			// No second has so many nanoseconds: EINVAL, after the question.
			return unix.ClockSettime(unix.CLOCK_REALTIME, &unix.Timespec{Sec: time.Now().Unix(), Nsec: -1})
		}},
		attempt{name: "settimeofday", rules: []string{"system time.system"}, do: func(int) error {
			// No microsecond is the millionth: EINVAL, after the question.
			return unix.Settimeofday(&unix.Timeval{Sec: time.Now().Unix(), Usec: 1000000})
		}},
		attempt{name: "adjtimex", rules: []string{"system time.ntpadjtime"}, do: func(int) error {
			// No clock ticks so slowly: EINVAL.
			_, err := unix.Adjtimex(&unix.Timex{Modes: unix.ADJ_TICK, Tick: 1})
			return err
		}},
		attempt{name: "init_module", rules: []string{"system module"}, do: func(int) error {
			return unix.InitModule([]byte("no module"), "")
		}},
		attempt{name: "finit_module", rules: []string{"system module"}, do: func(int) error {
			return unix.FinitModule(-1, "", 0)
		}},
		attempt{name: "delete_module", rules: []string{"system module"}, do: func(int) error {
			return unix.DeleteModule("no_such_module", unix.O_NONBLOCK)
		}},
	)
}

// raw is a system call by its number.
func raw(number uintptr, args ...uintptr) error {
	_, err := result(number, args...)
	return err
}

func result(number uintptr, args ...uintptr) (int, error) {
	var a [6]uintptr
	copy(a[:], args)
	r, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

func quotactl(command uintptr) error {
	device := []byte("/no/such/device\x00")
	return raw(unix.SYS_QUOTACTL, command<<8, uintptr(unsafe.Pointer(&device[0])), 0, 0)
}

// segment makes shared memory and uses it: only then the model is asked.
func segment(use func(id int) error) error {
	const create, remove = 0o1000, 0
	key := uintptr(0x6a00 + os.Geteuid())
	if id, err := result(unix.SYS_SHMGET, key, 4096, create|0o600); err != nil {
		return err
	} else if err := use(id); err != nil {
		return err
	}
	id, err := result(unix.SYS_SHMGET, key, 4096, 0o600)
	if err != nil {
		return err
	}
	return raw(unix.SYS_SHMCTL, uintptr(id), remove, 0)
}
