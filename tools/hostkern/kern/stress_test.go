// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo

package kern

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// compile makes a program of the kernel's files and those of a directory, in C
// alone; it skips the test where the compiler lacks what the flags ask for.
func compile(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	to := t.TempDir()
	run := func(args ...string) ([]byte, error) {
		return exec.Command(cc, append(append([]string{"-std=gnu99", "-O1", "-g", "-D_KERNEL", "-D_MODULE", "-D_GNU_SOURCE", "-I../include", "-I../../../sys",
			"-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"}, flags...), args...)...).CombinedOutput()
	}
	empty := filepath.Join(to, "empty.c")
	if err := os.WriteFile(empty, []byte("int main(void) { return 0; }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if said, err := run("-o", filepath.Join(to, "empty"), empty); err != nil {
		t.Skipf("%s can't compile with %q: %v; install gcc and its libraries: %s", cc, flags, err, said)
	}
	args := []string{"-o", filepath.Join(to, "program"), "-lpthread"}
	for _, pattern := range []string{"*.c", filepath.Join(dir, "*.c")} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		args = append(args, files...)
	}
	if said, err := run(args...); err != nil {
		t.Fatalf("%s: %v\n%s", dir, err, said)
	}
	out := args[1]
	return out
}

// All that jails are for, done by several threads at the same time, does not
// break them, races nowhere, and leaves nothing.
func TestStress(t *testing.T) {
	long := 3 * time.Second
	if os.Getenv("JAILS_LONG") != "" {
		long = 2 * time.Minute
	}
	for name, flags := range map[string][]string{
		"plain":   nil,
		"thread":  {"-fsanitize=thread"},
		"address": {"-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"},
	} {
		t.Run(name, func(t *testing.T) {
			program := compile(t, "testdata/stress", flags...)
			seed := time.Now().UnixNano()
			cmd := exec.Command(program, "6", fmt.Sprint(long.Milliseconds()), fmt.Sprint(seed))
			cmd.Env = append(os.Environ(), "TSAN_OPTIONS=halt_on_error=1", "UBSAN_OPTIONS=print_stacktrace=1")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, out)
			}
			t.Logf("%v:\n%s", long, out)
		})
	}
}
