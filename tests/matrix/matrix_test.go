package matrix

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"jails/src/secmodel"
	"jails/tests/host"
)

// sourceVariable names a NetBSD source tree, as for make kmod.
const sourceVariable = "SRC"

func path(t *testing.T, parts ...string) string {
	t.Helper()
	top, err := host.Source()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{top}, parts...)...)
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// headers are the sys/kauth.h that hostkern has, and a kernel's, if named.
func headers(t *testing.T) map[string]string {
	all := map[string]string{"hostkern": read(t, path(t, "tools/hostkern/include/sys/kauth.h"))}
	if src := os.Getenv(sourceVariable); src != "" {
		all[src] = read(t, filepath.Join(src, "sys/sys/kauth.h"))
	}
	return all
}

// TestRows: each has a reason, and what is beyond the floor can be allowed.
func TestRows(t *testing.T) {
	for scope, rows := range Scopes {
		names := map[string]bool{}
		for _, r := range rows {
			if r.Why == "" || names[r.Name] || r.Name == "" || r.Action == "" {
				t.Errorf("%s %+v", scope, r)
			}
			names[r.Name] = true
			for level := range 2 {
				if weight(r.Answer[level]) > weight(r.Answer[level+1]) {
					t.Errorf("%s %s grows weaker as levels rise: %v", scope, r.Name, r.Answer)
				}
			}
			if r.Answer != X && r.Answer[0] != r.Answer[2] && r.Word == "" {
				t.Errorf("%s %s is denied above the lowest level, and no word allows it", scope, r.Name)
			}
			if strings.HasSuffix(r.Name, ".other") != (r.Why == unknown) && scope != "device" {
				t.Errorf("%s %s: %s", scope, r.Name, r.Why)
			}
		}
	}
	for _, name := range guarded {
		if !slices.ContainsFunc(process, func(r Row) bool { return r.Name == name }) {
			t.Errorf("no row %q", name)
		}
	}
}

func weight(v secmodel.Verdict) int {
	switch v {
	case secmodel.Defer:
		return 0
	case secmodel.Deny:
		return 2
	}
	return 1
}

// TestHeaders: there is a row for all that kernels declare, and none besides.
func TestHeaders(t *testing.T) {
	for name, text := range headers(t) {
		n, err := Header(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		unthought, gone := n.Differences()
		if len(unthought) != 0 || len(gone) != 0 {
			t.Errorf("%s: no row for %q; rows for %q, which are not there", name, unthought, gone)
		}
		t.Logf("%s: %d scopes, actions and requests", name, len(n))
	}
}

// additions are what a newer kernel's header may have: a text there, and
// what is put before it, with the names that nobody has thought about.
var additions = map[string]struct{ at, put, name string }{
	"an action":              {"\tKAUTH_SYSTEM_KERNADDR", "\tKAUTH_SYSTEM_NEW = 29,\n", "KAUTH_SYSTEM_NEW"},
	"an action at the end":   {"};\n\nenum kauth_process_req", "\tKAUTH_PROCESS_NEW = 40\n", "KAUTH_PROCESS_NEW"},
	"a request":              {"\tKAUTH_REQ_NETWORK_BIND_PORT", "\tKAUTH_REQ_NETWORK_BIND_NEW = 200,\n", "KAUTH_REQ_NETWORK_BIND_NEW"},
	"two on a line":          {"\tKAUTH_DEVICE_NVMM_CTL", "\tKAUTH_DEVICE_NEW1 = 50, KAUTH_DEVICE_NEW2 = 51,\n", "KAUTH_DEVICE_NEW2"},
	"behind a comment":       {"\tKAUTH_MACHDEP_PXG", "\t/* new */ KAUTH_MACHDEP_NEW = 50,\n", "KAUTH_MACHDEP_NEW"},
	"by a condition":         {"\tKAUTH_MACHDEP_PXG", "#ifndef NEVER\n\tKAUTH_MACHDEP_NEW = 50,\n#endif\n", "KAUTH_MACHDEP_NEW"},
	"another enumeration":    {"enum kauth_system_req", "enum kauth_new_req\n{\n\tKAUTH_REQ_NEW_READ = 1\n};\n", "KAUTH_REQ_NEW_READ"},
	"another's of one line":  {"enum kauth_system_req", "enum { KAUTH_NEW_READ = 1 };\n", "KAUTH_NEW_READ"},
	"a macro":                {"enum kauth_system_req", "#define KAUTH_SYSTEM_NEW 29\n", "KAUTH_SYSTEM_NEW"},
	"a bit":                  {"#define\tKAUTH_VNODE_REVOKE", "#define\tKAUTH_VNODE_NEW\t(1ULL << 22)\n", "KAUTH_VNODE_NEW"},
	"a bit in other words":   {"#define\tKAUTH_VNODE_REVOKE", "#  define KAUTH_VNODE_NEW 0x400000\n", "KAUTH_VNODE_NEW"},
	"a scope":                {"#define\tKAUTH_SCOPE_CRED", "#define\tKAUTH_SCOPE_NEW \"org.netbsd.kauth.new\"\n", "KAUTH_SCOPE_NEW"},
	"a scope and its action": {"enum kauth_system_req", "enum {\n\tKAUTH_NEW_THING = 1,\n};\n", "KAUTH_NEW_THING"},
}

// TestNewActions: what a newer kernel adds has no row, and the model does not
// compile, which names it.
func TestNewActions(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler; make setup installs one")
	}
	include := t.TempDir()
	if err := os.Mkdir(filepath.Join(include, "sys"), 0o755); err != nil {
		t.Fatal(err)
	}
	// compile compiles the table for a kernel with a header.
	compile := func(text string) (string, error) {
		header := filepath.Join(include, "sys/kauth.h")
		if err := os.WriteFile(header, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		awk := exec.Command("awk", "-f", path(t, "sys/secmodel/jail/actions.awk"), header)
		made, err := awk.Output()
		if err != nil {
			return "actions.awk: " + string(made), err
		}
		if err := os.WriteFile(filepath.Join(include, "jail_actions.h"), made, 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(cc, "-std=gnu99", "-fsyntax-only", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-D_KERNEL", "-D__HOSTKERN__", "-DJAIL_CHECK_ACTIONS",
			"-I"+include, "-I"+path(t, "tools/hostkern/include"), "-I"+path(t, "sys"), path(t, "sys/secmodel/jail/jail_policy.c"))
		said, err := cmd.CombinedOutput()
		return string(said), err
	}
	sound := read(t, path(t, "tools/hostkern/include/sys/kauth.h"))
	if said, err := compile(sound); err != nil {
		t.Fatalf("as it is: %v\n%s", err, said)
	}
	for name, a := range additions {
		at := strings.Index(sound, a.at)
		if at < 0 {
			t.Errorf("%s: hostkern's header has no %q", name, a.at)
			continue
		}
		grown := sound[:at] + a.put + sound[at:]
		if n, err := Header(grown); err == nil {
			if unthought, _ := n.Differences(); !slices.Contains(unthought, a.name) {
				t.Errorf("%s: %s has no row, and only %q are missed", name, a.name, unthought)
			}
		} else if !strings.Contains(err.Error(), a.name) {
			t.Errorf("%s: %v", name, err)
		}
		said, err := compile(grown)
		if err == nil || !strings.Contains(said, "jail_has_"+a.name) {
			t.Errorf("%s: the model compiles without a line for %s: %v\n%s", name, a.name, err, said)
		}
	}
	// A row that is missed in the table is missed as well.
	if said, err := compile(strings.ReplaceAll(sound, "KAUTH_SYSTEM_SWAPCTL", "KAUTH_SYSTEM_SWAP")); err == nil || !strings.Contains(said, "KAUTH_SYSTEM_SWAP") {
		t.Errorf("another name: %v\n%s", err, said)
	}
}
