package jailmgr

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/src/durable"
	"jails/src/secmodel"
)

const (
	module      = "secmodel_jail"
	modulesConf = "/etc/modules.conf" // the names that are loaded at boot
	sysModctl   = 246
	modctlLoad  = 0
)

// modctlLoadArgs is struct modctl_load.
type modctlLoadArgs struct {
	name  *byte
	flags int32
	props *byte
	size  uintptr
}

// loadModule loads the kernel's model if it is not there, and has it loaded
// at boot. It returns a line that says so, or "" if nothing was to do.
func loadModule() (string, error) {
	k, err := secmodel.Open()
	if err == nil {
		return "", k.Close()
	}
	if !errors.Is(err, secmodel.ErrNoModel) {
		return "", err
	}
	name, err := unix.BytePtrFromString(module)
	if err != nil {
		return "", err
	}
	args := &modctlLoadArgs{name: name}
	_, _, errno := unix.Syscall(sysModctl, modctlLoad, uintptr(unsafe.Pointer(args)), 0)
	switch errno {
	case 0, unix.EEXIST:
	case unix.EPERM:
		return "", fmt.Errorf("load %s: not root, or securelevel is above 0: load it at boot, by a line %s in %s: %w", module, module, modulesConf, errno)
	case unix.ENOENT:
		dir, err := unix.Sysctl("kern.module.path")
		if err != nil {
			return "", err
		}
		return "", fmt.Errorf("load %s: there is no %s/%s/%s.kmod; to make one: BUILD.md, make kmod: %w", module, dir, module, module, errno)
	default:
		return "", fmt.Errorf("load %s: %w", module, errno)
	}
	old, err := os.ReadFile(modulesConf)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	for _, line := range bytes.Split(old, []byte("\n")) {
		if string(bytes.TrimSpace(line)) == module {
			return module + " loaded", nil
		}
	}
	if len(old) > 0 && old[len(old)-1] != '\n' {
		old = append(old, '\n')
	}
	if err := durable.WriteFile(modulesConf, append(old, module+"\n"...), 0o644, false); err != nil {
		return "", err
	}
	return module + " loaded; it will be again at boot (" + modulesConf + ")", nil
}
