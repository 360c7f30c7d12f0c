package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"jails/tests/host"
)

// A user who is not root changes nothing, and is told why.
func TestNotRoot(t *testing.T) {
	h := host.New(t)
	for _, dir := range []string{h.Dir, h.Bin} {
		// Another's directory, named by JAILS_BIN, is as it is.
		if err := os.Chmod(dir, 0o755); err != nil && !errors.Is(err, os.ErrPermission) {
			t.Fatal(err)
		}
	}
	as := func(args ...string) *exec.Cmd {
		cmd := h.Command(t.Context(), args[0], args[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		return cmd
	}
	if out, err := as("jailctl", "list").CombinedOutput(); errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) {
		t.Skip("this user namespace has no second user; run as root")
	} else if err != nil {
		t.Fatalf("list is for all: %v: %s", err, out)
	}
	root := h.Userland(t)
	h.Run(t, "tar", "-C", root, "-czf", filepath.Join(h.Dir, "base.tgz"), "bin", "etc")
	h.Run(t, "jailmgr", "bootstrap", "--sets", h.Dir, "--name", "b", "--no-verify")
	h.Run(t, "jailmgr", "create", "web", "-x", "sleep 1000")
	h.Run(t, "jailmgr", "start", "web")
	defer h.Run(t, "jailmgr", "stop", "web")
	measures := regexp.MustCompile(`"(threads|resident_bytes|virtual_bytes|cpu_seconds)": .*`)
	state := func() string {
		return measures.ReplaceAllString(h.Run(t, "jailctl", "ps", "--json"), "") + h.Run(t, "jailmgr", "list")
	}
	before := state()
	for _, line := range []string{
		"jailctl create -n x " + root, "jailctl set -l low web", "jailctl exec web true", "jailctl kill web", "jailctl destroy -k web",
		"jailctl policy web", "jailctl supervise web",
		"jailmgr create x --root " + root, "jailmgr create x --base b", "jailmgr edit web -l low", "jailmgr start web", "jailmgr stop web",
		"jailmgr restart web", "jailmgr status", "jailmgr shell web", "jailmgr provision web", "jailmgr destroy --yes web",
		"jailmgr check", "jailmgr repair", "jailmgr logs web", "jailmgr bootstrap --name c --no-verify --sets " + h.Dir,
	} {
		out, err := as(strings.Fields(line)...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 77 || !strings.Contains(string(out), "root") {
			t.Errorf("%s: %v: %s", line, err, out)
		}
	}
	if after := state(); after != before {
		t.Errorf("changed: %s\n%s", before, after)
	}
	if out, err := as("jailmgr", "list").CombinedOutput(); err != nil || !strings.Contains(string(out), "only root may read its definition") {
		t.Errorf("list: %v: %s", err, out)
	}
	if err := os.Chmod(filepath.Join(h.Dir, "etc/jails/web.toml"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := as("jailmgr", "check").CombinedOutput(); err != nil || !strings.Contains(string(out), "only root can see") {
		t.Errorf("check: %v: %s", err, out)
	}
}
