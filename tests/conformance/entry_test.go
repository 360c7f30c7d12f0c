package conformance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// refusedEntry is one reason for which a process may not enter.
type refusedEntry struct {
	name   string
	part   part
	reason secmodel.Reason
}

// entries are the refusals that a process can bring about by what it is and
// holds; the system adds its own.
var entries = []refusedEntry{
	{"not a session leader", part{Follow: true}, secmodel.ReasonSession},
	{"a directory", part{Before: []string{"open-directory"}}, secmodel.ReasonFDDirectory},
	{"a directory that execve(2) closes", part{Before: []string{"open-directory", "close-on-exec"}}, secmodel.ReasonFDDirectory},
	{"a directory under a high number", part{Before: []string{"open-directory", "move-up"}}, secmodel.ReasonFDDirectory},
	{"a raw socket", part{Before: []string{"open-raw"}}, secmodel.ReasonFDSocket},
	{"a raw IPv6 socket", part{Before: []string{"open-raw6"}}, secmodel.ReasonFDSocket},
	{"a device", part{Before: []string{"open-device"}}, secmodel.ReasonFDDevice},
	{"an ordinary user", part{Before: []string{"become-user"}}, secmodel.ReasonNotRoot},
}

// harmless is what a process may bring along.
var harmless = []string{"open-null", "open-file", "open-tcp", "open-local"}

func TestEntryIsRefused(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	for _, c := range entries {
		c.part.Jail = j.id
		a, got, err := launch(c.part)
		if a != nil {
			a.end()
		}
		if slices.Contains(c.part.Before, "become-user") && oneUser != "" {
			t.Run(c.name, func(t *testing.T) { skip(t, oneUser) })
			continue
		}
		if got.Reason == 0 && slices.Contains([]unix.Errno{unix.ENOENT, unix.ENXIO, unix.EPERM, unix.EACCES}, got.errno()) {
			t.Run(c.name, func(t *testing.T) { skip(t, got.Error+"; run as root of the host, which may have it") })
			continue
		}
		check(t, err == nil && a == nil && got.Reason == int(c.reason), "%s: reason %d (%s) %v, want reason %d", c.name, got.Reason, got.Error, err, c.reason)
	}
	check(t, j.record(t).Entries == 0 && j.record(t).Processes == 0, "refused entries count: %+v", j.record(t))
}

// TestEntryWithDirectories: a directory may come along only if it is in the
// jail's root, at this moment, and not if its path is merely like it.
func TestEntryWithDirectories(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	beside := j.root + "-beside"
	for _, dir := range []string{beside, filepath.Join(j.root, "tmp/moved"), filepath.Join(j.root, "tmp/deep/er")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(beside); err != nil {
			t.Error(err)
		}
	})
	if err := os.Symlink(beside, filepath.Join(j.root, "tmp/link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir  string
		then func() error
		want bool
	}{
		{j.root, nil, true},
		{filepath.Join(j.root, "tmp/deep/er"), nil, true},
		{"/", nil, false},
		{work, nil, false},
		{beside, nil, false},
		{filepath.Join(j.root, "tmp/link"), nil, false},
		{filepath.Join(j.root, "tmp/moved"), func() error {
			return os.Rename(filepath.Join(j.root, "tmp/moved"), filepath.Join(beside, "moved"))
		}, false},
	} {
		a := start(t, part{})
		if got := a.do(t, "open-at", c.dir); got.Error != "" {
			t.Fatal(got.Error)
		}
		if c.then != nil {
			if err := c.then(); err != nil {
				t.Fatal(err)
			}
		}
		got := a.do(t, "enter", j.id.String())
		if c.want {
			check(t, got.Error == "", "entering with %s open: %s", c.dir, got.Error)
		} else {
			check(t, got.Reason == int(secmodel.ReasonFDDirectory), "entering with %s open: reason %d (%s), want reason %d", c.dir, got.Reason, got.Error, secmodel.ReasonFDDirectory)
		}
		a.end()
	}
}

// TestEntryFromElsewhere: whatever root and directory who enters had, there is
// nothing but the jail's after it.
func TestEntryFromElsewhere(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	which := func(root, text string) {
		if err := os.WriteFile(filepath.Join(root, "tmp/which"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := newRoot(t)
	which(j.root, "the jail's")
	which(elsewhere, "elsewhere")
	for name, a := range map[string]*actor{"the host's root": start(t, part{}), "another root": start(t, part{Root: elsewhere})} {
		if name == "another root" {
			if got := a.do(t, "chdir", "/tmp"); got.Error != "" {
				t.Fatal(got.Error)
			}
		} else if got := a.do(t, "chdir", filepath.Join(elsewhere, "tmp")); got.Error != "" {
			t.Fatal(got.Error)
		}
		if got := a.do(t, "enter", j.id.String()); got.Error != "" {
			check(t, false, "entering from %s: %s", name, got.Error)
			continue
		}
		for _, path := range []string{"/tmp/which", "tmp/which", "../../tmp/which"} {
			got := a.do(t, "read", path)
			check(t, got.Value == "the jail's", "from %s, %s is %q (%s)", name, path, got.Value, got.Error)
		}
		got := a.do(t, "read", "which")
		check(t, got.errno() == unix.ENOENT, "from %s, the directory from before is there still: %q %s", name, got.Value, got)
	}
}

func TestEntryWithHarmlessFiles(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	for _, what := range harmless {
		a, got, err := launch(part{Before: []string{what}, Jail: j.id})
		if check(t, err == nil && a != nil, "%s: %s %v", what, got.Error, err) {
			a.end()
		}
	}
}

func TestEntryIsOneWay(t *testing.T) {
	need(t)
	here, there := newJail(t, secmodel.Config{}), newJail(t, secmodel.Config{})
	for _, uid := range uids {
		a := start(t, part{Jail: here.id, UID: uid, Known: true})
		for _, id := range []secmodel.ID{here.id, there.id, 0} {
			got := a.do(t, "enter", id.String())
			check(t, got.Error != "", "uid %d entered jail %d from inside jail %d", uid, id, here.id)
		}
	}
	check(t, there.record(t).Entries == 0 && here.record(t).Entries == uint64(len(uids)), "entries: %d and %d, want %d and 0", here.record(t).Entries, there.record(t).Entries, len(uids))
}

func TestNobodyElseCommands(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{Level: secmodel.High})
	before := j.record(t)
	for name, p := range map[string]part{
		"jailed root": {Jail: j.id, Known: true}, "jailed user": {Jail: j.id, UID: user, Known: true}, "host user": {UID: user, Known: true},
	} {
		a := start(t, p)
		for _, verb := range []string{"create", "set", "kill-jail", "destroy"} {
			got := a.do(t, verb, j.id.String())
			reason := secmodel.Reason(got.Reason)
			check(t, got.errno() == unix.EPERM && (reason == secmodel.ReasonNotHost || reason == secmodel.ReasonNotRoot),
				"%s: %s: %s, reason %d (%s), want EPERM", name, verb, got, got.Reason, got.Error)
		}
		a.end()
	}
	after := j.record(t)
	check(t, after.State == secmodel.Active && after.Config.Level == before.Config.Level, "the jail was changed: %+v", after)
}

func TestEntryNeedsALivingJail(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	if err := model.Kill(j.id, int(unix.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	_, got, err := launch(part{Jail: j.id})
	check(t, err == nil && got.Reason == int(secmodel.ReasonDying), "entering a dying jail: reason %d (%s) %v", got.Reason, got.Error, err)
	if err := model.Destroy(j.id); err != nil {
		t.Fatal(err)
	}
	for _, id := range []secmodel.ID{j.id, 1 << 31} {
		_, got, err = launch(part{Jail: id})
		check(t, err == nil && got.Reason == int(secmodel.ReasonNoJail), "entering jail %d that is not: reason %d (%s) %v", id, got.Reason, got.Error, err)
	}
}

func TestOneInit(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	first := start(t, part{Jail: j.id, Entry: secmodel.EnterInit})
	check(t, j.record(t).Init == first.pid, "init is %d, want %d", j.record(t).Init, first.pid)
	_, got, err := launch(part{Jail: j.id, Entry: secmodel.EnterInit})
	check(t, err == nil && got.Reason == int(secmodel.ReasonHasInit), "a second init: reason %d (%s) %v", got.Reason, got.Error, err)
	first.end()
	eventually(t, "the jail's init is gone from its record", func() bool { return j.record(t).Init == 0 })
	second := start(t, part{Jail: j.id, Entry: secmodel.EnterInit})
	check(t, j.record(t).Init == second.pid, "init is %d, want %d", j.record(t).Init, second.pid)
}

// TestRootIsPinned: a jail's root is the directory that it was at creation,
// wherever its name points to later.
func TestRootIsPinned(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	if err := os.WriteFile(filepath.Join(j.root, "tmp/which"), []byte("pinned"), 0o644); err != nil {
		t.Fatal(err)
	}
	moved := j.root + ".moved"
	if err := os.Rename(j.root, moved); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(os.RemoveAll(j.root), os.Rename(moved, j.root)); err != nil {
			t.Error(err)
		}
	}()
	if err := os.MkdirAll(filepath.Join(j.root, "tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(j.root, "tmp/which"), []byte("put in its place"), 0o644); err != nil {
		t.Fatal(err)
	}
	a := j.actor(t, 0)
	got := a.do(t, "read", "/tmp/which")
	check(t, got.Value == "pinned", "the jail's /tmp/which says %q (%s), want pinned", got.Value, got.Error)
	got = a.do(t, "same", "/", "/../../..")
	check(t, got.Value == "true", "above / is something else: %s %s", got.Value, got.Error)
	got = a.do(t, "read", filepath.Join(moved, "tmp/which"))
	check(t, got.errno() == unix.ENOENT, "a host's path in the jail: %q %s", got.Value, got)
}

func TestTracedMayNotEnter(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	tracer, traced := start(t, part{}), start(t, part{})
	got := tracer.do(t, "trace", strconv.Itoa(traced.pid))
	if got.Error != "" {
		t.Fatal(got.Error)
	}
	got, err := traced.ask("enter", j.id.String())
	tracer.end() // else nobody can wait for the other
	check(t, err == nil && got.Reason == int(secmodel.ReasonTraced), "a traced process enters: reason %d (%s) %v", got.Reason, got.Error, err)
}

func TestCreateIsRefused(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	file := filepath.Join(j.root, "tmp/file")
	for _, c := range []struct {
		name, root string
		config     secmodel.Config
		reason     secmodel.Reason
	}{
		{j.name, j.root, secmodel.Config{}, secmodel.ReasonExists},
		{"root-is-not", filepath.Join(j.root, "nothing"), secmodel.Config{}, secmodel.ReasonRoot},
		{"root-is-a-file", file, secmodel.Config{}, secmodel.ReasonRoot},
		{"both-words", j.root, secmodel.Config{Allow: []string{"nice"}, Deny: []string{"nice"}}, secmodel.ReasonWord},
	} {
		id, err := model.Create(c.name, c.root, c.config)
		refused, ok := errors.AsType[*secmodel.Refused](err)
		check(t, ok && refused.Reason == c.reason, "create %s: %d %v, want reason %d", c.name, id, err, c.reason)
		if err == nil {
			if err := errors.Join(model.Kill(id, int(unix.SIGKILL)), model.Destroy(id)); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestLimitsAreSetAtEntry(t *testing.T) {
	need(t)
	const files = 8 // RLIMIT_NOFILE in NetBSD's order
	j := newJail(t, secmodel.Config{Limits: []secmodel.Limit{{Resource: files, Soft: 77, Hard: 99}}})
	got := j.actor(t, 0).do(t, "limit")
	check(t, got.Value == fmt.Sprint(77, 99), "files limit in the jail is %q %s, want 77 99", got.Value, got.Error)
	outside := start(t, part{}).do(t, "limit")
	got = start(t, part{Jail: j.id, Entry: secmodel.EnterInit}).do(t, "limit")
	check(t, got.Value == outside.Value, "the files limit of init is %q %s, want the host's, %s", got.Value, got.Error, outside.Value)
}
