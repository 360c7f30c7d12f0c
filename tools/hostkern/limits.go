// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"fmt"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// limits are a process's, by NetBSD's numbers, from before a jail's were set.
type limits struct {
	pid     int
	old     [kern.NLimits]unix.Rlimit
	changed []int
}

func readLimits(pid int) (*limits, error) {
	l := &limits{pid: pid}
	for i, n := range linuxLimit {
		if n == -1 {
			l.old[i] = unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
		} else if err := unix.Prlimit(pid, n, nil, &l.old[i]); err != nil {
			return nil, fmt.Errorf("limit %d: %w", i, err)
		}
	}
	return l, nil
}

// netbsd are the limits as NetBSD has them.
func (l *limits) netbsd() (soft, hard [kern.NLimits]uint64) {
	for i := range l.old {
		soft[i], hard[i] = toNetBSD(l.old[i].Cur), toNetBSD(l.old[i].Max)
	}
	return soft, hard
}

// set sets those of the mask. After an error, with the limit that it is of, all
// are as they were.
func (l *limits) set(mask uint32, soft, hard *[kern.NLimits]uint64) (failed int, err error) {
	for i, n := range linuxLimit {
		if n == -1 || mask&(1<<i) == 0 {
			continue
		}
		if err := unix.Prlimit(l.pid, n, &unix.Rlimit{Cur: toLinux(soft[i]), Max: toLinux(hard[i])}, nil); err != nil {
			l.restore()
			return i, err
		}
		l.changed = append(l.changed, i)
	}
	return 0, nil
}

func (l *limits) restore() {
	for _, i := range l.changed {
		_ = unix.Prlimit(l.pid, linuxLimit[i], &l.old[i], nil) // it may have ended
	}
}
