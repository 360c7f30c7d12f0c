package root

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// kernel mounts with Linux's calls on descriptors: a mount gets its flags
// before it can be seen, and what is mounted over it does not show elsewhere.
type kernel struct{}

func (kernel) Null(source, target string, f Flags) error {
	attr := unix.MountAttr{Propagation: unix.MS_PRIVATE}
	if f.ReadOnly {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if f.NoSetuid {
		attr.Attr_set |= unix.MOUNT_ATTR_NOSUID
	}
	if f.NoDevices {
		attr.Attr_set |= unix.MOUNT_ATTR_NODEV
	}
	return bind(source, target, &attr)
}

func bind(source, target string, attr *unix.MountAttr) error {
	fd, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return os.NewSyscallError("open_tree", err)
	}
	defer unix.Close(fd)
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, attr); err != nil {
		return os.NewSyscallError("mount_setattr", err)
	}
	err = unix.MoveMount(fd, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH)
	return os.NewSyscallError("move_mount", err)
}

func (kernel) Devices(target string) error {
	return os.NewSyscallError("mount", unix.Mount("jail", target, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=755,size=1m,nr_inodes=4096"))
}

// Node makes the node, or in a user namespace shows the host's.
func (kernel) Node(dir string, n Node) error {
	path := filepath.Join(dir, n.Name)
	dev := unix.Mkdev(n.Major, n.Minor)
	err := unix.Mknod(path, unix.S_IFCHR|n.Mode, int(dev))
	if err == nil {
		// mknod(2) heeds the umask.
		return unix.Chmod(path, n.Mode)
	}
	if err != unix.EPERM {
		return os.NewSyscallError("mknod", err)
	}
	host := "/dev/" + n.Name
	var st unix.Stat_t
	if e := unix.Lstat(host, &st); e != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != dev {
		return os.NewSyscallError("mknod", err)
	}
	f, e := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if e != nil {
		return e
	}
	f.Close()
	// Unmounted with what it stands on; see Unmount.
	if e := bind(host, path, &unix.MountAttr{Propagation: unix.MS_PRIVATE, Attr_set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC}); e != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func (kernel) Terminals(target string) error {
	return os.NewSyscallError("mount", unix.Mount("jail", target, "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"))
}

// noTerminals is how a kernel says that it has no devpts to mount.
func noTerminals(err error) bool {
	return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM)
}

func (kernel) Unmount(target string) error {
	return os.NewSyscallError("umount", unix.Unmount(target, unix.UMOUNT_NOFOLLOW))
}

func (kernel) Below(dir string) ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("what is mounted can not be read: %w", err)
	}
	defer f.Close()
	var below []string
	for lines := bufio.NewScanner(f); ; {
		if !lines.Scan() {
			return below, lines.Err()
		}
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			continue
		}
		if at := unescape(fields[4]); at == dir || strings.HasPrefix(at, strings.TrimSuffix(dir, "/")+"/") {
			below = append(below, at)
		}
	}
}

// unescape undoes mountinfo's \ooo.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// devices of Linux have the same numbers on every machine.
var devices = []Node{
	{Name: "null", Mode: 0o666, Major: 1, Minor: 3},
	{Name: "zero", Mode: 0o666, Major: 1, Minor: 5},
	{Name: "full", Mode: 0o666, Major: 1, Minor: 7},
	{Name: "random", Mode: 0o666, Major: 1, Minor: 8},
	{Name: "urandom", Mode: 0o666, Major: 1, Minor: 9},
	{Name: "tty", Mode: 0o666, Major: 5, Minor: 0},
}

var deviceLinks = []link{
	{"pts/ptmx", "ptmx"},
	{"/proc/self/fd", "fd"},
	{"/proc/self/fd/0", "stdin"},
	{"/proc/self/fd/1", "stdout"},
	{"/proc/self/fd/2", "stderr"},
}

// openBeneath also notices a bind mount of the same device.
func openBeneath(at int, name, path string) (*os.File, error) {
	for {
		fd, err := unix.Openat2(at, name, &unix.OpenHow{
			Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
		})
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), path), nil
		case unix.EINTR, unix.EAGAIN:
		case unix.ENOSYS:
			return openDir(at, name, path)
		case unix.EXDEV:
			return nil, fmt.Errorf("%s is not removed: it is %w", path, ErrMounted)
		case unix.ENOENT:
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		default:
			if linkError(err) {
				return nil, fmt.Errorf("%s: %w", path, ErrLink)
			}
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

func linkError(err error) bool { return err == unix.ELOOP || err == unix.ENOTDIR }

func isNotEmpty(err error) bool {
	return errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST)
}

func freeBytes(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, os.NewSyscallError("statfs", err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}

func syncFileSystem(f *os.File) error {
	return os.NewSyscallError("syncfs", unix.Syncfs(int(f.Fd())))
}
