// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// still gives what is left in jails of an earlier hostkern, with those jails.
func (s *state) still() state {
	var now state
	now.Procs = leftovers(s)
	for _, j := range s.Jails {
		for _, e := range now.Procs {
			if e.Jail == j.ID {
				now.Jails = append(now.Jails, j)
				break
			}
		}
	}
	return now
}

// state is what a hostkern leaves to the next: the last id, for no id comes
// back while the system runs, and what may be left of its jails.
type state struct {
	Boot   string       `json:"boot"`
	LastID uint32       `json:"last_id"`
	Jails  []stateJail  `json:"jails,omitempty"`
	Procs  []stateEntry `json:"processes,omitempty"`
}

type stateJail struct {
	ID   uint32 `json:"id"`
	Name string `json:"name"`
	Root string `json:"root"`
}

// stateEntry is a process that entered, or was there when hostkern stopped.
type stateEntry struct {
	Jail  uint32 `json:"jail"`
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
}

var bootID = sync.OnceValue(func() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
})

func readState(path string) (state, error) {
	var s state
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		// It was about to be replaced, or its first writing is cut off.
		if b, err = os.ReadFile(path + ".new"); os.IsNotExist(err) || err == nil && !json.Valid(b) {
			return s, nil
		}
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	if s.Boot != bootID() {
		return state{}, nil // of another life of the system
	}
	return s, nil
}

// saveState keeps the state beside the socket. Descendants are found by
// their ancestors and by their root.
func (h *host) saveState() {
	h.saving.Lock()
	defer h.saving.Unlock()
	s := state{Boot: bootID(), LastID: kern.LastID()}
	s.Jails = append(s.Jails, h.left.Jails...)
	s.Procs = append(s.Procs, h.left.Procs...)
	for _, j := range kern.Jails() {
		s.Jails = append(s.Jails, stateJail{j.ID, j.Name, j.Path})
	}
	h.mu.RLock()
	for _, p := range h.procs {
		if p.l.Load() != nil && p.l.Load().jail.Load() != 0 {
			s.Procs = append(s.Procs, stateEntry{p.l.Load().jail.Load(), p.pid, p.start.Load()})
		}
	}
	h.mu.RUnlock()
	b, err := json.MarshalIndent(&s, "", "\t")
	if err == nil {
		temp := h.state + ".new"
		if err = os.WriteFile(temp, append(b, '\n'), 0o600); err == nil {
			// Over another file, a rename waits for the disk on some
			// file systems, which nobody needs after a crash of the system.
			if err = os.Remove(h.state); err == nil || os.IsNotExist(err) {
				err = os.Rename(temp, h.state)
			}
		}
	}
	if err != nil {
		h.say("what a next hostkern has to know can't be kept: %v", err)
	}
}

// leftovers are processes that lived in jails of an earlier hostkern: those
// it noted, their descendants, and who has a filter and a jail's root.
func leftovers(s *state) []stateEntry {
	pids, err := numbers("/proc")
	if err != nil {
		return nil
	}
	type info struct {
		st status
		s  stat
	}
	all := map[int]info{}
	for _, pid := range pids {
		st, err1 := readStatus(pid)
		sn, err2 := readStat(pid)
		if err1 == nil && err2 == nil && st.Seccomp == unix.SECCOMP_MODE_FILTER && st.State != 'Z' {
			all[pid] = info{st, sn}
		}
	}
	of := map[int]uint32{}
	for _, e := range s.Procs {
		if i, ok := all[e.PID]; ok && i.s.Start == e.Start {
			of[e.PID] = e.Jail
		}
	}
	for pid := range all {
		if _, ok := of[pid]; ok {
			continue
		}
		for _, j := range s.Jails {
			if filepath.Clean(j.Root) != "/" && samePath(procPath(pid, "root"), j.Root) {
				of[pid] = j.ID
			}
		}
	}
	for again := true; again; {
		again = false
		for pid, i := range all {
			if _, ok := of[pid]; ok {
				continue
			}
			if jail, ok := of[i.st.PPID]; ok {
				of[pid], again = jail, true
			}
		}
	}
	var left []stateEntry
	for pid, jail := range of {
		left = append(left, stateEntry{jail, pid, all[pid].s.Start})
	}
	return left
}

func samePath(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// killLeftovers ends them, and who they make meanwhile (which is nobody:
// their forks fail without a listener).
func killLeftovers(s *state) (int, error) {
	killed := map[stateEntry]struct{}{} // who ends slowly is seen again
	for range 100 {
		left := leftovers(s)
		if len(left) == 0 {
			return len(killed), nil
		}
		for _, e := range left {
			if err := unix.Kill(e.PID, unix.SIGKILL); err == nil {
				killed[e] = struct{}{}
			} else if err != unix.ESRCH {
				return len(killed), fmt.Errorf("process %d: %w", e.PID, err)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return len(killed), fmt.Errorf("%d processes don't end", len(leftovers(s)))
}

func (s *state) describe(left []stateEntry) string {
	names := map[uint32]string{}
	for _, j := range s.Jails {
		names[j.ID] = j.Name
	}
	by := map[uint32][]string{}
	for _, e := range left {
		by[e.Jail] = append(by[e.Jail], fmt.Sprint(e.PID))
	}
	var b strings.Builder
	for id, pids := range by {
		fmt.Fprintf(&b, "\n  jail %s (%d): processes %s", names[id], id, strings.Join(pids, " "))
	}
	return b.String()
}
