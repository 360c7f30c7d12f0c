// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

func parsePort(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	return int(n), err
}

// netSocket is a line of /proc/net/tcp and the like.
type netSocket struct {
	port  uint16
	inode uint64
}

// parseNet reads the sockets that are bound and that somebody has open.
func parseNet(b []byte) ([]netSocket, error) {
	var all []netSocket
	first := true
	for line := range bytes.Lines(b) {
		if first {
			first = false
			continue
		}
		f := strings.Fields(string(line))
		if len(f) < 10 {
			continue
		}
		_, hex, ok := strings.Cut(f[1], ":")
		if !ok {
			return nil, fmt.Errorf("no port in %q", f[1])
		}
		port, err := strconv.ParseUint(hex, 16, 16)
		if err != nil {
			return nil, err
		}
		inode, err := strconv.ParseUint(f[9], 10, 64)
		if err != nil {
			return nil, err
		}
		if inode != 0 {
			all = append(all, netSocket{uint16(port), inode})
		}
	}
	return all, nil
}

// tellBound tells the hosted kernel who has bound a port just now. Linux
// lists no socket that is bound and does neither listen nor send: that one
// shows when it listens.
func (h *host) tellBound() error {
	type at struct {
		netSocket
		family, protocol int
	}
	var all []at
	for _, f := range []struct {
		name             string
		family, protocol int
	}{{"tcp", unix.AF_INET, 6}, {"tcp6", netbsdINET6, 6}, {"udp", unix.AF_INET, 17}, {"udp6", netbsdINET6, 17}} {
		b, err := os.ReadFile("/proc/net/" + f.name)
		if err != nil {
			if os.IsNotExist(err) {
				continue
			}
			return err
		}
		s, err := parseNet(b)
		if err != nil {
			return fmt.Errorf("/proc/net/%s: %w", f.name, err)
		}
		for _, n := range s {
			all = append(all, at{n, f.family, f.protocol})
		}
	}
	holder := map[uint64]*process{}
	h.mu.RLock()
	var jailed []*process
	for _, p := range h.procs {
		if p.l.Load() != nil && p.l.Load().jail.Load() != 0 {
			jailed = append(jailed, p)
		}
	}
	h.mu.RUnlock()
	for _, p := range jailed {
		fds, err := numbers(procPath(p.pid, "fd"))
		if err != nil {
			continue
		}
		for _, fd := range fds {
			link, err := os.Readlink(procPath(p.pid, "fd/"+strconv.Itoa(fd)))
			if err != nil || !strings.HasPrefix(link, "socket:[") {
				continue
			}
			ino, err := strconv.ParseUint(strings.TrimSuffix(link[len("socket:["):], "]"), 10, 64)
			if err == nil {
				holder[ino] = p
			}
		}
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	bound := make([]kern.Bound, len(all))
	for i, a := range all {
		bound[i] = kern.Bound{Family: a.family, Protocol: a.protocol, Port: a.port}
		if p := holder[a.inode]; p != nil && !p.gone {
			bound[i].Holder = p.k
		}
	}
	return kern.SetBound(bound)
}
