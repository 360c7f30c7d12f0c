package conformance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// startModel: the kernel has it, or not. A bridge is made for the attempts.
func startModel() (stop func() error, err error) {
	none := func() error { return nil }
	err = onInterface(bridge, ifCreate)
	if err == unix.EINVAL || err == unix.ENXIO {
		return none, nil // the kernel has no bridges
	}
	if err != nil {
		return none, fmt.Errorf("%s: %w", bridge, err)
	}
	return func() error { return onInterface(bridge, ifDestroy) }, nil
}

func onInterface(name string, request uintptr) error {
	return socket(unix.AF_INET, unix.SOCK_DGRAM, 0, func(s int) error {
		var req [144]byte // struct ifreq
		copy(req[:], name)
		return ioctl(s, request, unsafe.Pointer(&req))
	})
}

// modelIsApart: no, the kernel asks it of every process.
const modelIsApart = false

// observe: the kernel asks the model of every process.
func observe() error { return nil }

// niceness is what this process, and so each actor, has.
var niceness = func() int {
	n, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		panic(err)
	}
	return n
}()

const msgQbytes = 40 // of msg_qbytes in a struct msqid_ds

// ptyfsArgs is a struct ptyfs_args: version, group tty, mode.
var ptyfsArgs = []byte{2, 0, 0, 0, 4, 0, 0, 0, 0x92, 1, 0, 0, 0, 0, 0, 0}

// furnish gives a root what attempts need that only the host can make: a
// mounted file system, procfs, and pseudo-terminals.
func furnish(t testing.TB, root string) {
	t.Helper()
	tmpfs := make([]byte, 40)
	tmpfs[0], tmpfs[32], tmpfs[33] = 1, 0xff, 0x01 // version, mode 0777
	if err := os.Mkdir(filepath.Join(root, "dev/pts"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct {
		kind, dir string
		args      []byte
	}{
		{"tmpfs", "mnt", tmpfs},
		{"procfs", "proc", []byte{1, 0, 0, 0, 0, 0, 0, 0}},
		{"ptyfs", "dev/pts", ptyfsArgs},
	} {
		dir := filepath.Join(root, m.dir)
		if err := mountFS(m.kind, dir, m.args); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(dir, 0x00080000); err != nil { // MNT_FORCE
				t.Errorf("unmount %s: %v", dir, err)
			}
		})
	}
	if err := os.Mkdir(filepath.Join(root, "mnt/directory"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func mountFS(kind, dir string, args []byte) error {
	k, err := unix.BytePtrFromString(kind)
	if err != nil {
		return err
	}
	d, err := unix.BytePtrFromString(dir)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(unix.SYS_MOUNT, uintptr(unsafe.Pointer(k)), uintptr(unsafe.Pointer(d)), 0,
		uintptr(unsafe.Pointer(&args[0])), uintptr(len(args)), 0)
	if errno != 0 {
		return fmt.Errorf("mount %s on %s: %w", kind, dir, errno)
	}
	return nil
}

// filtered: nothing comes before the model here.
func filtered() bool { return false }

// becomeUser changes the user for good.
func becomeUser(uid int) error {
	return errors.Join(syscall.Setgroups([]int{uid}), syscall.Setgid(uid), syscall.Setuid(uid))
}
