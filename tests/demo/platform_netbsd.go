package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// What the jails run: our own few programs, because a virtual machine with a
// bare kernel has no userland.
const (
	httpd  = "/bin/httpd"
	killer = "/bin/kill"
	idle   = "/bin/sleep"
)

func userland() (program, error) {
	path, err := exec.LookPath("userland")
	if err != nil {
		return program{}, err
	}
	return program{path, "userland", []string{"sh", "httpd", "kill", "sleep"}}, nil
}

func becomeRoot() (done bool, err error) {
	if os.Getuid() != 0 {
		return false, errors.New("not root; the kernel's model obeys root only")
	}
	return false, nil
}

// startKernel has nothing to start: the model is in the kernel.
func (d *demo) startKernel() error { return nil }

// leftovers names the mounts below dir. Processes that stay in a jail would
// have kept it from being destroyed.
func leftovers(dir string) []string {
	n, err := unix.Getvfsstat(nil, unix.ST_NOWAIT)
	if err != nil {
		return []string{err.Error()}
	}
	list := make([]unix.Statvfs_t, n+8)
	if n, err = unix.Getvfsstat(list, unix.ST_NOWAIT); err != nil {
		return []string{err.Error()}
	}
	var left []string
	for i := range list[:n] {
		if at := unix.ByteSliceToString(list[i].Mntonname[:]); strings.HasPrefix(at, dir) {
			left = append(left, "mount "+at)
		}
	}
	return left
}
