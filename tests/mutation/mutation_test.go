//go:build linux && amd64

// Package mutation tests the tests: it breaks the kernel's model, each time in
// one way that others have got wrong, and wants to see the named test fail of
// it, for the reason that is expected, which passes with the model as it is.
package mutation

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"jails/tests/host"
)

func TestMain(m *testing.M) {
	if os.Getenv(homeVariable) != "" {
		os.Exit(home(os.Args[1:]))
	}
	host.Main(m)
}

// longVariable asks for all that there is time for.
const longVariable = "JAILS_LONG"

// An edit changes a text, which is there exactly once, of a file of the model.
type edit struct{ file, old, new string }

// A mutation is one mistake.
type mutation struct {
	name  string // the mistake
	edits []edit
	suite string // where the test is: conformance, or kern's questions
	test  string // its name, and maybe its subtest's, for -test.run
	sees  string // what it says then, a regular expression
}

// apply returns the model's files with the edits made.
func (m *mutation) apply(files map[string][]byte) (map[string][]byte, error) {
	files = maps.Clone(files)
	for _, e := range m.edits {
		b := files[e.file]
		if n := bytes.Count(b, []byte(e.old)); n != 1 {
			return nil, fmt.Errorf("%s has %d times, want once:\n%s", e.file, n, e.old)
		}
		files[e.file] = bytes.Replace(b, []byte(e.old), []byte(e.new), 1)
	}
	return files, nil
}

// source is the top of the tree that is tested.
func source(t *testing.T) string {
	t.Helper()
	top, err := host.Source()
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// sound are the model's files as they are.
func sound(t *testing.T) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(source(t), "sys/secmodel/jail/*"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no model", err)
	}
	files := map[string][]byte{}
	for _, path := range paths {
		if files[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestEdits: every mutation is one of the model as it is now.
func TestEdits(t *testing.T) {
	files := sound(t)
	names := map[string]bool{}
	for i := range mutations {
		m := &mutations[i]
		if _, err := m.apply(files); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		if names[m.name] {
			t.Errorf("two mutations are %q", m.name)
		}
		names[m.name] = true
		if _, err := regexp.Compile(m.sees); err != nil || m.sees == "" {
			t.Errorf("%s: %q: %v", m.name, m.sees, err)
		}
	}
}

// workshop is a copy of what hostkern is built from, in which the model is
// broken, and the programs that judge it.
type workshop struct {
	top, tree   string
	bin         string
	conformance string
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	w := &workshop{top: source(t), tree: t.TempDir(), bin: t.TempDir()}
	for _, name := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(w.top, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(w.tree, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"src", "sys", "tools/hostkern", "tests/host", "tests/matrix"} {
		if err := os.CopyFS(filepath.Join(w.tree, dir), os.DirFS(filepath.Join(w.top, dir))); err != nil {
			t.Fatal(err)
		}
	}
	w.conformance = filepath.Join(w.bin, "conformance")
	if out, err := w.goTool(w.top, "0", "test", "-c", "-o", w.conformance, "./tests/conformance"); err != nil {
		t.Fatalf("conformance: %v\n%s", err, out)
	}
	return w
}

// put makes the tree's model consist of these files; those that stay the same
// keep their times.
func (w *workshop) put(t *testing.T, files map[string][]byte) {
	t.Helper()
	for name, b := range files {
		path := filepath.Join(w.tree, "sys/secmodel/jail", name)
		if now, err := os.ReadFile(path); err == nil && bytes.Equal(now, b) {
			continue
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// goTool runs go in a tree: as fast as may be, for what is built is run once.
func (w *workshop) goTool(tree, cgo string, args ...string) (string, error) {
	cmd := exec.Command("go", slices.Insert(args, 1, "-trimpath", "-ldflags=-s -w")...)
	cmd.Dir = tree
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo, "CGO_CFLAGS=-O0")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// build makes the programs of a suite with the tree's model.
func (w *workshop) build(t *testing.T, suite string) {
	t.Helper()
	args := []string{"build", "-o", filepath.Join(w.bin, "hostkern"), "./tools/hostkern"}
	if suite == "kern" {
		args = []string{"test", "-c", "-o", filepath.Join(w.bin, "kern"), "./tools/hostkern/kern"}
	}
	if out, err := w.goTool(w.tree, "1", args...); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// run runs tests of a suite. What a broken model never does is not waited for
// long.
func (w *workshop) run(t *testing.T, suite, pattern, reply string) (out string, passed bool) {
	t.Helper()
	program, dir := w.conformance, filepath.Join(w.top, "tests/conformance")
	if suite == "kern" {
		program, dir = filepath.Join(w.bin, "kern"), filepath.Join(w.top, "tools/hostkern/kern")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	env := append(os.Environ(), "HOSTKERN="+filepath.Join(w.bin, "hostkern"), "CONFORMANCE_REPLY="+reply, longVariable+"=", "GOTRACEBACK=none")
	b, err := inHome(ctx, program, dir, env, "-test.v", "-test.run", pattern, "-test.timeout", "4m")
	nobodyLeft(t)
	if ctx.Err() != nil {
		t.Fatalf("%s did not end\n%s", pattern, b)
	}
	return string(b), err == nil
}

// brief is an output's begin and end, for a message, without the list of what
// could not be asked.
func brief(out string) string {
	const lines = 20
	all := slices.DeleteFunc(strings.Split(strings.TrimRight(out, "\n"), "\n"), func(line string) bool { return strings.HasPrefix(line, "rule ") })
	if len(all) > 2*lines {
		all = slices.Concat(all[:lines], []string{"..."}, all[len(all)-lines:])
	}
	return strings.Join(all, "\n")
}

func TestMutations(t *testing.T) {
	if os.Getenv(longVariable) == "" {
		t.Skipf("takes minutes; set %s=1 (make test-long)", longVariable)
	}
	if err := adopt(); err != nil {
		t.Fatal(err)
	}
	w, files := newWorkshop(t), sound(t)
	w.put(t, files)
	skipped := map[string]bool{}
	for _, suite := range []string{"kern", "conformance"} {
		var tests []string
		for _, m := range mutations {
			if name, _, _ := strings.Cut(m.test, "/"); m.suite == suite && !slices.Contains(tests, name) {
				tests = append(tests, name)
			}
		}
		w.build(t, suite)
		out, passed := w.run(t, suite, "^("+strings.Join(tests, "|")+")$", "60s")
		if !passed {
			t.Fatalf("%s does not pass with the model as it is:\n%s", suite, brief(out))
		}
		for _, name := range tests {
			switch {
			case strings.Contains(out, "--- SKIP: "+name+" "):
				skipped[name] = true
			case !strings.Contains(out, "--- PASS: "+name+" "):
				t.Errorf("%s has no test %s", suite, name)
			}
		}
	}
	for i := range mutations {
		m := &mutations[i]
		t.Run(m.name, func(t *testing.T) {
			if name, _, _ := strings.Cut(m.test, "/"); skipped[name] {
				t.Skipf("%s can't be run here; see tests/conformance for the remedy", name)
			}
			broken, err := m.apply(files)
			if err != nil {
				t.Fatal(err)
			}
			w.put(t, broken)
			w.build(t, m.suite)
			pattern := "^" + strings.ReplaceAll(m.test, "/", "$/^") + "$"
			out, passed := w.run(t, m.suite, pattern, "3s")
			switch {
			case passed:
				t.Errorf("%s does not notice:\n%s", m.test, brief(out))
			case !regexp.MustCompile(m.sees).MatchString(out):
				t.Errorf("%s fails, but does not say %q:\n%s", m.test, m.sees, brief(out))
			}
		})
	}
}
