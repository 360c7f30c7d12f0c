// Package module loads and unloads the kernel's modules.
package module

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	sysModctl    = 246
	modctlLoad   = 0
	modctlUnload = 1
)

// loadArgs is modctl_load_t.
type loadArgs struct {
	path  *byte
	flags int32
	_     int32
	props *byte
	size  uintptr
}

// Load loads the module in a file.
func Load(path string) error {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	args := loadArgs{path: p}
	_, _, errno := unix.Syscall(sysModctl, modctlLoad, uintptr(unsafe.Pointer(&args)), 0)
	runtime.KeepAlive(p)
	if errno != 0 {
		return errno
	}
	return nil
}

// Unload unloads a module by name; unix.EBUSY if it is in use.
func Unload(name string) error {
	p, err := unix.BytePtrFromString(name)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall(sysModctl, modctlUnload, uintptr(unsafe.Pointer(p)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
