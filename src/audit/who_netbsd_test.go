package audit

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// logIn logs the own session in, which root may.
func logIn(name string) string {
	if os.Geteuid() != 0 {
		var a Act
		a.identify()
		return a.Login
	}
	b := append([]byte(name), 0)
	_, _, errno := unix.Syscall(unix.SYS___SETLOGIN, uintptr(unsafe.Pointer(&b[0])), 0, 0)
	runtime.KeepAlive(b)
	if errno != 0 {
		return errno.Error()
	}
	return name
}
