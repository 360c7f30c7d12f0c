// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// sends a request to wait for events of all jails after a number that none has.
func sendWait(t *testing.T, d *daemonProcess) *net.UnixConn {
	t.Helper()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: d.socket(), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	name := root + "events.0.1000000.0.1"
	b := make([]byte, headSize, headSize+len(name))
	binary.NativeEndian.PutUint32(b, magic)
	binary.NativeEndian.PutUint32(b[4:], opSysctl)
	binary.NativeEndian.PutUint32(b[8:], uint32(len(name)))
	binary.NativeEndian.PutUint64(b[16:], 4096)
	if _, err := conn.Write(append(b, name...)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Who waits and goes away is noticed: more of them than may wait at one time
// come and go. Others' requests are answered meanwhile.
func TestWaitersComeAndGo(t *testing.T) {
	d := startDaemon(t)
	d.jail("waits", secmodel.Config{})
	var held []*net.UnixConn
	for range 50 {
		held = append(held, sendWait(t, d))
	}
	for range cap(waits) + 100 {
		sendWait(t, d).Close()
		if _, err := d.client.Jails(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	// Those that are being noticed just now may be too many still.
	eventually(t, "one may wait", func() bool {
		_, err := d.client.NextEvents(ctx, 0, 1<<62)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		}
		return errors.Is(err, context.DeadlineExceeded)
	})
	for _, conn := range held {
		// Another request ends the one that waits.
		b := make([]byte, headSize)
		binary.NativeEndian.PutUint32(b, magic)
		binary.NativeEndian.PutUint32(b[4:], opEnd)
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		for _, want := range []unix.Errno{unix.EINTR, 0} {
			y := make([]byte, 24)
			if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Read(y); err != nil || unix.Errno(binary.NativeEndian.Uint32(y[4:])) != want {
				t.Fatalf("answer %d, %v, want %v", binary.NativeEndian.Uint32(y[4:]), err, want)
			}
		}
		conn.Close()
	}
}
