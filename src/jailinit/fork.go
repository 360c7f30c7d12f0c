package jailinit

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/src/account"
	"jails/src/secmodel"
)

// Package syscall sets no limits between fork and exec, and jail-init can not
// have them itself meanwhile. So it does what that package does, with its help.

//go:linkname beforeFork syscall.runtime_BeforeFork
func beforeFork()

//go:linkname afterFork syscall.runtime_AfterFork
func afterFork()

//go:linkname afterForkInChild syscall.runtime_AfterForkInChild
func afterForkInChild()

// program is what a process executes, in a session of its own, and how.
type program struct {
	file      string
	args, env []string
	directory string
	id        account.Identity
	regroup   bool      // with its supplementary groups
	files     []uintptr // its descriptors from 0 on, or closedFD
	limits    []limit
}

// child is that as the system calls take it.
type child struct {
	file, directory *byte
	args, env       []*byte
	uid, gid        uintptr
	groups          []uint32
	regroup         bool
	files           []uintptr
	limits          []limit
	report          uintptr // where it tells what failed
	failed          failure
}

type failure struct {
	errno syscall.Errno
	limit int // which it was, or -1
}

// execute starts a process.
func execute(p *program) (pid int, err error) {
	c := &child{uid: uintptr(p.id.UID), gid: uintptr(p.id.GID), groups: p.id.Groups, regroup: p.regroup, limits: p.limits}
	c.files = append(c.files, p.files...)
	c.failed.limit = -1
	if c.file, err = syscall.BytePtrFromString(p.file); err != nil {
		return 0, err
	}
	if c.directory, err = syscall.BytePtrFromString(p.directory); err != nil {
		return 0, err
	}
	if c.args, err = syscall.SlicePtrFromStrings(p.args); err != nil {
		return 0, err
	}
	if c.env, err = syscall.SlicePtrFromStrings(p.env); err != nil {
		return 0, err
	}
	var report [2]int // its other end closes when the child executes
	if err := unix.Pipe2(report[:], unix.O_CLOEXEC); err != nil {
		return 0, err
	}
	c.report = uintptr(report[1])
	syscall.ForkLock.Lock()
	made, errno := c.fork()
	syscall.ForkLock.Unlock()
	unix.Close(report[1])
	defer unix.Close(report[0])
	if errno != 0 {
		return 0, errno
	}
	pid = int(made)
	var failed failure
	told := unsafe.Slice((*byte)(unsafe.Pointer(&failed)), unsafe.Sizeof(failed))
	n, err := unix.Read(report[0], told)
	for err == unix.EINTR {
		n, err = unix.Read(report[0], told)
	}
	if n == 0 && err == nil {
		return pid, nil
	}
	for {
		if _, e := unix.Wait4(pid, nil, 0, nil); e != unix.EINTR {
			break
		}
	}
	switch {
	case err != nil:
		return 0, err
	case n != len(told):
		return 0, unix.EPIPE
	case failed.limit >= 0:
		return 0, fmt.Errorf("limit %s: %w", secmodel.LimitName(failed.limit), failed.errno)
	}
	return 0, failed.errno
}

// fork makes the process. In the child nothing may be allocated and no stack
// grow: it has this one thread of Go's, and whatever lock another one held.
//
//go:norace
func (c *child) fork() (pid uintptr, errno syscall.Errno) {
	var (
		i      int
		fd     uintptr
		l      *limit
		groups uintptr
		wanted = uintptr(len(c.files))
	)
	beforeFork()
	pid, errno = forkSelf()
	if pid != 0 || errno != 0 {
		afterFork()
		return pid, errno
	}

	_, _, errno = syscall.RawSyscall(unix.SYS_SETSID, 0, 0, 0)
	if errno != 0 {
		goto failed
	}
	afterForkInChild()
	if c.regroup {
		groups = uintptr(unsafe.Pointer(unsafe.SliceData(c.groups)))
		_, _, errno = syscall.RawSyscall(setgroups, uintptr(len(c.groups)), groups, 0)
		if errno != 0 {
			goto failed
		}
	}
	_, _, errno = syscall.RawSyscall(setgid, c.gid, 0, 0)
	if errno != 0 {
		goto failed
	}
	_, _, errno = syscall.RawSyscall(setuid, c.uid, 0, 0)
	if errno != 0 {
		goto failed
	}
	_, _, errno = syscall.RawSyscall(unix.SYS_CHDIR, uintptr(unsafe.Pointer(c.directory)), 0, 0)
	if errno != 0 {
		goto failed
	}

	// Out of the way of the numbers that are wanted.
	if c.report < wanted {
		c.report, _, errno = syscall.RawSyscall(unix.SYS_FCNTL, c.report, unix.F_DUPFD_CLOEXEC, wanted)
		if errno != 0 {
			goto failed
		}
	}
	for i, fd = range c.files {
		if fd < uintptr(i) {
			c.files[i], _, errno = syscall.RawSyscall(unix.SYS_FCNTL, fd, unix.F_DUPFD_CLOEXEC, wanted)
			if errno != 0 {
				goto failed
			}
		}
	}
	for i, fd = range c.files {
		switch fd {
		case closedFD:
			_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, uintptr(i), 0, 0) // it may be none
		case uintptr(i):
			_, _, errno = syscall.RawSyscall(unix.SYS_FCNTL, fd, unix.F_SETFD, 0)
		default:
			_, _, errno = syscall.RawSyscall(unix.SYS_DUP3, fd, uintptr(i), 0)
		}
		if errno != 0 {
			goto failed
		}
	}

	for i = range c.limits {
		l = &c.limits[i]
		errno = setLimit(resources[l.resource], &l.Rlimit)
		if errno != 0 {
			c.failed.limit = l.resource
			goto failed
		}
	}
	_, _, errno = syscall.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(c.file)),
		uintptr(unsafe.Pointer(&c.args[0])), uintptr(unsafe.Pointer(&c.env[0])))

failed:
	c.failed.errno = errno
	_, _, _ = syscall.RawSyscall(unix.SYS_WRITE, c.report, uintptr(unsafe.Pointer(&c.failed)), unsafe.Sizeof(c.failed))
	for {
		_, _, _ = syscall.RawSyscall(unix.SYS_EXIT, 253, 0, 0)
	}
}
