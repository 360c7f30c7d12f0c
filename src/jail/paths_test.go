package jail

import (
	"strings"
	"testing"
)

func TestPaths(t *testing.T) {
	t.Setenv("JAILS_PREFIX", "")
	if got := Paths().Definition("web"); got != "/etc/jails/web.toml" {
		t.Error(got)
	}
	t.Setenv("JAILS_PREFIX", "/tmp/x/")
	if got := Paths().ControlSocket("web"); got != "/tmp/x/var/run/jails/web/control.sock" {
		t.Error(got)
	}
	t.Setenv("JAILS_PREFIX", "rel")
	if got := Paths().Root("web"); !strings.HasPrefix(got, "/") || !strings.HasSuffix(got, "/rel/var/jails/jail/web/root") {
		t.Error(got)
	}
}
