package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Userland makes a root directory for a jail, below Dir: a statically linked
// busybox, which has to be on the machine, some names for it, a user bob, a
// script, and a file that is no program. The test is skipped without one.
func (h *Host) Userland(t testing.TB) string {
	t.Helper()
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("no busybox; install the package busybox-static")
	}
	root := filepath.Join(h.Dir, "userland")
	for _, dir := range []string{"bin", "etc", "tmp", "home/bob"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	binary, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"bin/busybox": binary,
		"bin/script":  []byte("#!/bin/sh\necho script \"$@\"\n"),
		"bin/bad":     []byte("neither a program nor a script\n"),
		"etc/passwd":  []byte("root:x:0:0:root:/:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\n"),
		"etc/group":   []byte("wheel:x:0:root\nbob:x:1000:\nstaff:x:20:bob,root\n"),
	} {
		if err := os.WriteFile(filepath.Join(root, name), data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"sh", "id", "env", "cat", "sleep", "true", "kill", "pwd", "tty", "stty", "nc", "ls", "echo", "yes", "head", "httpd", "mkdir"} {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// FreePort is a TCP port that nobody listens at just now. It does without
// package net, which would make programs of tests that import this one ask for
// a dynamic linker; they run in jails that have none.
func FreePort(t testing.TB) int {
	t.Helper()
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s)
	if err := unix.Bind(s, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(s)
	if err != nil {
		t.Fatal(err)
	}
	return name.(*unix.SockaddrInet4).Port
}
