// peer is the smallest Go program that does what a measured command does.
// Called chroot it is chroot(8), for machines without one and to tell what
// the language costs; called true it is true(1); called idle it waits until
// its input ends.
package main

import (
	"os"
	"path/filepath"
	"syscall"
)

func main() {
	switch filepath.Base(os.Args[0]) {
	case "true":
		return
	case "idle":
		_, _ = syscall.Read(0, make([]byte, 1)) // not by os, which would poll
		return
	}
	if len(os.Args) < 3 {
		println("usage: chroot DIRECTORY COMMAND [ARG]...")
		os.Exit(64)
	}
	err := syscall.Chroot(os.Args[1])
	if err == nil {
		err = syscall.Chdir("/")
	}
	if err == nil {
		err = syscall.Exec(os.Args[2], os.Args[2:], []string{"PATH=/bin"})
	}
	println("chroot:", err.Error())
	os.Exit(1)
}
