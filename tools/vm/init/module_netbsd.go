package main

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

// load loads the module in a file.
func load(path string) error {
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

// unload unloads a module by name.
func unload(name string) error {
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
