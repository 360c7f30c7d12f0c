package root

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernel mounts with mount(2), which golang.org/x/sys/unix has no function
// for. The caller has made sure that no path holds a link of the jail's.
type kernel struct{}

// From sys/fstypes.h.
const (
	mntReadOnly = 0x00000001
	mntNoExec   = 0x00000004
	mntNoSuid   = 0x00000008
	mntNoDev    = 0x00000010
	mntNoWait   = 2
)

// mount's arguments are the file system's own struct.
func mount(kind, target string, flags int, args unsafe.Pointer, size uintptr) error {
	k, err := unix.BytePtrFromString(kind)
	if err != nil {
		return err
	}
	t, err := unix.BytePtrFromString(target)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(unix.SYS_MOUNT, uintptr(unsafe.Pointer(k)), uintptr(unsafe.Pointer(t)), uintptr(flags), uintptr(args), size, 0)
	if errno != 0 {
		return os.NewSyscallError("mount", errno)
	}
	return nil
}

// nullArgs is struct null_args: the path, then room that old programs used.
type nullArgs struct {
	target *byte
	_      [256]byte
}

func (kernel) Null(source, target string, f Flags) error {
	s, err := unix.BytePtrFromString(source)
	if err != nil {
		return err
	}
	flags := 0
	if f.ReadOnly {
		flags |= mntReadOnly
	}
	if f.NoSetuid {
		flags |= mntNoSuid
	}
	if f.NoDevices {
		flags |= mntNoDev
	}
	args := &nullArgs{target: s}
	err = mount("null", target, flags, unsafe.Pointer(args), unsafe.Sizeof(*args))
	runtime.KeepAlive(s)
	return err
}

// tmpfsArgs is struct tmpfs_args, version 1. The explicit words give the
// same layout on every architecture.
type tmpfsArgs struct {
	version uint32
	_       [pad64]uint32
	nodes   uint64
	size    uint64
	uid     uint32
	gid     uint32
	mode    uint32
	_       [pad64]uint32
}

// pad64 is 1 where a 64-bit integer stands at multiples of 8: everywhere but
// on i386.
const pad64 = 1 - is386

func (kernel) Devices(target string) error {
	args := &tmpfsArgs{version: 1, nodes: 4096, size: 1 << 20, mode: 0o755}
	return mount("tmpfs", target, mntNoSuid|mntNoExec, unsafe.Pointer(args), unsafe.Sizeof(*args))
}

// ptyfsArgs is struct ptyfs_args, version 2. Group 4 is tty.
type ptyfsArgs struct {
	version uint32
	gid     uint32
	mode    uint32
	flags   uint32
}

// errHostTerminals is why a jail gets no ptyfs.
var errHostTerminals = errors.New("the host's own would be among them; mount ptyfs at the host's /dev/pts before it starts")

// hostHasTerminals is whether the host's new terminals stay with the host: the
// kernel has them in the oldest ptyfs that there is.
func hostHasTerminals(all []mounted) bool {
	first := slices.IndexFunc(all, func(m mounted) bool { return m.kind == "ptyfs" })
	return first >= 0 && all[first].at == "/dev/pts"
}

func (kernel) Terminals(target string) error {
	all, err := allMounted()
	if err != nil {
		return err
	}
	if !hostHasTerminals(all) {
		return errHostTerminals
	}
	args := &ptyfsArgs{version: 2, gid: 4, mode: 0o620}
	return mount("ptyfs", target, mntNoSuid|mntNoExec, unsafe.Pointer(args), unsafe.Sizeof(*args))
}

// noTerminals is how a kernel says that it has no ptyfs, or we that the host
// has none.
func noTerminals(err error) bool {
	return errors.Is(err, unix.ENODEV) || errors.Is(err, errHostTerminals)
}

func (kernel) Unmount(target string) error {
	return os.NewSyscallError("unmount", unix.Unmount(target, 0))
}

// Node takes the major number from the kernel: it differs between
// architectures.
func (kernel) Node(dir string, n Node) error {
	major, err := driverMajor(n.Driver)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, n.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := unix.Mknod(path, unix.S_IFCHR|n.Mode, int(unix.Mkdev(major, n.Minor))); err != nil {
		return os.NewSyscallError("mknod", err)
	}
	// mknod(2) heeds the umask.
	return unix.Chmod(path, n.Mode)
}

// driverMajor looks in kern.drivers, an array of struct kinfo_drivers.
func driverMajor(name string) (uint32, error) {
	raw, err := unix.SysctlRaw("kern.drivers")
	if err != nil {
		return 0, fmt.Errorf("kern.drivers: %w", err)
	}
	const size = 32 // two majors, then the name
	for ; len(raw) >= size; raw = raw[size:] {
		got, _, _ := bytes.Cut(raw[8:size], []byte{0})
		major := int32(binary.NativeEndian.Uint32(raw))
		if string(got) == name && major >= 0 {
			return uint32(major), nil
		}
	}
	return 0, fmt.Errorf("%s: %w", name, errNoDriver)
}

// devices as MAKEDEV(8) has them, without those that reach the host.
var devices = []Node{
	{Name: "null", Mode: 0o666, Driver: "mem", Minor: 2},
	{Name: "zero", Mode: 0o666, Driver: "mem", Minor: 12},
	{Name: "full", Mode: 0o666, Driver: "mem", Minor: 11},
	{Name: "random", Mode: 0o444, Driver: "rnd", Minor: 0},
	{Name: "urandom", Mode: 0o644, Driver: "rnd", Minor: 1},
	{Name: "tty", Mode: 0o666, Driver: "ctty", Minor: 0},
	{Name: "ptmx", Mode: 0o666, Driver: "ptm", Minor: 0},
	{Name: "ptm", Mode: 0o666, Driver: "ptm", Minor: 1},
	{Name: "stdin", Mode: 0o666, Driver: "filedesc", Minor: 0},
	{Name: "stdout", Mode: 0o666, Driver: "filedesc", Minor: 1},
	{Name: "stderr", Mode: 0o666, Driver: "filedesc", Minor: 2},
	{Name: "fd/0", Mode: 0o666, Driver: "filedesc", Minor: 0},
	{Name: "fd/1", Mode: 0o666, Driver: "filedesc", Minor: 1},
	{Name: "fd/2", Mode: 0o666, Driver: "filedesc", Minor: 2},
	{Name: "fd/3", Mode: 0o666, Driver: "filedesc", Minor: 3},
	{Name: "fd/4", Mode: 0o666, Driver: "filedesc", Minor: 4},
	{Name: "fd/5", Mode: 0o666, Driver: "filedesc", Minor: 5},
	{Name: "fd/6", Mode: 0o666, Driver: "filedesc", Minor: 6},
	{Name: "fd/7", Mode: 0o666, Driver: "filedesc", Minor: 7},
	{Name: "fd/8", Mode: 0o666, Driver: "filedesc", Minor: 8},
	{Name: "fd/9", Mode: 0o666, Driver: "filedesc", Minor: 9},
}

var deviceLinks []link

// The calls since NetBSD 10; those that golang.org/x/sys/unix has need
// COMPAT_90 in the kernel.
const (
	sysGetvfsstat = 483
	sysStatvfs1   = 484
)

// Where f_mntonname stands in struct statvfs, and the struct's size: four
// words; twelve counters of 64 bits; two of 32; two words; the owner; four
// spare of 64 bits; then names of 32 and three times 1024 bytes.
const (
	word      = unsafe.Sizeof(uintptr(0))
	owner     = 4*word + 12*8 + 2*4 + 2*word
	spare     = owner + 4 + (4*pad64)*((owner+4)/4%2)
	fragment  = 2 * word
	available = 4*word + 2*8
	mntOnName = spare + 4*8 + 32
	statvfs   = mntOnName + 3*1024
)

// mounted is a file system that is mounted.
type mounted struct {
	kind, at string
}

// allMounted is what is mounted, the oldest first.
func allMounted() ([]mounted, error) {
	for room := 64; ; room *= 2 {
		buf := make([]byte, room*int(statvfs))
		n, _, errno := unix.Syscall(sysGetvfsstat, uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), mntNoWait)
		if errno != 0 {
			return nil, fmt.Errorf("what is mounted can not be read: %w", os.NewSyscallError("getvfsstat", errno))
		}
		if int(n) >= room {
			continue // there may be more
		}
		all := make([]mounted, n)
		for i := range all {
			st := buf[i*int(statvfs):]
			kind, _, _ := bytes.Cut(st[mntOnName-32:mntOnName], []byte{0})
			at, _, _ := bytes.Cut(st[mntOnName:][:1024], []byte{0})
			all[i] = mounted{string(kind), string(at)}
		}
		return all, nil
	}
}

func (kernel) Below(dir string) ([]string, error) {
	all, err := allMounted()
	if err != nil {
		return nil, err
	}
	var below []string
	for _, m := range all {
		if m.at == dir || strings.HasPrefix(m.at, strings.TrimSuffix(dir, "/")+"/") {
			below = append(below, m.at)
		}
	}
	return below, nil
}

// openBeneath: a null mount has a device number of its own.
func openBeneath(at int, name, path string) (*os.File, error) { return openDir(at, name, path) }

func linkError(err error) bool {
	return err == unix.ELOOP || err == unix.ENOTDIR || err == unix.EFTYPE
}

func isNotEmpty(err error) bool {
	return errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST)
}

func freeBytes(dir string) (int64, error) {
	path, err := unix.BytePtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var buf [statvfs]byte
	if _, _, errno := unix.Syscall(sysStatvfs1, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&buf[0])), mntNoWait); errno != 0 {
		return 0, os.NewSyscallError("statvfs", errno)
	}
	size := uint64(*(*uintptr)(unsafe.Pointer(&buf[fragment])))
	return int64(binary.NativeEndian.Uint64(buf[available:]) * size), nil
}

// syncFileSystem waits for all file systems: there is no call for one.
func syncFileSystem(*os.File) error {
	unix.Sync()
	return nil
}
