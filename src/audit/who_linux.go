package audit

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"

	"jails/src/account"
)

// session is what the kernel knows of who logged in, and of the controlling
// terminal.
func session() (login string, tty uint64, has bool) {
	// Set once, at login, and passed on through su and sudo.
	if n, err := strconv.ParseUint(string(readProc("/proc/self/loginuid")), 10, 32); err == nil && n != 1<<32-1 {
		if login = account.Name(uint32(n)); login == "" {
			login = strconv.FormatUint(n, 10)
		}
	}
	// pid (name) state ppid pgrp session tty_nr …; the name may hold anything.
	stat := readProc("/proc/self/stat")
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 5 {
		return login, 0, false
	}
	// An int, in which the minor number's upper bits stand above the major's.
	n, err := strconv.ParseInt(string(fields[4]), 10, 32)
	if err != nil || n == 0 {
		return login, 0, false
	}
	number := uint32(n)
	return login, unix.Mkdev(number>>8&0xfff, number&0xff|number>>12&0xfff00), true
}

// readProc is the beginning of a file of the kernel's, or nothing.
func readProc(path string) []byte {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var b [1024]byte
	n, err := unix.Read(fd, b[:])
	if err != nil {
		return nil
	}
	return bytes.TrimSpace(b[:n])
}
