package pages

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What a shell offers after a line, where the last word is being typed.
func TestCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here; install it")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	for name := range mains {
		if err := os.Symlink(self, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(source(t, "share/completions/"+name)); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		line      string
		want, not string
	}{
		{"jailctl ", "create", "--level"},
		{"jailctl ex", "exec", "create"},
		{"jailctl create --le", "--level", "create"},
		{"jailctl create -", "--strict", "list"},
		{"jailctl policy ", "medium", "--json"},
		{"jailmgr service web st", "status", "web"},
		{"jailctl service -s TERM web k", "kill", "start"},
		{"jailmgr st", "status", "create"},
		{"jailmgr rel", "reload", "restart"},
		{"jailmgr create --", "--level", "web"},
		{"jail-exporter --web.c", "--web.config.file", "--web.listen-address"},
	} {
		words := strings.Split(c.line, " ")
		if mains[words[0]] == nil {
			continue
		}
		script := `. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _jails_complete; printf '%s\n' "${COMPREPLY[@]}"`
		cmd := exec.Command(bash, slices.Concat([]string{"-c", script, "bash", source(t, "share/completions/jailctl")}, words)...)
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOSTKERN_SOCKET="+filepath.Join(bin, "none"), "JAILS_PREFIX="+bin)
		out, err := cmd.CombinedOutput()
		got := strings.Fields(string(out))
		if err != nil || !slices.Contains(got, c.want) || slices.Contains(got, c.not) {
			t.Errorf("%q: offers %q, want %s and not %s (%v)", c.line, got, c.want, c.not, err)
		}
	}
}
