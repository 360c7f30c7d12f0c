// peer is the smallest Go program that does what a measured command does.
// Called chroot it is chroot(8), for machines without one and to tell what
// the language costs; called true it is true(1).
package main

import (
	"os"
	"path/filepath"
	"syscall"
)

func main() {
	if filepath.Base(os.Args[0]) == "true" {
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
