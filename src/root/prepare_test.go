package root

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"jails/src/jail"
	"jails/src/journal"
)

// forbidding is a system that does not let us mount.
type forbidding struct{ kernel }

func (forbidding) Null(string, string, Flags) error { return unix.EPERM }
func (forbidding) Devices(string) error             { return unix.EPERM }
func (forbidding) Terminals(string) error           { return unix.EPERM }

func withBase(t *testing.T) (*Store, *jail.Definition) {
	t.Helper()
	s := store(t)
	base := s.Layout.Base("b")
	for _, d := range mountPoints {
		if err := os.MkdirAll(filepath.Join(base, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(base, "bin/sh"), "shell")
	write(t, filepath.Join(base, "etc/passwd"), "root")
	write(t, filepath.Join(base, "var/log/old"), "")
	write(t, filepath.Join(base, "usr/bin/x"), "")
	return s, &jail.Definition{Name: "web", Base: "b"}
}

func create(t *testing.T, s *Store, def *jail.Definition) {
	t.Helper()
	j := begin(t, s, "creating", "create")
	if err := s.Create(context.Background(), def, j); err != nil {
		t.Fatal(err)
	}
	if err := j.Remove(); err != nil {
		t.Fatal(err)
	}
}

func TestCreate(t *testing.T) {
	s, def := withBase(t)
	create(t, s, def)
	data := s.Layout.Data("web")
	if read(t, filepath.Join(data, "etc/passwd")) != "root" || !exists(filepath.Join(data, "var/log/old")) || !exists(filepath.Join(data, "usr/pkg")) {
		t.Error("data is not the base's")
	}
	if exists(filepath.Join(data, "bin")) || exists(filepath.Join(data, "usr/bin")) {
		t.Error("what is not writable was copied")
	}
	if st, _ := os.Stat(s.Layout.Jail("web")); st.Mode().Perm() != 0o700 {
		t.Errorf("host users can reach the jail: %v", st.Mode())
	}
	j := begin(t, s, "creating", "create")
	if err := s.Create(context.Background(), def, j); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
	undo(t, s, j)
	if !exists(filepath.Join(data, "etc/passwd")) {
		t.Error("a create that was refused has removed the jail that was there")
	}
	if err := s.Destroy("web"); err != nil || exists(s.Layout.Jail("web")) {
		t.Error(err)
	}
}

func TestPrepareLayered(t *testing.T) {
	skipUnlessRoot(t)
	s, def := withBase(t)
	def.Mounts = []jail.Mount{{Volume: "www", At: "/var/www", Mode: "ro"}, {Source: filepath.Join(s.Layout.Prefix, "host"), At: "/srv", Mode: "rw"}}
	write(t, filepath.Join(s.Layout.Prefix, "host/shared"), "x")
	create(t, s, def)
	j := begin(t, s, "web", "start")
	p, err := s.Prepare(context.Background(), def, j)
	if errors.Is(err, ErrNoMount) {
		t.Skipf("%v; run as root", err)
	}
	if err != nil {
		undo(t, s, j)
		t.Fatal(err)
	}
	if p.Path != s.Layout.Root("web") {
		t.Errorf("root is %s", p.Path)
	}
	in := func(name string) string { return filepath.Join(p.Path, name) }
	if read(t, in("bin/sh")) != "shell" || read(t, in("etc/passwd")) != "root" || read(t, in("srv/shared")) != "x" {
		t.Error("not all is there")
	}
	for name, want := range map[string]error{
		"new": unix.EROFS, "bin/new": unix.EROFS, "var/www/new": unix.EROFS, "mnt/new": unix.EROFS,
		"etc/new": nil, "var/new": nil, "tmp/new": nil, "home/new": nil, "root/new": nil, "usr/pkg/new": nil, "srv/new": nil, "dev/new": nil,
	} {
		if err := os.WriteFile(in(name), nil, 0o644); !errors.Is(err, want) {
			t.Errorf("write %s: got %v, want %v", name, err, want)
		}
	}
	if !exists(filepath.Join(s.Layout.Data("web"), "etc/new")) || exists(filepath.Join(s.Layout.Base("b"), "etc/new")) {
		t.Error("etc is not the jail's own")
	}
	// What is mounted in the jail shows nowhere else.
	if exists(filepath.Join(s.Layout.Base("b"), "dev/null")) || exists(filepath.Join(s.Layout.Base("b"), "srv/shared")) {
		t.Error("mounts of the jail show in its base")
	}
	flags(t, in("."), true, false, true)
	flags(t, in("var"), false, true, true)
	flags(t, in("usr/pkg"), false, false, true)
	flags(t, in("var/www"), true, true, true)
	flags(t, in("srv"), false, true, true)
	f, err := os.OpenFile(in("dev/null"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("x"); err != nil {
		t.Error(err)
	}
	if st, _ := f.Stat(); st.Mode()&os.ModeCharDevice == 0 || st.Mode().Perm() != 0o666 {
		t.Errorf("/dev/null is %v", st.Mode())
	}
	f.Close()
	if err := s.Destroy("web"); !errors.Is(err, ErrMounted) {
		t.Errorf("destroy of a root that is mounted: %v", err)
	}
	// Preparing it again must not stack.
	again := begin(t, s, "again", "start")
	if _, err := s.Prepare(context.Background(), def, again); !errors.Is(err, ErrMounted) {
		t.Errorf("twice: %v", err)
	}
	undo(t, s, again)
	if _, err := os.Stat(in("dev/null")); err != nil {
		t.Errorf("the undo of a start that was refused took the jail's mounts: %v", err)
	}
	undo(t, s, j)
	if left, err := s.Mounted("web"); err != nil || len(left) > 0 {
		t.Errorf("left mounted: %v, %v", left, err)
	}
	if err := s.Destroy("web"); err != nil {
		t.Error(err)
	}
	if !exists(s.Layout.Volume("www")) || read(t, filepath.Join(s.Layout.Prefix, "host/shared")) != "x" {
		t.Error("volumes went with the jail")
	}
}

// Whatever the jail has made of its own directories, what the host mounts
// goes where it should or nowhere.
func TestPrepareHostile(t *testing.T) {
	skipUnlessRoot(t)
	for _, tt := range []struct {
		name  string
		plant func(t *testing.T, s *Store, data string)
	}{
		{"a link at the mount point", func(t *testing.T, s *Store, data string) {
			symlink(t, filepath.Join(s.Layout.Prefix, "victim"), filepath.Join(data, "var/www"))
		}},
		{"a link above the mount point", func(t *testing.T, s *Store, data string) {
			symlink(t, "../../../../../../victim", filepath.Join(data, "var/a"))
		}},
		{"a file above it", func(t *testing.T, s *Store, data string) { write(t, filepath.Join(data, "var/a"), "") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, def := withBase(t)
			def.Mounts = []jail.Mount{{Volume: "v", At: "/var/www", Mode: "rw"}, {Volume: "w", At: "/var/a/b", Mode: "rw"}}
			victim := filepath.Join(s.Layout.Prefix, "victim")
			write(t, filepath.Join(victim, "file"), "mine")
			create(t, s, def)
			tt.plant(t, s, s.Layout.Data("web"))
			j := begin(t, s, "web", "start")
			_, err := s.Prepare(context.Background(), def, j)
			if errors.Is(err, ErrNoMount) {
				t.Skipf("%v; run as root", err)
			}
			if !errors.Is(err, ErrLink) {
				t.Errorf("got %v", err)
			}
			if entries, err := os.ReadDir(victim); err != nil || len(entries) != 1 {
				t.Errorf("outside: %v %v", entries, err)
			}
			undo(t, s, j)
			if left, err := s.Mounted("web"); err != nil || len(left) > 0 {
				t.Errorf("left mounted: %v, %v", left, err)
			}
		})
	}
}

// A source may be reached by links of the administrator's, and not by those
// of a jail.
func TestPrepareSource(t *testing.T) {
	skipUnlessRoot(t)
	s, def := withBase(t)
	create(t, s, def)
	prefix := s.Layout.Prefix
	victim := filepath.Join(prefix, "victim")
	write(t, filepath.Join(victim, "sub/file"), "mine")
	data, volume := s.Layout.Data("web"), s.Layout.Volume("v")
	write(t, filepath.Join(data, "var/www/file"), "www")
	write(t, filepath.Join(volume, "www/file"), "www")
	symlink(t, victim, filepath.Join(data, "var/link"))
	symlink(t, victim, filepath.Join(volume, "link"))
	symlink(t, data, filepath.Join(prefix, "data"))
	symlink(t, "./victim/../victim", filepath.Join(prefix, "own"))
	symlink(t, "loop", filepath.Join(prefix, "loop"))
	for _, tt := range []struct {
		source, file string
		want         error
	}{
		{filepath.Join(data, "var/www"), "www", nil},
		{filepath.Join(volume, "www"), "www", nil},
		{filepath.Join(prefix, "data/var/www"), "www", nil},
		{filepath.Join(prefix, "own/sub"), "mine", nil},
		{filepath.Join(data, "var/link"), "", ErrLink},
		{filepath.Join(data, "var/link/sub"), "", ErrLink},
		{filepath.Join(volume, "link/sub"), "", ErrLink},
		{filepath.Join(prefix, "data/var/link/sub"), "", ErrLink},
		{filepath.Join(data, "var/none"), "", os.ErrNotExist},
		{filepath.Join(prefix, "loop"), "", unix.ELOOP},
	} {
		p := &preparing{Store: s, def: def}
		got, err := p.source(jail.Mount{Source: tt.source})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: got %q, %v, want %v", tt.source, got, err, tt.want)
		} else if err == nil && read(t, filepath.Join(got, "file")) != tt.file {
			t.Errorf("%s: is %s", tt.source, got)
		}
	}
	if exists(filepath.Join(data, "var/none")) {
		t.Error("a source was made")
	}
}

// What a jail could move directories out of is not mounted.
func TestPrepareApart(t *testing.T) {
	skipUnlessRoot(t)
	s, def := withBase(t)
	create(t, s, def)
	prefix, data, volume := s.Layout.Prefix, s.Layout.Data("web"), s.Layout.Volume("v")
	shared, own := filepath.Join(prefix, "shared"), filepath.Join(prefix, "own")
	for _, dir := range []string{filepath.Join(data, "var"), volume, shared, own} {
		write(t, filepath.Join(dir, "www/file"), "www")
	}
	symlink(t, shared, filepath.Join(prefix, "link"))
	source := func(mode string, path ...string) jail.Mount {
		return jail.Mount{Source: filepath.Join(path...), At: "/mnt/" + mode, Mode: mode}
	}
	wholeVolume := func(mode string) jail.Mount { return jail.Mount{Volume: "v", At: "/mnt/v", Mode: mode} }
	for name, tt := range map[string]struct {
		mounts []jail.Mount
		want   bool
	}{
		"the same twice":                {[]jail.Mount{source("rw", shared), source("ro", prefix, "link")}, true},
		"beside":                        {[]jail.Mount{source("rw", shared), source("ro", prefix, "shared-too")}, true},
		"within, not writable":          {[]jail.Mount{source("ro", shared), source("rw", shared, "www")}, true},
		"within":                        {[]jail.Mount{source("rw", shared), source("ro", shared, "www")}, false},
		"within, named first":           {[]jail.Mount{source("ro", shared, "www"), source("rw", shared)}, false},
		"within, by a link":             {[]jail.Mount{source("rw", shared), source("ro", prefix, "link/www")}, false},
		"within a volume":               {[]jail.Mount{wholeVolume("rw"), source("ro", volume, "www")}, false},
		"within a volume, not writable": {[]jail.Mount{wholeVolume("ro"), source("ro", volume, "www")}, true},
		"within its data":               {[]jail.Mount{source("ro", data, "var/www")}, false},
		"within its own root":           {[]jail.Mount{source("ro", own, "www")}, false},
	} {
		write(t, filepath.Join(prefix, "shared-too/file"), "")
		def.Mounts = tt.mounts
		p := &preparing{Store: s, def: def, dir: s.Layout.Jail("web")}
		var sources []string
		for _, m := range tt.mounts {
			dir, err := p.source(m)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			sources = append(sources, dir)
		}
		if err := p.apart(own, sources); (err == nil) != tt.want || !tt.want && !errors.Is(err, jail.ErrInvalid) {
			t.Errorf("%s: %v, want it mounted: %v", name, err, tt.want)
		}
	}
}

// The administrator's mounts come in place of what the jail would have there.
func TestPrepareOverWritable(t *testing.T) {
	skipUnlessRoot(t)
	s, def := withBase(t)
	host := filepath.Join(s.Layout.Prefix, "host")
	write(t, filepath.Join(host, "bin/pkg"), "x")
	write(t, filepath.Join(host, "pkg/bin/pkg"), "x")
	for at, want := range map[string]string{"/usr/pkg": "usr/pkg/bin/pkg", "/usr": "usr/bin/pkg"} {
		def.Mounts = []jail.Mount{{Source: host, At: at, Mode: "ro"}}
		if !exists(s.Layout.Jail("web")) {
			create(t, s, def)
		}
		j := begin(t, s, "web", "start")
		p, err := s.Prepare(context.Background(), def, j)
		if errors.Is(err, ErrNoMount) {
			t.Skipf("%v; run as root", err)
		}
		if err != nil || !exists(filepath.Join(p.Path, want)) {
			t.Errorf("%s: %v", at, err)
		}
		undo(t, s, j)
	}
}

func TestPrepareNoMountPoint(t *testing.T) {
	skipUnlessRoot(t)
	s, def := withBase(t)
	def.Mounts = []jail.Mount{{Volume: "v", At: "/opt", Mode: "rw"}}
	create(t, s, def)
	j := begin(t, s, "web", "start")
	_, err := s.Prepare(context.Background(), def, j)
	if errors.Is(err, ErrNoMount) {
		t.Skipf("%v; run as root", err)
	}
	if err == nil || !strings.Contains(err.Error(), "the base has no directory /opt") {
		t.Errorf("got %v", err)
	}
	undo(t, s, j)
}

func TestPrepareCopied(t *testing.T) {
	s, def := withBase(t)
	s.Mounts = forbidding{}
	create(t, s, def)
	data := s.Layout.Data("web")
	write(t, filepath.Join(data, "etc/passwd"), "changed")
	// A copy that was interrupted has left part of it.
	write(t, filepath.Join(data, "bin/half"), "")
	prepare := func() *Prepared {
		t.Helper()
		j := begin(t, s, "web", "start")
		p, err := s.Prepare(context.Background(), def, j)
		if err != nil {
			t.Fatal(err)
		}
		undo(t, s, j)
		return p
	}
	p := prepare()
	if p.Path != data || len(p.Notes) == 0 || !strings.HasPrefix(p.Notes[0], "base b is copied, and not read-only") {
		t.Errorf("%+v", p)
	}
	if read(t, filepath.Join(data, "bin/sh")) != "shell" || !exists(filepath.Join(data, "usr/bin/x")) || exists(filepath.Join(data, "bin/half")) {
		t.Error("not a copy of the base")
	}
	if read(t, filepath.Join(data, "etc/passwd")) != "changed" {
		t.Error("the jail's own data was overwritten")
	}
	// What the jail did to its copy stays; what it did to /dev does not.
	victim := filepath.Join(s.Layout.Prefix, "victim")
	write(t, filepath.Join(victim, "file"), "mine")
	write(t, filepath.Join(data, "bin/sh"), "changed")
	if err := os.RemoveAll(filepath.Join(data, "dev")); err != nil {
		t.Fatal(err)
	}
	symlink(t, victim, filepath.Join(data, "dev"))
	j := begin(t, s, "web", "start")
	if _, err := s.Prepare(context.Background(), def, j); !errors.Is(err, ErrLink) {
		t.Errorf("dev is a link: %v", err)
	}
	undo(t, s, j)
	if entries, err := os.ReadDir(victim); err != nil || len(entries) != 1 {
		t.Errorf("outside: %v %v", entries, err)
	}
	if err := os.Remove(filepath.Join(data, "dev")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(data, "dev/null"), "the jail's own")
	prepare()
	if b, err := os.ReadFile(filepath.Join(data, "dev/null")); err == nil && len(b) > 0 {
		t.Error("the jail's own /dev/null stayed")
	}
	if read(t, filepath.Join(data, "bin/sh")) != "changed" {
		t.Error("copied again without need")
	}
	// Another base is copied anew.
	if err := os.Rename(s.Layout.Base("b"), s.Layout.Base("c")); err != nil {
		t.Fatal(err)
	}
	def.Base = "c"
	prepare()
	if read(t, filepath.Join(data, "bin/sh")) != "shell" {
		t.Error("the new base was not copied")
	}
	def.Mounts = []jail.Mount{{Volume: "v", At: "/var/v"}}
	j = begin(t, s, "web", "start")
	if _, err := s.Prepare(context.Background(), def, j); !errors.Is(err, ErrNoMount) {
		t.Errorf("with volumes: %v", err)
	}
	undo(t, s, j)
}

func TestPrepareOwnRoot(t *testing.T) {
	skipUnlessRoot(t)
	s := store(t)
	own := filepath.Join(s.Layout.Prefix, "own")
	write(t, filepath.Join(own, "bin/sh"), "shell")
	symlink(t, own, filepath.Join(s.Layout.Prefix, "alias"))
	def := &jail.Definition{Name: "web", Root: filepath.Join(s.Layout.Prefix, "alias")}
	j := begin(t, s, "web", "start")
	p, err := s.Prepare(context.Background(), def, j)
	if err != nil {
		t.Fatal(err)
	}
	if p.Path != own {
		t.Errorf("root is %s", p.Path)
	}
	if len(p.Notes) == 0 && !exists(filepath.Join(own, "dev/null")) {
		t.Error("no /dev/null")
	}
	undo(t, s, j)
	if entries, err := os.ReadDir(filepath.Join(own, "dev")); err == nil && len(entries) > 0 {
		t.Errorf("left in the administrator's own root: %v", entries)
	}
	if err := s.Destroy("web"); err != nil || read(t, filepath.Join(own, "bin/sh")) != "shell" {
		t.Errorf("the administrator's own root was removed: %v", err)
	}
	for _, path := range []string{"/nonexistent", filepath.Join(own, "bin/sh")} {
		if err := s.Check(&jail.Definition{Root: path}); !errors.Is(err, ErrNoBase) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := s.Check(&jail.Definition{Base: "b"}); !errors.Is(err, ErrNoBase) {
		t.Error(err)
	}
}

// lingering is a kernel in which the dead still hold what they had open.
type lingering struct {
	kernel
	busy *int
}

func (l lingering) Unmount(target string) error {
	if *l.busy--; *l.busy >= 0 {
		return unix.EBUSY
	}
	return l.kernel.Unmount(target)
}

func TestUnmountBusy(t *testing.T) {
	skipUnlessRoot(t)
	s, def := withBase(t)
	create(t, s, def)
	busy := 0
	s.Mounts = lingering{busy: &busy}
	j := begin(t, s, "web", "start")
	p, err := s.Prepare(context.Background(), def, j)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Notes) > 0 {
		undo(t, s, j)
		t.Skipf("%v; run as root", p.Notes)
	}
	// Someone of the host's stays in it.
	f, err := os.Open(filepath.Join(p.Path, "bin"))
	if err != nil {
		t.Fatal(err)
	}
	u := s.Undo()
	err = j.Undo(func(step journal.Step) error { _, err := u.Step(step); return err })
	if !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), p.Path+": a process of the host's is in it") {
		t.Errorf("got %v", err)
	}
	f.Close()
	busy = 4
	if j, err = journal.Open(s.Layout.Journal("web")); err != nil {
		t.Fatal(err)
	}
	undo(t, s, j)
	if left, err := s.Mounted("web"); err != nil || len(left) > 0 || busy >= 0 {
		t.Errorf("left mounted: %v, %v", left, err)
	}
}

func TestUndoFile(t *testing.T) {
	s := store(t)
	path := filepath.Join(s.Layout.Prefix, "f")
	for _, tt := range []struct {
		now  string
		gone bool
	}{{"ours", true}, {"someone else's", false}} {
		write(t, path, tt.now)
		j := begin(t, s, "x", "create")
		if err := j.Record(true, StepFile, path, Digest([]byte("ours"))); err != nil {
			t.Fatal(err)
		}
		undo(t, s, j)
		if exists(path) == tt.gone {
			t.Errorf("%q: gone %v", tt.now, !tt.gone)
		}
	}
}

func TestBelow(t *testing.T) {
	top, err := (kernel{}).Below("/")
	if err != nil || !slices.Contains(top, "/") {
		t.Fatalf("%v, %v", top, err)
	}
	if d := cmp.Diff([]string(nil), must(t)((kernel{}).Below(t.TempDir()))); d != "" {
		t.Error(d)
	}
}

func must(t *testing.T) func([]string, error) []string {
	return func(s []string, err error) []string {
		if err != nil {
			t.Error(err)
		}
		return s
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}
