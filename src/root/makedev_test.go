package root

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// The host makes devices itself: it runs no MAKEDEV, which the base or, worse,
// the jail could have written.
func TestMakedevIsNotRun(t *testing.T) {
	skipUnlessRoot(t)
	for name, mounts := range map[string]Mounter{"layered": nil, "copied": forbidding{}} {
		t.Run(name, func(t *testing.T) {
			s, def := withBase(t)
			s.Mounts = mounts
			ran := filepath.Join(s.Layout.Prefix, "ran")
			program := func(path string) {
				write(t, path, "#!/bin/sh\ntouch "+ran+"\n")
				if err := os.Chmod(path, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			program(filepath.Join(s.Layout.Base("b"), "dev/MAKEDEV"))
			create(t, s, def)
			for _, at := range []string{"dev/MAKEDEV", "dev/MAKEDEV.local", "etc/MAKEDEV", "usr/pkg/MAKEDEV"} {
				program(filepath.Join(s.Layout.Data("web"), at))
			}
			j := begin(t, s, "web", "start")
			_, err := s.Prepare(context.Background(), def, j)
			undo(t, s, j)
			if errors.Is(err, ErrNoMount) {
				t.Skipf("%v; run as root", err)
			}
			if err != nil {
				t.Error(err)
			}
			if exists(ran) {
				t.Error("a MAKEDEV was run")
			}
		})
	}
}
