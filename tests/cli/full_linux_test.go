package cli

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"jails/src/lock"
	"jails/tests/host"
)

// small is a host whose jails are on a disk of 1 MB, and what fills it.
type small struct {
	*host.Host
	t    *testing.T
	dir  string
	root string
}

const auditLog = "audit.log"

func newSmall(t *testing.T) *small {
	t.Helper()
	h := host.New(t)
	s := &small{h, t, filepath.Join(h.Dir, "small"), h.Userland(t)}
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("small", s.dir, "tmpfs", 0, "size=1m"); errors.Is(err, unix.EPERM) {
		t.Skip("no mounts are allowed here; run as root")
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(s.dir, 0); err != nil {
			t.Error(err)
		}
	})
	h.Env = append(h.Env, "JAILS_PREFIX="+s.dir)
	return s
}

// fill also fills the last page that the audit trail has.
func (s *small) fill() {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.dir, "var/log/jails", auditLog), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	st, err := f.Stat()
	if err == nil {
		_, err = f.Write(bytes.Repeat([]byte{'\n'}, os.Getpagesize()-int(st.Size())%os.Getpagesize()))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "fill"), make([]byte, 4<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		s.t.Fatalf("the disk is not full: %v", err)
	}
}

func (s *small) room() {
	s.t.Helper()
	if err := os.Remove(filepath.Join(s.dir, "fill")); err != nil {
		s.t.Fatal(err)
	}
}

// state is all files but those of what runs, with what is in them.
func (s *small) state() []string {
	var all []string
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/var/run/") || d.Name() == "fill" || d.Name() == auditLog {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, fmt.Sprintf("%s %x", path, sha256.Sum256(text)))
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
	return all
}

// refused runs a command that must find no room, and change nothing.
func (s *small) refused(args ...string) {
	s.t.Helper()
	before := s.state()
	cmd := s.Command(s.t.Context(), args[0], args[1:]...)
	cmd.Stdin = strings.NewReader("echo provisioned\n")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 74 || !strings.Contains(string(out), "no space left on device; make room, and try again") {
		s.t.Errorf("%v: %v: %s", args, err, out)
	}
	if d := cmp.Diff(before, s.state()); d != "" {
		s.t.Errorf("%v changed: %s", args, d)
	}
}

// On a full disk nothing is begun, and what runs can be stopped and destroyed.
func TestFullDisk(t *testing.T) {
	s := newSmall(t)
	s.Run(t, "jailmgr", "list")
	s.Run(t, "jailmgr", "create", "web", "--root", s.root, "-x", "sleep 1000")
	sets := filepath.Join(s.Dir, "sets")
	if err := os.Mkdir(sets, 0o755); err != nil {
		t.Fatal(err)
	}
	s.Run(t, "tar", "-C", s.root, "-czf", filepath.Join(sets, "base.tgz"), "bin", "etc")
	s.Run(t, "jailmgr", "repair") // makes the directory of locks

	s.fill()
	s.refused("jailmgr", "create", "other", "--root", s.root)
	s.refused("jailmgr", "edit", "web", "-l", "low")
	s.refused("jailmgr", "provision", "web")
	s.refused("jailmgr", "start", "web")
	s.refused("jailmgr", "bootstrap", "--sets", sets, "--name", "b", "--no-verify")
	s.room()
	s.refused("jailmgr", "bootstrap", "--sets", sets, "--name", "b", "--no-verify")
	s.Run(t, "jailmgr", "check")
	s.Run(t, "jailmgr", "start", "web")

	s.fill()
	s.refused("jailmgr", "edit", "web", "-l", "low")
	s.Run(t, "jailmgr", "status")
	if out := s.Run(t, "jailmgr", "stop", "web"); !strings.Contains(out, "jailmgr: WARNING: the begin of this act is not in the audit trail: ") ||
		!strings.Contains(out, auditLog+": no space left on device") {
		t.Error(out)
	}
	s.room()
	s.Run(t, "jailmgr", "start", "web")
	s.fill()
	s.Run(t, "jailmgr", "stop", "--all")
	s.Run(t, "jailmgr", "destroy", "--yes", "web")
	if out := s.Run(t, "jailmgr", "list"); strings.Contains(out, "web") {
		t.Error(out)
	}
	for _, left := range s.state() {
		if strings.Contains(left, "web") {
			t.Errorf("left: %s", left)
		}
	}
	if out := s.Run(t, "jailmgr", "audit"); strings.Contains(out, "damaged") || !strings.Contains(out, "jailmgr create web ") {
		t.Error(out)
	}
	if out := s.Run(t, "jailctl", "list", "--json"); strings.TrimSpace(out) != "[]" {
		t.Error(out)
	}
}

// A disk that takes nothing is when one looks at the jails, and stops them.
func TestReadOnlyDisk(t *testing.T) {
	s := newSmall(t)
	s.Run(t, "jailmgr", "create", "web", "--root", s.root, "-x", "sleep 1000")
	s.Run(t, "jailmgr", "create", "db", "--root", s.root, "-x", "sleep 1000")
	s.Run(t, "jailmgr", "start", "web")
	if err := errors.Join(unix.Mount(s.dir, s.dir, "", unix.MS_BIND|unix.MS_REC, ""),
		unix.Mount("", s.dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")); err != nil {
		t.Fatal(err)
	}
	frozen := true
	defer func() {
		if frozen {
			_ = unix.Unmount(s.dir, unix.MNT_DETACH)
		}
	}()
	for _, line := range []string{"jailmgr status", "jailmgr list", "jailmgr check", "jailmgr logs web", "jailmgr audit", "jailmgr service web", "jailctl ps"} {
		if out := s.Run(t, strings.Fields(line)[0], strings.Fields(line)[1:]...); strings.Contains(out, "read-only") || line == "jailmgr status" && !strings.Contains(out, "web   running") {
			t.Errorf("%s: %s", line, out)
		}
	}
	// What could not be started again is not stopped for that.
	for _, line := range []string{"restart web", "reload web", "start db", "stop db"} {
		out, err := s.Command(t.Context(), "jailmgr", strings.Fields(line)...).CombinedOutput()
		if failed, is := errors.AsType[*exec.ExitError](err); !is || failed.ExitCode() != 74 || !strings.Contains(string(out), "read-only file system") {
			t.Errorf("%s: %v: %s", line, err, out)
		}
	}
	// It is one administrator's at a time there too: whoever has locked the
	// running jail.
	k, err := lock.Borrow(filepath.Join(s.dir, "var/run/jails/web"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Command(t.Context(), "jailmgr", "stop", "web").CombinedOutput()
	if failed, is := errors.AsType[*exec.ExitError](err); !is || failed.ExitCode() != 75 || !strings.Contains(string(out), "another jailmgr works on jail web") {
		t.Errorf("%v: %s", err, out)
	}
	if err := k.Unlock(); err != nil {
		t.Error(err)
	}
	for range 2 { // the second time there is nothing left to do
		if out := s.Run(t, "jailmgr", "stop", "web"); !strings.Contains(out, "Stopped jail web") || !strings.Contains(out, "web: what is left on the disk stays until the next start") ||
			strings.Contains(out, "killed") {
			t.Error(out)
		}
	}
	if out := s.Run(t, "jailctl", "list", "--json"); strings.TrimSpace(out) != "[]" {
		t.Error(out)
	}
	frozen = false
	if err := unix.Unmount(s.dir, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	if out := s.Run(t, "jailmgr", "start", "web"); !strings.Contains(out, "Started jail web") {
		t.Error(out)
	}
	if out := s.Run(t, "jailmgr", "logs", "web"); !strings.Contains(out, "all services are down") {
		t.Errorf("not stopped in order: %s", out)
	}
	s.Run(t, "jailmgr", "stop", "web")
}
