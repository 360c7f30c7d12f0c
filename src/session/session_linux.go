package session

import (
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/src/account"
)

// eachDescriptor calls f for each open descriptor above 2. It uses no
// os.File, which would set up Go's poller.
func eachDescriptor(f func(fd int)) error {
	dir, err := unix.Open("/proc/self/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: "/proc/self/fd", Err: err}
	}
	defer unix.Close(dir)
	var fds []int
	b := make([]byte, 4096)
	for {
		n, err := unix.ReadDirent(dir, b)
		if err != nil {
			return &os.PathError{Op: "read", Path: "/proc/self/fd", Err: err}
		}
		if n == 0 {
			break
		}
		_, _, names := unix.ParseDirent(b[:n], -1, nil)
		for _, name := range names {
			if fd, err := strconv.Atoi(name); err == nil && fd > 2 && fd != dir {
				fds = append(fds, fd)
			}
		}
	}
	for _, fd := range fds {
		f(fd)
	}
	return nil
}

// become changes the credential of this thread only, which is about to exec;
// the functions in syscall would stop all threads for it.
func become(who account.Identity, regroup bool) error {
	groups := append([]uint32{who.GID}, who.Groups...)
	uid, gid := uintptr(who.UID), uintptr(who.GID)
	if regroup {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0); errno != 0 {
			return os.NewSyscallError("setgroups", errno)
		}
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); errno != 0 {
		return os.NewSyscallError("setresgid", errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); errno != 0 {
		return os.NewSyscallError("setresuid", errno)
	}
	return nil
}

// nameless says whether a descriptor that is a pipe has no name in a file
// system.
func nameless(fd int, _ *unix.Stat_t) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.PIPEFS_MAGIC
}
