// Package faults breaks what can break while jails run, and wants what the
// manual promises.
package faults

import (
	"os"
	"path/filepath"
	"testing"

	"jails/tests/host"
)

// longVariable is in the environment where there is time.
const longVariable = "JAILS_LONG"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == actor {
		act(os.Args[1], os.Args[2:])
	}
	if filepath.Base(os.Args[0]) == check {
		os.Exit(0) // all is well
	}
	host.Main(m)
}

// newRoot makes the root of jails whose only program is this one.
func newRoot(t *testing.T, h *host.Host) string {
	t.Helper()
	root := filepath.Join(h.Dir, "root")
	for _, dir := range []string{"bin", "etc", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"bin/" + actor: program,
		"bin/" + check: program,
		"etc/passwd":   []byte("root:x:0:0:root:/:/bin/sh\n"),
		"etc/group":    []byte("wheel:x:0:root\n"),
	} {
		if err := os.WriteFile(filepath.Join(root, name), data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
