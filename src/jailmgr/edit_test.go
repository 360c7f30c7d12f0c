package jailmgr

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A definition that is a link stays one, and what it leads to is changed.
func TestLinkedDefinition(t *testing.T) {
	p := newPlace(t)
	p.must("bootstrap", "--sets", p.sets())
	kept := filepath.Join(p.dir, "kept.toml")
	p.write(kept, "base = '10.1-amd64' # mine\n")
	path := p.layout.Definition("web")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(kept, path); err != nil {
		t.Fatal(err)
	}
	p.must("edit", "web", "-l", "low")
	if got, err := os.Readlink(path); err != nil || got != kept {
		t.Errorf("%q, %v", got, err)
	}
	if got := p.read(kept); got != "base = '10.1-amd64' # mine\nlevel = \"low\"\n" {
		t.Errorf("%q", got)
	}
}

func TestEdit(t *testing.T) {
	p := newPlace(t)
	p.must("bootstrap", "--sets", p.sets())
	p.must("create", "web")
	path := p.layout.Definition("web")
	p.write(path, "base = '10.1-amd64' # keep me\n# and me\nlevel = 'low' # too\n")
	p.must("edit", "web", "--autostart", "-l", "high", "-r", "80/tcp", "-r", "443/tcp")
	want := "base = '10.1-amd64' # keep me\n# and me\nlevel = \"high\" # too\nautostart = true\nports = [\"80/tcp\", \"443/tcp\"]\n"
	if got := p.read(path); got != want {
		t.Error(cmp.Diff(want, got))
	}
	p.must("edit", "web", "--autostart=false", "--port", "")
	if got := p.read(path); !strings.Contains(got, "autostart = false\nports = []\n") {
		t.Error(got)
	}
	p.must("edit", "web", "--observe")
	if got := p.read(path); !strings.Contains(got, "observe = true\n") {
		t.Error(got)
	}

	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("no /bin/sh to make an editor of")
	}
	script := filepath.Join(p.dir, "editor")
	edit := func(sed string) (int, string, string) {
		p.write(script, "#!/bin/sh\nsed \""+sed+"\" \"$2\" > \"$2.new\" && cat \"$2.new\" > \"$2\" && rm \"$2.new\"\n")
		if err := os.Chmod(script, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("VISUAL", "")
		t.Setenv("EDITOR", script+" 'an option'")
		return p.run("", "edit", "web")
	}
	if code, out, err := edit("s/high/medium/"); code != 0 || out != "Changed jail web ($P/etc/jails/web.toml)\n" || err != "" {
		t.Errorf("%d %q %q", code, out, err)
	}
	if got := p.read(path); !strings.Contains(got, `level = "medium" # too`) {
		t.Error(got)
	}
	before := p.read(path)
	if code, _, err := edit("s/level/levle/"); code != 78 || !strings.Contains(err, `web.toml:3:1: unknown key "levle"; did you mean "level"?; nothing was changed`) {
		t.Errorf("%d %q", code, err)
	}
	if code, out, _ := edit("s/x/x/"); code != 0 || out != "" {
		t.Errorf("no change: %d %q", code, out)
	}
	// Who types ^C means the editor, which goes on.
	if code, out, err := edit("s/medium/low/\" \"$2\" >/dev/null; kill -INT $PPID; sleep 0.2; sed \"s/medium/low/"); code != 0 || out == "" {
		t.Errorf("%d %q %q", code, out, err)
	}
	if code, _, err := edit("s/low/medium/"); code != 0 || p.read(path) != before {
		t.Errorf("%d %q %q", code, err, p.read(path))
	}
	// Another has changed it while the editor ran.
	if code, _, err := edit("s/medium/low/\" \"$2\" >/dev/null; echo '# other' >> " + path + "; sed \"s/medium/low/"); code != 75 || !strings.Contains(err, "was changed by someone else") {
		t.Errorf("%d %q", code, err)
	}
	if got := p.read(path); got != before+"# other\n" {
		t.Errorf("the other's change is lost: %q", got)
	}
	t.Setenv("EDITOR", "false")
	if code, _, err := p.run("", "edit", "web"); code == 0 || !strings.Contains(err, "nothing was changed") {
		t.Errorf("%d %q", code, err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "jail.*.toml")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
