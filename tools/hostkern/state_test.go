// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// The state is there whenever hostkern was killed while it wrote it.
func TestState(t *testing.T) {
	text := func(id int) string { return fmt.Sprintf("{%q: %q, %q: %d}\n", "boot", bootID(), "last_id", id) }
	for _, c := range []struct {
		name, old, new string // of the files; "" for none
		want           uint32
		wantErr        bool
	}{
		{name: "none"},
		{name: "kept", old: text(3), want: 3},
		{name: "the new one is written", old: text(3), new: text(4)[:9], want: 3},
		{name: "the new one is complete", old: text(3), new: text(4), want: 3},
		{name: "the old one is removed", new: text(4), want: 4},
		{name: "the first one is written", new: text(1)[:9]},
		{name: "damaged", old: text(3)[:9], wantErr: true},
		{name: "another boot", old: `{"boot": "x", "last_id": 7}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			for file, text := range map[string]string{path: c.old, path + ".new": c.new} {
				if text == "" {
					continue
				}
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := readState(path)
			if got.LastID != c.want || (err != nil) != c.wantErr {
				t.Errorf("id %d, error %v; want %d, an error: %v", got.LastID, err, c.want, c.wantErr)
			}
		})
	}
}
