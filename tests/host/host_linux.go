package host

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// apart is in the environment of the program that asRoot has run again.
const apart = "JAILS_TESTS_APART"

// powerless is the status of a program that asRoot has run again, and that is
// root by name only: some systems allow a user namespace and nothing in it.
const powerless = 125

// asRoot runs this program again in a mount namespace of its own, where it
// can't hurt the machine's mounts, and as the root of a user namespace where
// the user is another. What the machine does not allow is left out.
func asRoot() (status int, done bool) {
	if os.Getenv(apart) != "" {
		if unix.Chroot("/") != nil {
			os.Exit(powerless)
		}
		cutOff()
		return 0, false
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), apart+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	// Processes whose parents the tests kill are left to this one, and not to
	// the machine's first, which may take seconds over them.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, "prctl:", err)
	}
	if cmd.Start() != nil {
		return 0, false
	}
	var w unix.WaitStatus
	for pid := 0; pid != cmd.Process.Pid; {
		var err error
		if pid, err = unix.Wait4(-1, &w, 0, nil); err != nil && err != unix.EINTR {
			fmt.Fprintln(os.Stderr, "wait:", err)
			return 1, true
		}
	}
	switch status = w.ExitStatus(); {
	case status == powerless:
		return 0, false
	case status < 0: // it was killed
		return 1, true
	}
	return status, true
}

// cutOff keeps what is mounted here from the rest of the machine; among
// themselves the mounts are shared, as they are on most systems. It can't
// where nothing can be mounted, nor below chroot(8), which leaves it to who
// has called that.
func cutOff() {
	if unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, "") == nil {
		_ = unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
	}
}
