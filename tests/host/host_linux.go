package host

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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

func buildModel(source, dir string) error {
	return compile(source, filepath.Join(dir, "hostkern"), "./tools/hostkern", "CGO_ENABLED=1")
}

// startModel starts hostkern and stops it at the test's end.
func (h *Host) startModel(t testing.TB) {
	t.Helper()
	stop, why, err := StartModel(filepath.Join(h.Bin, "hostkern"), filepath.Join(h.Dir, "hostkern.sock"))
	if err != nil {
		t.Fatal(err)
	}
	if why != "" {
		t.Skipf("hostkern can't run here: %s", strings.TrimPrefix(why, "hostkern: "))
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// exUnavailable is hostkern's status where the machine forbids it to run.
const exUnavailable = 69

// StartModel starts the program hostkern at a socket. Where the machine
// forbids it, why says so; else stop ends it.
func StartModel(program, socket string) (stop func() error, why string, err error) {
	ready, write, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	defer ready.Close()
	cmd := exec.Command(program, "-s", socket, "--ready-fd", "3")
	cmd.ExtraFiles = []*os.File{write}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Start()
	write.Close()
	if err != nil {
		return nil, "", err
	}
	if n, _ := ready.Read(make([]byte, 1)); n != 1 {
		err := cmd.Wait()
		if cmd.ProcessState.ExitCode() == exUnavailable {
			return nil, string(bytes.TrimSpace(said.Bytes())), nil
		}
		return nil, "", fmt.Errorf("hostkern does not start: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return fmt.Errorf("hostkern is gone: %w, %v\n%s", err, cmd.Wait(), said.String())
		}
		timer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		if !timer.Stop() || err != nil {
			return fmt.Errorf("hostkern: %v\n%s", err, said.String())
		}
		return nil
	}, "", nil
}
