package root

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain runs the tests in a mount namespace of their own, where they can't
// hurt the machine's mounts, and as the root of a user namespace where the
// user is another. Where neither is allowed they run as they are.
func TestMain(m *testing.M) {
	const inside = "ROOT_TEST_NAMESPACE"
	if os.Getenv(inside) == "" {
		attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if os.Geteuid() != 0 {
			attr.Cloneflags |= syscall.CLONE_NEWUSER
			attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
			attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
		}
		cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = os.Stdin, os.Stdout, os.Stderr, attr
		if err := cmd.Start(); err == nil {
			_ = cmd.Wait()
			os.Exit(cmd.ProcessState.ExitCode())
		}
	} else if err := errors.Join(
		// Cut off from the machine's, but shared among themselves, as
		// they are on most systems.
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""),
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")); err != nil {
		fmt.Fprintln(os.Stderr, "mounts can't be cut off:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
