package audit

import (
	"bytes"
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// Of struct kinfo_proc2 of sys/sysctl.h, whose layout is one for all machines.
const (
	kernProcPID = 1
	deviceAt    = 220 // p_tdev
	loginAt     = 408 // p_login
	loginSize   = 24
)

// session is what the kernel knows of who logged in, and of the controlling
// terminal.
func session() (login string, tty uint64, has bool) {
	b, err := unix.SysctlRaw("kern.proc2", kernProcPID, os.Getpid(), loginAt+loginSize, 1)
	if err != nil || len(b) < loginAt+loginSize {
		return "", 0, false
	}
	name, _, _ := bytes.Cut(b[loginAt:loginAt+loginSize], []byte{0})
	device := binary.NativeEndian.Uint32(b[deviceAt:])
	return string(name), uint64(device), device != 1<<32-1
}
