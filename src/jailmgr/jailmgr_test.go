package jailmgr

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"jails/src/jail"
	"jails/src/logs"
	"jails/src/secmodel"
)

// place is a layout of a test's own, without a kernel model.
type place struct {
	t      *testing.T
	dir    string
	layout jail.Layout
}

func newPlace(t *testing.T) *place {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("JAILS_PREFIX", dir)
	t.Setenv("HOSTKERN_SOCKET", filepath.Join(dir, "none.sock"))
	return &place{t, dir, jail.Layout{Prefix: dir}}
}

// modelLoaded says whether the kernel has the model all the same, as it may
// on NetBSD.
func modelLoaded(t *testing.T) bool {
	t.Helper()
	k, err := secmodel.Open()
	if err != nil {
		return false
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	return true
}

// run runs the command; its output has the place's directory as $P.
func (p *place) run(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Main(append([]string{"jailmgr"}, args...), strings.NewReader(stdin), &out, &err)
	plain := func(b *bytes.Buffer) string { return strings.ReplaceAll(b.String(), p.dir, "$P") }
	return code, plain(&out), plain(&err)
}

func (p *place) must(args ...string) string {
	p.t.Helper()
	code, out, err := p.run("", args...)
	if code != 0 {
		p.t.Fatalf("jailmgr %v: %d: %s%s", args, code, out, err)
	}
	return out
}

func (p *place) write(path, text string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) read(path string) string {
	p.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		p.t.Error(err)
	}
	return string(b)
}

// sets makes a directory of one set.
func (p *place) sets() string {
	p.t.Helper()
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	w := tar.NewWriter(g)
	for name, text := range map[string]string{"./bin/sh": "shell", "./etc/passwd": "root"} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(text))}); err != nil {
			p.t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		p.t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		p.t.Fatal(err)
	}
	dir := filepath.Join(p.dir, "10.1", "amd64")
	p.write(filepath.Join(dir, "base.tgz"), b.String())
	p.write(filepath.Join(dir, "SHA512"), fmt.Sprintf("SHA512 (base.tgz) = %x\n", sha512.Sum512(b.Bytes())))
	return dir
}

// state is every file below etc and var, to see that nothing was changed.
func (p *place) state() []string {
	var all []string
	for _, top := range []string{"etc", "var"} {
		_ = filepath.WalkDir(filepath.Join(p.dir, top), func(path string, _ os.DirEntry, err error) error {
			if err == nil && !strings.HasPrefix(path, filepath.Join(p.dir, "var/run")) {
				all = append(all, path)
			}
			return nil
		})
	}
	return all
}

// The worked example of the closest peer, with its verbs and flags.
func TestPeerExample(t *testing.T) {
	p := newPlace(t)
	if err := os.MkdirAll(filepath.Dir(p.layout.Sets()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(p.sets(), p.layout.Sets()); err != nil {
		t.Fatal(err)
	}
	p.must("bootstrap", "--name", "demo")
	out := p.must("create", "-a", "-x", "/usr/libexec/httpd -I 8080 -X -f -s /var/www/mysite", "-l", "medium", "-r", "8080",
		"-f", "local3", "-o", "info", "-e", "err", "-t", "jail-web", "web")
	if !strings.HasPrefix(out, "Created jail web") {
		t.Errorf("%q", out)
	}
	def, err := p.layout.Load("web")
	if err != nil {
		t.Fatal(err)
	}
	want := []any{true, "medium", []string{"8080"}, "httpd", []string{"/usr/libexec/httpd", "-I", "8080", "-X", "-f", "-s", "/var/www/mysite"}, jail.Syslog{Facility: "local3", Out: "info", Err: "err", Tag: "jail-web"}}
	got := []any{def.Autostart, def.Level, def.Ports, def.Services[0].Name, def.Services[0].Command, *def.Log.Syslog}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if modelLoaded(t) {
		return
	}
	for _, args := range [][]string{{"apply", "--ephemeral", "web"}, {"provision", "web"}, {"start", "--all"}} {
		if code, _, err := p.run("echo hello\n", args...); code != 69 || !strings.Contains(err, "no kernel model is loaded") {
			t.Errorf("%v: %d, %s", args, code, err)
		}
	}
}

// What is wrong is refused, with a code, a place and a remedy, and nothing
// is changed.
func TestRefusals(t *testing.T) {
	p := newPlace(t)
	sets := p.sets()
	p.must("bootstrap", "--sets", sets)
	p.must("create", "web")
	p.write(p.layout.Definition("bad"), "base = '10.1-amd64'\nport = ['80']\n")
	p.write(p.layout.Definition("lost"), "base = 'gone'\n")
	big := strings.Repeat("#", scriptSize+1)
	for _, tt := range []struct {
		name   string
		args   []string
		stdin  string
		code   int
		stderr string // a part of it
	}{
		{"no verb", nil, "", 64, `see: jailmgr --help`},
		{"unknown verb", []string{"creat"}, "", 64, `did you mean "create"?`},
		{"unknown option", []string{"create", "x", "--lvl", "low"}, "", 64, `unknown option "--lvl"`},
		{"no value", []string{"create", "x", "--level"}, "", 64, `option "--level" needs a value`},
		{"no name", []string{"create"}, "", 64, `needs NAME`},
		{"two names", []string{"create", "x", "y"}, "", 64, `unexpected argument "y"`},
		{"path as name", []string{"create", "../x"}, "", 64, `bad name "../x"`},
		{"number as name", []string{"create", "0x10"}, "", 64, `bad name "0x10"`},
		{"option as name", []string{"create", "--", "-x"}, "", 64, `bad name "-x"`},
		{"shell as name", []string{"create", "a;reboot"}, "", 64, `bad name "a;reboot"`},
		{"exists", []string{"create", "web"}, "", 73, `jail web exists already ($P/etc/jails/web.toml); to change it: jailmgr edit web`},
		{"level", []string{"create", "x", "-l", "hgih"}, "", 64, `jailmgr: unknown level "hgih"; did you mean "high"?; see: jailmgr create --help`},
		{"port", []string{"create", "x", "-r", "99999"}, "", 64, `bad port "99999"`},
		{"two bad options", []string{"create", "x", "-r", "0", "-l", "x"}, "", 64, `jailmgr: bad port "0"`},
		{"processes", []string{"create", "x", "--processes", "-1"}, "", 64, `bad number of processes "-1"`},
		{"base", []string{"create", "x", "--base", "none"}, "", 66, `base none is not there; see: jailmgr list --bases`},
		{"root", []string{"create", "x", "--root", "/nonexistent"}, "", 66, `root /nonexistent is not there`},
		{"relative root", []string{"create", "x", "--root", "y"}, "", 64, `path "y" is not absolute`},
		{"both", []string{"create", "x", "--root", "/tmp", "--base", "10.1-amd64"}, "", 64, `base and root are both given`},
		{"quote", []string{"create", "x", "-x", "sh -c 'x"}, "", 64, `a quote is not closed`},
		{"empty command", []string{"create", "x", "-x", " "}, "", 64, `the command is empty`},
		{"service", []string{"create", "x", "--service", "httpd"}, "", 64, `bad service "httpd": write NAME=COMMAND`},
		{"service name", []string{"create", "x", "--service", "A=x"}, "", 64, `bad name "A"`},
		{"two services", []string{"create", "x", "--service", "a=x", "--service", "a=y"}, "", 64, `two services are called "a"`},
		{"facility", []string{"create", "x", "-f", "local9"}, "", 64, `unknown facility "local9"`},
		{"not utf-8", []string{"create", "x", "-x", "a\xff"}, "", 64, `--exec is not UTF-8`},
		{"no sets", []string{"bootstrap"}, "", 66, `no sets in $P/var/jails/sets; put base.tgz`},
		{"no such sets", []string{"bootstrap", "--sets", "/nonexistent"}, "", 66, `/nonexistent`},
		{"base exists", []string{"bootstrap", "--sets", sets}, "", 73, `base 10.1-amd64`},
		{"set's name", []string{"bootstrap", "--sets", sets, "--set", "../x"}, "", 64, `bad name of a set "../x"`},
		{"check", []string{"check"}, "", 78, `2 of 3 definitions not valid (78)`},
		{"check unknown", []string{"check", "none"}, "", 66, `no jail "none"; see: jailmgr list`},
		{"edit unknown", []string{"edit", "none", "-l", "low"}, "", 66, `no jail "none"`},
		{"edit bad value", []string{"edit", "web", "-l", "x"}, "", 78, `$P/etc/jails/web.toml:2:1: unknown level "x"`},
		{"edit bad file", []string{"edit", "bad", "-l", "low"}, "", 78, `bad.toml:2:1: unknown key "port"; did you mean "ports"?`},
		{"destroy unasked", []string{"destroy", "web"}, "y\n", 64, `needs a yes: --yes`},
		{"destroy unknown", []string{"destroy", "--yes", "none"}, "", 66, `no jail "none"`},
		{"destroy volumes", []string{"destroy", "--yes", "--volumes", "web"}, "", 78, `bad.toml`},
		{"stop stopped", []string{"stop", "web"}, "", 66, `jail web does not run; to start it: jailmgr start web`},
		{"stop unknown", []string{"stop", "none"}, "", 66, `no jail "none"`},
		{"stop nothing", []string{"stop"}, "", 64, `needs NAME... | --all`},
		{"all and name", []string{"stop", "--all", "web"}, "", 64, `give names, or --all, not both`},
		{"parallel", []string{"stop", "--all", "-j", "0"}, "", 64, `--parallel is 1 to 64`},
		{"start without a model", []string{"start", "web"}, "", 69, `no kernel model is loaded`},
		{"status without a model", []string{"status"}, "", 69, `no kernel model is loaded`},
		{"shell without a model", []string{"shell", "web"}, "", 69, `no kernel model is loaded`},
		{"logs unknown", []string{"logs", "none"}, "", 66, `no jail "none"`},
		{"logs stream", []string{"logs", "web", "--stream", "x"}, "", 64, `unknown stream "x"`},
		{"logs until", []string{"logs", "web", "-f", "--until", "1s"}, "", 64, "--follow goes on"},
		{"logs since", []string{"logs", "web", "--since", "yesterday"}, "", 64, `option "--since" wants a time, as in 10m for ten minutes ago, 15:04, or "2006-01-02 15:04", not "yesterday"`},
		{"audit since", []string{"audit", "--since", "-5m"}, "", 64, `option "--since" wants a time, as in 10m`},
		{"logs of a service that is not there", []string{"logs", "web", "--service", "syslgo"}, "", 66, `no service "syslgo" in jail web; did you mean "syslog"?`},
		{"logs service", []string{"logs", "web", "--service", "../x"}, "", 64, `bad name "../x"`},
		{"apply", []string{"apply", "web"}, "", 69, ``},
		{"large script", []string{"provision", "web"}, big, 69, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.code == 69 && modelLoaded(t) {
				t.Skip("the model is loaded; unload it")
			}
			before := p.state()
			code, out, err := p.run(tt.stdin, tt.args...)
			if code != tt.code || !strings.Contains(err, tt.stderr) {
				t.Errorf("%d: %s\nwant %d: %s\n%s", code, err, tt.code, tt.stderr, out)
			}
			if strings.Count(err, "jailmgr:") == 0 {
				t.Errorf("who says it? %q", err)
			}
			if d := cmp.Diff(before, p.state()); d != "" {
				t.Errorf("changed: %s", d)
			}
		})
	}
}

// One bad definition costs one jail.
func TestOneBadDefinition(t *testing.T) {
	p := newPlace(t)
	p.must("bootstrap", "--sets", p.sets())
	p.must("create", "web")
	p.write(p.layout.Definition("bad"), "prot = 1\n")
	if out := p.must("list"); !strings.Contains(out, "bad   not valid: jailmgr check bad") || !strings.Contains(out, "web   10.1-amd64") {
		t.Errorf("%s", out)
	}
	code, out, err := p.run("", "stop", "--all")
	if code != 0 || out != "" || err != "" {
		t.Errorf("%d %q %q", code, out, err)
	}
	code, out, _ = p.run("", "check", "--json")
	var problems []jail.Problem
	if e := json.Unmarshal([]byte(out), &problems); e != nil || code != 78 || len(problems) != 1 {
		t.Errorf("%d %v %s", code, e, out)
	}
	if d := cmp.Diff(jail.Problem{File: "$P/etc/jails/bad.toml", Line: 1, Column: 1, Text: problems[0].Text}, problems[0]); d != "" {
		t.Error(d)
	}
}

// Whatever stands in a definition's place is refused where it stands, at
// once, and costs one jail.
func TestNoDefinition(t *testing.T) {
	p := newPlace(t)
	p.must("bootstrap", "--sets", p.sets())
	p.must("create", "web")
	for name, tt := range map[string]struct {
		make func(path string) error
		want string
	}{
		"directory": {func(path string) error { return os.MkdirAll(path+"/x", 0o755) }, "not a regular file"},
		"dangling":  {func(path string) error { return os.Symlink("nowhere", path) }, `a symbolic link to "nowhere", which is not there`},
		"ring":      {func(path string) error { return os.Symlink(filepath.Base(path), path) }, `a symbolic link to "ring.toml", which is not there`},
		"fifo":      {func(path string) error { return unix.Mkfifo(path, 0o644) }, "not a regular file"},
		"device":    {func(path string) error { return os.Symlink("/dev/zero", path) }, "not a regular file"},
		"huge":      {func(path string) error { return os.WriteFile(path, make([]byte, 1<<20+1), 0o644) }, "larger than 1 MB"},
		"binary":    {func(path string) error { return os.WriteFile(path, []byte("\xff\xfe\x00"), 0o644) }, ":1:1: "},
		"empty":     {func(path string) error { return os.WriteFile(path, nil, 0o644) }, `no base: add base = "NAME"`},
	} {
		t.Run(name, func(t *testing.T) {
			path := p.layout.Definition(name)
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"check"}, {"check", "web", name}, {"edit", name, "-l", "low"}} {
				code, out, err := p.run("", args...)
				if code != 78 || !strings.Contains(out+err, "$P/etc/jails/"+name+".toml") || !strings.Contains(out+err, tt.want) {
					t.Errorf("%v: %d, %s%s", args, code, out, err)
				}
			}
			if code, _, err := p.run("", "create", name); code != 73 || !strings.Contains(err, "exists already") {
				t.Errorf("create: %d, %s", code, err)
			}
			if out := p.must("list"); !strings.Contains(out, "not valid: jailmgr check "+name) || !strings.Contains(out, "web   ") && !strings.Contains(out, "\nweb ") {
				t.Errorf("list: %s", out)
			}
			code, out, err := p.run("", "destroy", "--yes", name)
			if name == "directory" {
				if code != 78 || !strings.Contains(err, "a directory; nothing was removed") {
					t.Errorf("destroy: %d, %s%s", code, out, err)
				}
				return
			}
			if _, e := os.Lstat(path); code != 0 || e == nil {
				t.Errorf("destroy: %d, %s%s", code, out, err)
			}
		})
	}
}

func TestDestroyVolumes(t *testing.T) {
	p := newPlace(t)
	p.must("bootstrap", "--sets", p.sets())
	for _, name := range []string{"a", "b"} {
		p.must("create", name)
		p.write(p.layout.Definition(name), "base = '10.1-amd64'\n[[mount]]\nvolume='shared'\nat='/mnt'\n[[mount]]\nvolume='"+name+"'\nat='/srv'\n")
		p.write(p.layout.Volume(name)+"/f", "")
	}
	p.write(p.layout.Volume("shared")+"/f", "")
	code, _, err := p.run("", "destroy", "--yes", "--volumes", "a")
	if code != 0 || !strings.Contains(err, "a: volume shared is kept: jail b has it too") {
		t.Errorf("%d %q", code, err)
	}
	entries, _ := os.ReadDir(p.layout.Volumes())
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if d := cmp.Diff([]string{"b", "shared"}, left); d != "" {
		t.Error(d)
	}
}

func TestRepair(t *testing.T) {
	p := newPlace(t)
	if out := p.must("repair"); out != "nothing to repair\n" {
		t.Errorf("%q", out)
	}
	// A create that was interrupted when it had made its directory.
	dir := p.layout.Jail("web")
	p.write(filepath.Join(dir, "data/etc/x"), "")
	p.write(p.layout.Journal("web"), fmt.Sprintf("create\ntree %q\n", dir))
	code, out, err := p.run("", "repair")
	if code != 0 || !strings.HasPrefix(out, "Repaired jail web (") || err != "web: an earlier create was interrupted; it is undone\n" {
		t.Errorf("%d %q %q", code, out, err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("not undone")
	}
}

func TestLogs(t *testing.T) {
	p := newPlace(t)
	p.must("bootstrap", "--sets", p.sets())
	p.must("create", "web")
	if out := p.must("logs", "web"); out != "" {
		t.Errorf("a jail that never ran wrote %q", out)
	}
	var file []byte
	for _, l := range []string{
		"2026-11-23T08:51:38.000001Z httpd out F one",
		`2026-11-23T08:51:38.000002Z httpd err P two\x1b[31m`,
		"2026-11-23T08:51:38.000003Z db out F three",
		"2026-11-23T08:51:38.000004Z httpd out F four",
	} {
		line, err := logs.Parse([]byte(l))
		if err != nil {
			t.Fatal(err)
		}
		file = line.Append(file)
	}
	p.write(p.layout.Current("web"), string(file))
	p.must("create", "mail")
	p.write(p.layout.Current("mail"), "2026-11-23T08:51:38.000002Z smtpd out F hello\n")
	texts := func(args ...string) []string {
		t.Helper()
		var got []string
		for line := range strings.Lines(p.must(append([]string{"logs", "web"}, args...)...)) {
			got = append(got, strings.TrimSuffix(line[strings.Index(line, ".000 ")+5:], "\n"))
		}
		return got
	}
	for _, tt := range []struct{ args, want []string }{
		{nil, []string{"httpd: one", `httpd!: two\x1b[31m\`, "db: three", "httpd: four"}},
		{[]string{"-n", "2"}, []string{"db: three", "httpd: four"}},
		{[]string{"-n", "0"}, nil},
		{[]string{"--service", "db"}, []string{"db: three"}},
		{[]string{"--stream", "err"}, []string{`httpd!: two\x1b[31m\`}},
		{[]string{"--service", "httpd", "-n", "1"}, []string{"httpd: four"}},
		{[]string{"-g", "o", "--until", "1s"}, []string{"httpd: one", `httpd!: two\x1b[31m\`, "httpd: four"}},
		{[]string{"--since", "2026-11-23T08:51:38.000002Z", "--until", "2026-11-23T08:51:38.000004Z"}, []string{`httpd!: two\x1b[31m\`, "db: three"}},
		{[]string{"mail", "-n", "3"}, []string{"mail/smtpd: hello", "web/db: three", "web/httpd: four"}},
	} {
		if d := cmp.Diff(tt.want, texts(tt.args...)); d != "" {
			t.Errorf("%v: %s", tt.args, d)
		}
	}
	out := p.must("logs", "--json", "-s", "httpd", "--stream", "err", "web")
	var l logLine
	if err := json.Unmarshal([]byte(out), &l); err != nil || l.Jail != "web" || l.Service != "httpd" || !l.Partial || l.Text != `two\x1b[31m` {
		t.Errorf("%v %s", err, out)
	}
}

func TestReorder(t *testing.T) {
	for in, want := range map[string]string{
		"create web -l low":                "create -l low web",
		"create web --level=low -a x":      "create --level=low -a web x",
		"create -ax cmd web -r 80":         "create -ax cmd -r 80 web",
		"create web -- -l low":             "create web -- -l low",
		"create web -l":                    "create -l",
		"logs web -f -n 3":                 "logs -f -n 3 web",
		"shell web - x":                    "shell web - x",
		"nosuch web -l low":                "nosuch web -l low",
		"--help":                           "--help",
		"destroy a -y b --volumes":         "destroy -y --volumes a b",
		"create web --service a=b --allow": "create --service a=b --allow",
	} {
		got := reorder(App(), append([]string{"jailmgr"}, strings.Fields(in)...))
		if d := cmp.Diff(append([]string{"jailmgr"}, strings.Fields(want)...), got); d != "" {
			t.Errorf("%s: %s", in, d)
		}
	}
	if got := reorder(App(), []string{"jailmgr"}); len(got) != 1 {
		t.Error(got)
	}
	if got := reorder(App(), nil); len(got) != 0 {
		t.Error(got)
	}
}

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                      nil,
		"a b\tc\n d ":           {"a", "b", "c", "d"},
		`a 'b c' "d e"`:         {"a", "b c", "d e"},
		`a''b "" ''`:            {"ab", "", ""},
		`a\ b \'c\' "\"\\\$x"`:  {"a b", "'c'", `"\$x`},
		`"a\b" '\'`:             {`a\b`, `\`},
		"$HOME `id` $(id) * >x": {"$HOME", "`id`", "$(id)", "*", ">x"},
	} {
		if got, err := split(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v; want %q", line, got, err, want)
		}
	}
	for _, bad := range []string{`'a`, `"a`, `a\`, `"a\"`} {
		if got, err := split(bad); err == nil {
			t.Errorf("%q: got %q", bad, got)
		}
	}
}

func TestServiceName(t *testing.T) {
	for command, want := range map[string]string{"/usr/libexec/httpd": "httpd", "/opt/My App": "my-app", "/bin/7z": "main", "x" + strings.Repeat("y", 100): "x" + strings.Repeat("y", 62), "/": "main"} {
		if got := serviceName(command); got != want {
			t.Errorf("%q: %q, want %q", command, got, want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(`a 'b' "c" \d`)
	f.Fuzz(func(t *testing.T, line string) {
		words, err := split(line)
		if err != nil {
			return
		}
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		again, err := split(strings.Join(quoted, " "))
		if err != nil || !slices.Equal(again, words) {
			t.Errorf("%q, then %q, %v", words, again, err)
		}
	})
}

func TestHelp(t *testing.T) {
	p := newPlace(t)
	for _, c := range App().Commands {
		out := p.must(c.Name, "--help")
		if !strings.Contains(out, c.Usage) || !strings.Contains(out, "usage: jailmgr "+c.Name) {
			t.Errorf("%s: %s", c.Name, out)
		}
	}
}

// Definitions may hold secrets: only root reads those that create makes, and
// others are told so.
func TestDefinitionMode(t *testing.T) {
	p := newPlace(t)
	p.must("bootstrap", "--sets", p.sets())
	p.must("create", "web")
	path := p.layout.Definition("web")
	mode := func(want os.FileMode) {
		t.Helper()
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != want {
			t.Errorf("%v, %v; want %v", st.Mode(), err, want)
		}
	}
	mode(0o600)
	p.must("edit", "web", "--level", "low")
	mode(0o600)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	p.must("edit", "web", "--level", "medium")
	mode(0o640)

	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chmod(filepath.Dir(p.dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setreuid(-1, 65534); err != nil {
			t.Skipf("no other user can be had here (%v); run as root, or as an ordinary user", err)
		}
		defer func() {
			if err := syscall.Setreuid(-1, 0); err != nil {
				t.Fatal(err)
			}
		}()
	}
	if out := p.must("list"); !strings.Contains(out, "web   only root may read its definition ") {
		t.Errorf("list: %s", out)
	}
	if code, out, err := p.run("", "list", "--json"); code != 0 || !strings.Contains(out, `permission denied"`) {
		t.Errorf("list --json: %d %s %s", code, out, err)
	}
	if code, _, err := p.run("", "check", "web"); code != 77 || !strings.Contains(err, "permission denied") {
		t.Errorf("check: %d %s", code, err)
	}
}
