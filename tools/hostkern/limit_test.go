// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseLimitAgreesWithPrlimit(t *testing.T) {
	b, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		t.Fatal(err)
	}
	for which := range 16 {
		var want unix.Rlimit
		if err := unix.Prlimit(0, which, nil, &want); err != nil {
			t.Fatal(err)
		}
		got, err := parseLimit(string(b), which)
		if err != nil || got != want {
			t.Errorf("limit %d: %v %v, want %v", which, got, err, want)
		}
	}
	for _, which := range []int{-1, 16, 1 << 20} {
		if got, err := parseLimit(string(b), which); err == nil {
			t.Errorf("limit %d: %v", which, got)
		}
	}
}
