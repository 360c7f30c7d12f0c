package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"jails/tools/vm/plan"
)

// file is one file of the guest: where it is there, and where here.
type file struct {
	guest, host string
	mode        os.FileMode
}

// node is a device in the guest's /dev, by NetBSD/amd64's numbers.
type node struct {
	name         string
	kind         string // char, block
	major, minor uint32
	mode         os.FileMode
}

var nodes = []node{
	{"console", "char", 0, 0, 0o600},
	{"constty", "char", 0, 1, 0o600},
	{"tty", "char", 1, 0, 0o666},
	{"mem", "char", 2, 0, 0o640},
	{"kmem", "char", 2, 1, 0o640},
	{"null", "char", 2, 2, 0o666},
	{"full", "char", 2, 11, 0o666},
	{"zero", "char", 2, 12, 0o666},
	{"klog", "char", 7, 0, 0o600},
	{"random", "char", 46, 0, 0o444},
	{"urandom", "char", 46, 1, 0o644},
	{"ksyms", "char", 85, 0, 0o444},
	{"bpf", "char", 23, 0, 0o600},
	{"ptmx", "char", 165, 0, 0o666},
	{"ptm", "char", 165, 1, 0o666},
	{"ld0a", "block", 19, 0, 0o640},
	{"rld0a", "char", 69, 0, 0o640},
	{"ld0d", "block", 19, 3, 0o640},
	{"rld0d", "char", 69, 3, 0o640},
}

// device is a device's number as makefs writes it.
func device(major, minor uint32) uint32 {
	return major<<8 | minor&0xff | minor&0xfff00<<12
}

// spec is the mtree(5) description of the guest's files, and of dirs.
func spec(files []file, dirs []string) string {
	var b strings.Builder
	b.WriteString("#mtree\n/set type=file uid=0 gid=0\n")
	seen := []string{"."}
	fmt.Fprintln(&b, ". type=dir mode=0755")
	var parents func(dir string)
	parents = func(dir string) {
		if slices.Contains(seen, dir) {
			return
		}
		parents(filepath.Dir(dir))
		seen = append(seen, dir)
		mode := 0o755
		if dir == "tmp" {
			mode = 0o1777
		}
		fmt.Fprintf(&b, "./%s type=dir mode=%04o\n", dir, mode)
	}
	for _, d := range dirs {
		parents(d)
	}
	for _, f := range files {
		parents(filepath.Dir(f.guest))
		if f.mode&os.ModeSymlink != 0 {
			fmt.Fprintf(&b, "./%s type=link mode=0755 link=%s\n", f.guest, f.host)
			continue
		}
		fmt.Fprintf(&b, "./%s type=file mode=%04o\n", f.guest, f.mode)
	}
	for _, n := range nodes {
		fmt.Fprintf(&b, "./dev/%s type=%s mode=%04o device=%d\n", n.name, n.kind, n.mode, device(n.major, n.minor))
	}
	return b.String()
}

// dirs is what the guest's init mounts on, or tests expect.
var dirs = []string{"dev/pts", "etc", "proc", "tmp", "var", "mnt", "root"}

// image makes the guest's root file system out of files and the plan, in
// work, and returns its path.
func image(work string, files []file, p *plan.Plan) (string, error) {
	root := filepath.Join(work, "root")
	if err := os.RemoveAll(root); err != nil {
		return "", err
	}
	b, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		return "", err
	}
	planned := filepath.Join(work, "vm.json")
	if err := os.WriteFile(planned, b, 0o644); err != nil {
		return "", err
	}
	files = append(slices.Clone(files), file{strings.TrimPrefix(plan.Path, "/"), planned, 0o644})

	for _, d := range append(slices.Clone(dirs), "dev") {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return "", err
		}
	}
	for i := range files {
		f := &files[i]
		f.guest = strings.TrimPrefix(filepath.Clean(f.guest), "/")
		if !filepath.IsLocal(f.guest) {
			return "", fmt.Errorf("%q is not a path in the guest", f.guest)
		}
		to := filepath.Join(root, f.guest)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return "", err
		}
		if f.mode&os.ModeSymlink != 0 {
			if err := os.Symlink(f.host, to); err != nil {
				return "", err
			}
			continue
		}
		content, err := os.ReadFile(f.host)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(to, content, f.mode); err != nil {
			return "", err
		}
	}
	described := filepath.Join(work, "spec")
	if err := os.WriteFile(described, []byte(spec(files, dirs)), 0o644); err != nil {
		return "", err
	}
	out := filepath.Join(work, "root.img")
	cmd := exec.Command("makefs", "-t", "ffs", "-B", "le", "-o", "version=2", "-F", described,
		"-b", "64m", "-f", "1000", "-M", "16m", out, root)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("makefs: %w: %s", err, strings.TrimSpace(said.String()))
	}
	return out, nil
}
