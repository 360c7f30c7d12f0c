package session

import (
	"os"

	"golang.org/x/sys/unix"

	"jails/src/account"
)

// eachDescriptor calls f for each open descriptor above 2.
func eachDescriptor(f func(fd int)) error {
	last, err := unix.FcntlInt(0, unix.F_MAXFD, 0)
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	for fd := 3; fd <= last; fd++ {
		f(fd)
	}
	return nil
}

// become changes the process's credential.
func become(who account.Identity, _ bool) error {
	groups := []int{int(who.GID)}
	for _, g := range who.Groups {
		groups = append(groups, int(g))
	}
	if err := unix.Setgroups(groups); err != nil {
		return os.NewSyscallError("setgroups", err)
	}
	if err := unix.Setgid(int(who.GID)); err != nil {
		return os.NewSyscallError("setgid", err)
	}
	return os.NewSyscallError("setuid", unix.Setuid(int(who.UID)))
}

// nameless says whether a descriptor that is a pipe has no name in a file
// system: of those the kernel tells no links.
func nameless(_ int, st *unix.Stat_t) bool { return st.Nlink == 0 }
