package conformance

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kept are the bytes that system calls were given addresses of.
var kept [][]byte

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(&b[0])) }

func init() {
	register(
		attempt{name: "vhangup", rules: []string{"vnode revoke"}, do: func(int) error {
			return raw(unix.SYS_VHANGUP) // of no terminal
		}},
		attempt{name: "FS_IOC_SETFLAGS", rules: []string{"vnode writesysflags"}, do: func(int) error {
			f, w, err := os.Pipe() // which has none
			if err != nil {
				return err
			}
			defer f.Close()
			defer w.Close()
			flags := make([]byte, 8)
			kept = append(kept, flags)
			return raw(unix.SYS_IOCTL, f.Fd(), unix.FS_IOC_SETFLAGS, address(flags))
		}},
	)
}
