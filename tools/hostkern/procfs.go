// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// status is what hostkern wants of /proc/PID/status.
type status struct {
	TGID, PPID, Tracer int
	State              byte
	IDs                kern.IDs
	Groups             []int
	Seccomp            int
	Filters            int // of seccomp(2); 0 before Linux 5.9
	Umask              int
	Command            string
}

func parseStatus(b []byte) (status, error) {
	var s status
	for line := range bytes.Lines(b) {
		key, value, _ := bytes.Cut(line, []byte(":"))
		var err error
		number := func(to *int) {
			*to, err = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
		switch string(key) {
		case "Name":
			s.Command = string(bytes.TrimSpace(value))
		case "Umask":
			var n uint64
			n, err = strconv.ParseUint(string(bytes.TrimSpace(value)), 8, 16)
			s.Umask = int(n)
		case "State":
			if f := bytes.TrimSpace(value); len(f) > 0 {
				s.State = f[0]
			}
		case "Tgid":
			number(&s.TGID)
		case "PPid":
			number(&s.PPID)
		case "TracerPid":
			number(&s.Tracer)
		case "Uid":
			err = parseIDs(strings.Fields(string(value)), &s.IDs.UID)
		case "Gid":
			err = parseIDs(strings.Fields(string(value)), &s.IDs.GID)
		case "Groups":
			for _, g := range strings.Fields(string(value)) {
				n, err := strconv.ParseUint(g, 10, 32)
				if err != nil {
					return s, fmt.Errorf("groups: %w", err)
				}
				s.Groups = append(s.Groups, int(n))
			}
		case "Seccomp":
			number(&s.Seccomp)
		case "Seccomp_filters":
			number(&s.Filters)
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", key, err)
		}
	}
	if s.TGID == 0 {
		return s, fmt.Errorf("no thread group in it")
	}
	return s, nil
}

func parseIDs(f []string, ids *[3]uint32) error {
	if len(f) < 3 {
		return fmt.Errorf("%d ids", len(f))
	}
	for i := range 3 {
		n, err := strconv.ParseUint(f[i], 10, 32)
		if err != nil {
			return err
		}
		ids[i] = uint32(n)
	}
	return nil
}

func procPath(pid int, name string) string {
	return "/proc/" + strconv.Itoa(pid) + "/" + name
}

// readFile reads a small file of /proc by three system calls, for that is
// done for each question.
func readFile(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	b := make([]byte, 0, 4096)
	for {
		n, err := unix.Read(fd, b[len(b):cap(b)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return b, nil
		}
		b = b[:len(b)+n]
		if len(b) == cap(b) {
			b = append(b, make([]byte, len(b))...)[:len(b)]
		}
	}
}

// readStatus reads a process's, or a thread's.
func readStatus(tid int) (status, error) {
	b, err := readFile(procPath(tid, "status"))
	if err != nil {
		return status{}, err
	}
	s, err := parseStatus(b)
	if err != nil {
		return s, fmt.Errorf("%s: %w", procPath(tid, "status"), err)
	}
	return s, nil
}

// stat is what hostkern wants of /proc/PID/stat. Times are in ticks, memory
// is in bytes (vsize) and pages (rss).
type stat struct {
	Command             string
	State               byte
	PPID, PGRP, Session int
	TTY                 int
	User, System        uint64
	Nice, Threads       int
	Start               uint64
	VSize, RSS          uint64
}

func parseStat(b []byte) (stat, error) {
	var s stat
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return s, fmt.Errorf("no command in it")
	}
	s.Command = string(b[open+1 : end])
	f := strings.Fields(string(b[end+1:]))
	if len(f) < 22 {
		return s, fmt.Errorf("%d fields after the command", len(f))
	}
	s.State = f[0][0]
	for _, n := range []struct {
		at int
		to *int
	}{{1, &s.PPID}, {2, &s.PGRP}, {3, &s.Session}, {4, &s.TTY}, {16, &s.Nice}, {17, &s.Threads}} {
		v, err := strconv.Atoi(f[n.at])
		if err != nil {
			return s, fmt.Errorf("field %d: %w", n.at+3, err)
		}
		*n.to = v
	}
	for _, n := range []struct {
		at int
		to *uint64
	}{{11, &s.User}, {12, &s.System}, {19, &s.Start}, {20, &s.VSize}, {21, &s.RSS}} {
		v, err := strconv.ParseUint(f[n.at], 10, 64)
		if err != nil {
			return s, fmt.Errorf("field %d: %w", n.at+3, err)
		}
		*n.to = v
	}
	return s, nil
}

// isGone says whether an error of reading /proc/PID is that there is no such
// process any more, and not hostkern's own.
func isGone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH)
}

func readStat(pid int) (stat, error) {
	b, err := readFile(procPath(pid, "stat"))
	if err != nil {
		return stat{}, err
	}
	s, err := parseStat(b)
	if err != nil {
		return s, fmt.Errorf("%s: %w", procPath(pid, "stat"), err)
	}
	return s, nil
}

// children are the children that a thread has made, where the kernel tells.
func children(tgid, tid int) ([]int, error) {
	b, err := readFile(fmt.Sprintf("/proc/%d/task/%d/children", tgid, tid))
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, f := range strings.Fields(string(b)) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// numbers are the entries of a directory of /proc that are numbers.
func numbers(dir string) ([]int, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(fd)
	var all []int
	b := make([]byte, 8192)
	var names []string
	for {
		n, err := unix.ReadDirent(fd, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: dir, Err: err}
		}
		if n == 0 {
			return all, nil
		}
		_, _, names = unix.ParseDirent(b[:n], -1, names[:0])
		for _, name := range names {
			if v, err := strconv.Atoi(name); err == nil {
				all = append(all, v)
			}
		}
	}
}

const userHZ = 100 // of /proc, on every Linux machine

// gauges turns a stat into what the kernel is told; boot is the time of
// boot in microseconds since 1970.
func (s *stat) gauges(boot int64) kern.Gauges {
	return kern.Gauges{
		Threads:  s.Threads,
		Resident: s.RSS,
		Virtual:  s.VSize / uint64(os.Getpagesize()),
		User:     s.User,
		System:   s.System,
		Start:    boot + int64(s.Start)*(1000000/userHZ),
		Nice:     s.Nice,
	}
}

// bootTime in microseconds since 1970.
func bootTime() int64 {
	var now, up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &now) != nil ||
		unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return 0
	}
	return (now.Nano() - up.Nano()) / 1000
}
