package host

import (
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
	if cmd.Start() != nil {
		return 0, false
	}
	err := cmd.Wait()
	switch status = cmd.ProcessState.ExitCode(); {
	case status == powerless:
		return 0, false
	case err != nil:
		return max(status, 1), true
	}
	return 0, true
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
