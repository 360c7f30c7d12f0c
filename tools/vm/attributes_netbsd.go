package main

import "syscall"

// attributes keep the terminal's signals from the emulator, which this
// program ends itself.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
