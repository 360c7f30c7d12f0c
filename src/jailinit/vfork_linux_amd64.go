package jailinit

import "syscall"

// vfork makes a child that has the parent's memory, on the parent's stack, and
// waits for it to execute or to end. Whoever calls it returns to its own caller
// at once in the parent: of its frame nothing is as it was but where it returns.
//
//go:noescape
func vfork() (pid uintptr, errno syscall.Errno)
