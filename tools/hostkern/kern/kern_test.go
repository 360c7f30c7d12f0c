// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

var initproc Proc

func TestMain(m *testing.M) {
	if err := Boot(0); err != nil {
		println("boot:", err.Error())
		os.Exit(1)
	}
	initproc = NewHost(1, IDs{})
	os.Exit(m.Run())
}

func TestCreateListDestroy(t *testing.T) {
	root := NewHost(100, IDs{})
	defer func() { root.Exit(); root.Free() }()
	var q Request
	q.Command = CommandCreate
	q.SetName("web")
	q.SetRoot(t.TempDir())
	y, err := root.Command(&q, nil)
	if err != nil {
		t.Fatalf("create: %v, reason %d detail %d", err, y.Reason, y.Detail)
	}
	n, err := root.Sysctl("security.models.jail.jails", nil, nil)
	if err != nil || n == 0 {
		t.Fatalf("length of jails: %d, %v", n, err)
	}
	b := make([]byte, n)
	if n, err = root.Sysctl("security.models.jail.jails", b, nil); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes of %d", n, len(b))
	q = Request{ABI: ABIVersion, Command: CommandDestroy, ID: y.ID}
	if y, err = root.Command(&q, nil); err != nil {
		t.Fatalf("destroy: %v, reason %d", err, y.Reason)
	}
	if _, err = root.Command(&q, nil); !errors.Is(err, syscall.ESRCH) {
		t.Fatalf("destroy twice: %v", err)
	}
}
