package jailmgr

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestBootstrapAndCreate(t *testing.T) {
	p := newPlace(t)
	out := p.must("bootstrap", "--sets", p.sets())
	if want := regexp.MustCompile(`^base 10\.1-amd64: base\.tgz verified, 9 B in [0-9.]+ s\nnext: jailmgr create NAME\n$`); !want.MatchString(out) {
		t.Errorf("%q", out)
	}
	if out := p.must("list", "--bases"); out != "10.1-amd64\n" {
		t.Errorf("%q", out)
	}
	out = p.must("create", "web", "--level", "medium", "--port", "8080", "--autostart", "--service", "httpd=/usr/libexec/httpd -I 8080 -X -f -s '/var/www'")
	if out != "Created jail web ($P/etc/jails/web.toml)\n" {
		t.Errorf("%q", out)
	}
	if want, got := `base      = "10.1-amd64"
level     = "medium"            # low, medium, high (the default)
allow     = []                  # words beyond the level: jailctl policy
ports     = ["8080"]            # nobody else can bind these; "8000-8099/any" is a range
strict    = false               # true: the jail may bind nothing else
processes = 64                  # at most; 0 for no cap
autostart = true

[[service]]
name      = "httpd"
command   = ["/usr/libexec/httpd", "-I", "8080", "-X", "-f", "-s", "/var/www"]
`, p.read(p.layout.Definition("web")); got != want {
		t.Error(cmp.Diff(want, got))
	}
	if p.read(p.layout.Data("web")+"/etc/passwd") != "root" {
		t.Error("no data")
	}
	if out := p.must("list"); out != "NAME  BASE        LEVEL   AUTOSTART  SERVICES  PORTS\nweb   10.1-amd64  medium  yes        httpd     8080\n" {
		t.Errorf("%q", out)
	}
	if out := p.must("destroy", "--yes", "web"); !strings.HasPrefix(out, "Destroyed jail web (") {
		t.Errorf("%q", out)
	}
	if out := p.must("list"); strings.Contains(out, "web") {
		t.Errorf("%q", out)
	}
	if _, err := os.Stat(p.layout.Jail("web")); err == nil {
		t.Error("data is left")
	}
}

func TestCommas(t *testing.T) {
	p := newPlace(t)
	p.must("bootstrap", "--sets", p.sets())
	p.must("create", "web", "--service", "a=sh -c 'x,y'", "--service", "b=c", "-r", "80,443/tcp", "-r", "53", "--allow", "nice, chroot")
	def, err := p.layout.Load("web")
	if err != nil {
		t.Fatal(err)
	}
	want := []any{[]string{"sh", "-c", "x,y"}, "b", []string{"80", "443/tcp", "53"}, []string{"nice", "chroot"}}
	got := []any{def.Services[0].Command, def.Services[1].Name, def.Ports, def.Allow}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// What a jail's users have to read they can, whatever root's own umask is.
func TestUmask(t *testing.T) {
	p := newPlace(t)
	defer unix.Umask(unix.Umask(0o077))
	p.must("bootstrap", "--sets", p.sets())
	unix.Umask(0o077)
	p.must("create", "web")
	data := p.layout.Data("web")
	for _, dir := range []string{data, filepath.Join(data, "usr"), filepath.Join(data, "usr", "pkg"), p.layout.Definitions()} {
		st, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != 0o755 {
			t.Errorf("%s has the mode %v", dir, st.Mode())
		}
	}
}
