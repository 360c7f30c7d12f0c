package jail

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jails/src/secmodel"
)

const example = `base      = "10.1-amd64"
level     = "medium"            # low, medium, high (the default)
allow     = []                  # words beyond the level: jailctl policy
ports     = ["8080/tcp"]        # nobody else can bind these; "8000-8099/any" is a range
strict    = false               # true: the jail may bind nothing else
processes = 64
autostart = true

[limits]                        # what each process starts with, setrlimit(2)
files = 1024
core  = 0

[[mount]]
volume = "www"
at     = "/var/www"
mode   = "ro"

[[service]]
name    = "httpd"
command = ["/usr/libexec/httpd", "-I", "8080", "-X", "-f", "-s", "/var/www"]
user    = "_httpd"
restart = "always"
ready   = "tcp:8080"
stop    = { signal = "TERM", timeout = "5s" }

[log]
keep   = "10 x 1 MB"
full   = "block"                # or "drop": counted
syslog = { facility = "local3", out = "info", err = "err", tag = "jail-web" }
`

func seconds(n float64) Duration { return Duration{time.Duration(n * float64(time.Second))} }

func TestDecodeExample(t *testing.T) {
	got, err := Decode("/etc/jails/web.toml", []byte(example), DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	want := &Definition{
		Name: "web", Base: "10.1-amd64", Level: "medium", Allow: []string{}, Ports: []string{"8080/tcp"},
		Processes: 64, Autostart: true,
		Limits: map[string]Limit{"files": {1024, 1024}, "core": {0, 0}},
		Mounts: []Mount{{Volume: "www", At: "/var/www", Mode: "ro"}},
		Services: []Service{{
			Name:    "httpd",
			Command: []string{"/usr/libexec/httpd", "-I", "8080", "-X", "-f", "-s", "/var/www"},
			User:    "_httpd", Directory: "/", Umask: "022", Type: "daemon", Restart: "always", Ready: "tcp:8080",
			Delay: seconds(0.1), MaxDelay: seconds(10), Healthy: seconds(30), Limit: 5, Interval: seconds(10),
			Stop: Stop{"TERM", seconds(5)},
		}},
		Log: Log{Keep: "10 x 1 MB", Full: "block", Compress: new(true), Socket: new(true), Syslog: &Syslog{"local3", "info", "err", "jail-web"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	c, err := got.Config()
	if err != nil {
		t.Fatal(err)
	}
	wantConfig := secmodel.Config{
		Level: secmodel.Medium, Allow: []string{}, Processes: 64,
		Ports:  []secmodel.PortRange{{Protocol: secmodel.TCP, First: 8080, Last: 8080}},
		Limits: []secmodel.Limit{{Resource: 4}, {Resource: 8, Soft: 1024, Hard: 1024}},
	}
	if d := cmp.Diff(wantConfig, c); d != "" {
		t.Error(d)
	}
}

func TestDefaults(t *testing.T) {
	s, err := DecodeSettings("jailmgr.toml", []byte(`
parallel = 2
[defaults]
base = "10.1-amd64"
level = "low"
processes = 0
limits = { core = 0, files = "1 KB" }
[defaults.log]
keep = "2 x 4 MB"
compress = false
socket = false
syslog = { facility = "local1" }
`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode("db.toml", []byte("[limits]\nnofile = { soft = 10, hard = \"unlimited\" }\n[[service]]\nname='a'\ncommand=['x']\ntype='oneshot'\nstop.timeout='1m'\ndelay='20s'\n[service.limits]\nfiles = 9\nas = '1 MB'"), s)
	if err != nil {
		t.Fatal(err)
	}
	want := &Definition{
		Name: "db", Base: "10.1-amd64", Level: "low",
		Limits: map[string]Limit{"core": {0, 0}, "files": {10, Unlimited}},
		Services: []Service{{
			Name: "a", Command: []string{"x"}, User: "root", Directory: "/", Umask: "022", Type: "oneshot", Restart: "never",
			Delay: seconds(20), MaxDelay: seconds(20), Healthy: seconds(30), Limit: 5, Interval: seconds(10),
			Stop: Stop{"TERM", seconds(60)}, Limits: map[string]Limit{"files": {9, 9}, "address-space": {1 << 20, 1 << 20}},
		}},
		Log: Log{Keep: "2 x 4 MB", Full: "block", Compress: new(false), Socket: new(false), Syslog: &Syslog{"local1", "info", "err", "jail-db"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if s.Defaults.Log.Syslog.Tag != "" {
		t.Error("one jail's tag went into the defaults")
	}
}

// Each text has one thing wrong; the message says where and what.
func TestInvalid(t *testing.T) {
	const service = "base='b'\n[[service]]\nname='a'\ncommand=['/bin/x']\n"
	for _, tt := range []struct{ name, text, want string }{
		{"typo", "base='b'\nport = ['80']", `x.toml:2:1: unknown key "port"; did you mean "ports"?`},
		{"unknown", "base='b'\nzzzzzz = 1", `x.toml:2:1: unknown key "zzzzzz"; known are allow, autostart, base, deny,`},
		{"unknown table", "base='b'\n[servces]\nname='x'", `x.toml:2:2: unknown key "servces"; did you mean "service"?`},
		{"typo in service", service + "comand=['x']", `x.toml:5:1: unknown key "comand"; did you mean "command"?`},
		{"typo in inline table", service + "stop = { signal='TERM', timeuot='1s' }", `x.toml:5:25: unknown key "timeuot"; did you mean "timeout"?`},
		{"name key", "base='b'\nname='x'", `x.toml:2:1: unknown key "name"`},
		{"syntax", "base='b'\nlevel = \n", `x.toml:2:9: `},
		{"unclosed", "base='b", `x.toml:1:`},
		{"twice", "base='b'\nbase='c'", `x.toml:2:1: key base is already defined`},
		{"not utf-8", "base='\xff'", `x.toml:1:`},
		{"one service", "base='b'\n[service]\nname='a'", `x.toml:2:2: there may be several: write [[service]]`},
		{"many logs", "base='b'\n[[log]]\nkeep='1 x 1 MB'", `x.toml:2:3: there is only one: write [log]`},
		{"not a table", "base='b'\n[level]\nx=1", `x.toml:2:2: level is not a table; it wants a string`},
		{"dotted", "base='b'\nlevel.x=1", `x.toml:2:7: "x" is not in a table`},
		{"type string", "base=3", `x.toml:1:6: base wants a string, not a number`},
		{"type bool", "base='b'\nstrict='yes'", `x.toml:2:8: strict wants true or false, not a string`},
		{"type bool too", "base='b'\nobserve=1", `x.toml:2:9: observe wants true or false, not a number`},
		{"type number", "base='b'\nprocesses=1.5", `x.toml:2:11: processes wants a whole number, not a fraction`},
		{"type list", "base='b'\nports='80'", `x.toml:2:7: ports wants a list of strings, as in ["a", "b"], not a string`},
		{"type element", "base='b'\nports=['80',\n81]", `x.toml:3:1: ports[1] wants a string, not a number`},
		{"type duration", service + "delay=5", `x.toml:5:7: service[0].delay wants a duration, as in "1.5s", not a number`},
		{"bad duration", service + "delay='5 parsecs'", `x.toml:5:7: service[0].delay: not a duration: "5 parsecs"`},
		{"negative duration", service + "delay='-5s'", `x.toml:5:7: service[0].delay: not a duration`},
		{"negative", "base='b'\nprocesses=-1", `x.toml:2:11: negative integer`},
		{"huge", "base='b'\nprocesses=4294967295", `x.toml:2:1: processes is at most 2147483647`},
		{"no base", "level='low'", `x.toml: no base: add base`},
		{"empty base", "base=''", `x.toml:1:1: bad name of a base ""`},
		{"both", "base='b'\nroot='/x'", `x.toml:2:1: base and root are both given`},
		{"base escapes", "base='../../etc'", `x.toml:1:1: bad name of a base "../../etc"`},
		{"base upper", "base='A'", `x.toml:1:1: bad name of a base "A"`},
		{"relative root", "root='x'", `x.toml:1:1: path "x" is not absolute`},
		{"dots in root", "root='/a/../etc'", `x.toml:1:1: path "/a/../etc" is not clean; write "/etc"`},
		{"slash root", "root='/'", `x.toml:1:1: the host's own root`},
		{"level", "base='b'\nlevel='hgih'", `x.toml:2:1: unknown level "hgih"; did you mean "high"?`},
		{"empty level", "base='b'\nlevel=''", `x.toml:2:1: unknown level ""`},
		{"word twice", "base='b'\nallow=['nice','nice']", `x.toml:2:15: allow has "nice" twice`},
		{"allow and deny", "base='b'\nallow=['nice']\ndeny=['nice']", `x.toml:3:7: "nice" is both allowed and denied`},
		{"bad word", "base='b'\nallow=['Nice One']", `x.toml:2:8: bad word "Nice One"`},
		{"port zero", "base='b'\nports=['0']", `x.toml:2:8: bad port "0"`},
		{"port large", "base='b'\nports=['80','65536']", `x.toml:2:13: bad port "65536"`},
		{"port sign", "base='b'\nports=['+80']", `x.toml:2:8: bad port "+80"`},
		{"port protocol", "base='b'\nports=['80/tpc']", `x.toml:2:8: bad port "80/tpc": the protocol is tcp, udp or any`},
		{"port backwards", "base='b'\nports=['90-80']", `x.toml:2:8: bad port "90-80": the range ends before it begins`},
		{"port overlap", "base='b'\nports=['80/tcp','70-90']", `x.toml:2:17: port "70-90" overlaps "80/tcp"`},
		{"unknown limit", "base='b'\n[limits]\nfile=1", `x.toml:3:1: unknown limit "file"; did you mean "files"?`},
		{"limit size", "base='b'\n[limits]\ndata='12 parsecs'", `x.toml:3:1: data: not a size: "12 parsecs"`},
		{"limit overflow", "base='b'\n[limits]\ndata='99999999 TB'", `x.toml:3:1: data: too large`},
		{"limit order", "base='b'\n[limits]\ndata={soft=2,hard=1}", `x.toml:3:1: data: soft is above hard`},
		{"limit key", "base='b'\n[limits]\ndata={sotf=2}", `x.toml:3:7: unknown key "sotf"; a limit has soft and hard`},
		{"limit twice", "base='b'\n[limits]\nfiles=2\nnofile=3", `is the same limit as files`},
		{"limit type", "base='b'\n[limits]\nfiles=true", `x.toml:3:7: limits.files wants a number, a size as in "64 MB", "unlimited", or { soft =, hard = }, not true or false`},
		{"limit nested", "base='b'\n[limits]\nfiles={soft={soft=1}}", `x.toml:3:8: limits.files.soft wants a number`},
		{"service limit", "base='b'\n[[service]]\nname='a'\ncommand=['x']\n[service.limits]\nfile=1", `x.toml:6:1: unknown limit "file"; did you mean "files"?`},
		{"service limit size", "base='b'\n[[service]]\nname='a'\ncommand=['x']\nlimits={data='x'}", `x.toml:5:9: data: not a size: "x"`},
		{"service limits type", "base='b'\n[[service]]\nname='a'\ncommand=['x']\nlimits=5", `x.toml:5:8: service[0].limits wants a table, not a number`},
		{"service limit above", "base='b'\n[limits]\nfiles=10\n[[service]]\nname='a'\ncommand=['x']\n[service.limits]\nfiles=11", `x.toml:8:1: files is above the jail's limit, 10`},
		{"service unlimited", "base='b'\n[limits]\nfiles=10\n[[service]]\nname='a'\ncommand=['x']\n[service.limits]\nnofile={soft=1}", `x.toml:7:10: files is above the jail's limit, 10`},
		{"service limit twice", "base='b'\n[[service]]\nname='a'\ncommand=['x']\nlimits={files=2,nofile=3}", `is the same limit as files`},
		{"mount nothing", "base='b'\n[[mount]]\nat='/x'", `x.toml:2:3: a mount needs volume`},
		{"mount both", "base='b'\n[[mount]]\nat='/x'\nvolume='v'\nsource='/y'", `x.toml:5:1: volume and source are both given`},
		{"mount volume", "base='b'\n[[mount]]\nat='/x'\nvolume='../v'", `x.toml:4:1: bad name "../v"`},
		{"mount at", "base='b'\n[[mount]]\nvolume='v'", `x.toml:2:3: a mount needs at =`},
		{"mount relative", "base='b'\n[[mount]]\nvolume='v'\nat='x'", `x.toml:4:1: path "x" is not absolute`},
		{"mount escapes", "base='b'\n[[mount]]\nvolume='v'\nat='/../etc'", `x.toml:4:1: path "/../etc" is not clean`},
		{"mount root", "base='b'\n[[mount]]\nvolume='v'\nat='/'", `x.toml:4:1: a mount can not cover the jail's root`},
		{"mount dev", "base='b'\n[[mount]]\nvolume='v'\nat='/dev/x'", `x.toml:4:1: /dev is made by jailmgr`},
		{"mount twice", "base='b'\n[[mount]]\nvolume='v'\nat='/x'\n[[mount]]\nvolume='w'\nat='/x'", `x.toml:7:1: two mounts at /x`},
		{"mount in a mount", "base='b'\n[[mount]]\nvolume='v'\nat='/x/y/z'\n[[mount]]\nvolume='w'\nat='/x'", `x.toml:4:1: /x/y/z lies in the mount at /x, where another`},
		{"mount mode", "base='b'\n[[mount]]\nvolume='v'\nat='/x'\nmode='rx'", `x.toml:5:1: unknown mode "rx": it is ro or rw; did you mean "ro"?`},
		{"service name", "base='b'\n[[service]]\ncommand=['x']", `x.toml:2:3: a service needs name`},
		{"service bad name", "base='b'\n[[service]]\nname='a b'\ncommand=['x']", `x.toml:3:1: bad name "a b"`},
		{"service twice", service + "[[service]]\nname='a'\ncommand=['x']", `x.toml:6:1: two services are called "a"`},
		{"service jail-init", "base='b'\n[[service]]\nname='jail-init'\ncommand=['x']", `x.toml:3:1: a service can not be called jail-init`},
		{"no command", "base='b'\n[[service]]\nname='a'", `x.toml:2:3: service a has no command`},
		{"watchdog without a descriptor", service + "ready='tcp:80'\nwatchdog='1s'", `x.toml:6:1: a watchdog needs ready = "fd:3": that is where the service gives signs of life`},
		{"no watchdog", service + "ready='fd:3'\nwatchdog='0s'", `x.toml:6:1: a watchdog's time must be longer than nothing`},
		{"health of a oneshot", service + "type='oneshot'\nhealth.check='tcp:80'", `x.toml:2:3: a oneshot is never ready, and so not checked; leave health out`},
		{"health without a check", service + "health.failures=3", `x.toml:2:3: health needs check = "tcp:8080" or "exec:/path"`},
		{"health by descriptor", service + "health.check='fd:3'", `x.toml:5:1: health needs check = "tcp:8080" or "exec:/path"`},
		{"bad check", service + "health.check='exec:x'", `x.toml:5:1: bad check "exec:x": path "x" is not absolute`},
		{"health interval", service + "health={check='tcp:1', interval='0s'}", `x.toml:5:24: interval must be longer than nothing`},
		{"health timeout", service + "health={check='tcp:1', timeout='0s'}", `x.toml:5:24: timeout must be longer than nothing`},
		{"health failures", service + "health={check='tcp:1', failures=0}", `x.toml:5:24: failures is 1 to 1000`},
		{"empty finish", service + "finish=[]", `x.toml:5:1: finish is empty; leave it out`},
		{"finish path", service + "finish=['./x']", `x.toml:5:1: command "./x": write an absolute path, or a name found in PATH`},
		{"empty command", "base='b'\n[[service]]\nname='a'\ncommand=['']", `x.toml:4:1: service a has no command`},
		{"relative command", "base='b'\n[[service]]\nname='a'\ncommand=['./x']", `x.toml:4:1: command "./x": write an absolute path`},
		{"nul", "base='b'\n[[service]]\nname='a'\ncommand=['x',\"a\\u0000\"]", `x.toml:4:14: an argument can not hold a NUL`},
		{"user", service + "user=''", `x.toml:5:1: bad user or group ""`},
		{"directory", service + "directory='tmp'", `x.toml:5:1: path "tmp" is not absolute`},
		{"environment", service + "environment={'A=B'='1'}", `x.toml:5:14: bad environment variable "A=B"`},
		{"umask", service + "umask='099'", `x.toml:5:1: bad umask "099"`},
		{"umask empty", service + "umask=''", `x.toml:5:1: bad umask ""`},
		{"type", service + "type='deamon'", `x.toml:5:1: unknown type "deamon": it is daemon or oneshot; did you mean "daemon"?`},
		{"restart", service + "restart='allways'", `unknown restart "allways": it is always, on-failure or never; did you mean "always"?`},
		{"oneshot always", service + "type='oneshot'\nrestart='always'", `x.toml:6:1: a oneshot can not be restarted always`},
		{"ready", service + "ready='tpc:80'", `x.toml:5:1: bad ready "tpc:80": it is "fd:3", "tcp:8080" or "exec:/path"; did you mean "tcp"?`},
		{"ready port", service + "ready='tcp:0'", `x.toml:5:1: bad ready "tcp:0"`},
		{"ready fd", service + "ready='fd:2'", `x.toml:5:1: bad ready "fd:2"`},
		{"ready exec", service + "ready='exec:x'", `x.toml:5:1: bad ready "exec:x": path "x" is not absolute`},
		{"max-delay", service + "delay='2s'\nmax-delay='1s'", `x.toml:6:1: max-delay 1s is below delay 2s`},
		{"limit", service + "limit=0", `x.toml:5:1: limit is 1 to 1000`},
		{"interval", service + "interval='0s'", `x.toml:5:1: interval must be longer`},
		{"signal", service + "stop={signal='TREM'}", `x.toml:5:7: unknown signal "TREM"; did you mean "TERM"?`},
		{"signal stop", service + "stop.signal='STOP'", `x.toml:5:1: unknown signal "STOP"`},
		{"after", service + "after=['b']", `x.toml:5:8: service a waits for "b", which is no service of this jail`},
		{"after what never completes", service + "after=['b:completed']\n[[service]]\nname='b'\ncommand=['x']", `x.toml:5:8: service a waits for b to complete, which is always restarted; make it type = "oneshot", or wait for "b"`},
		{"after state", service + "[[service]]\nname='b'\ncommand=['x']\nafter=['a:redy']", `x.toml:8:8: bad after "a:redy": a service is started, ready or completed; did you mean "ready"?`},
		{"cycle", service + "after=['c']\n[[service]]\nname='b'\ncommand=['x']\nafter=['a']\n[[service]]\nname='c'\ncommand=['x']\nafter=['b:started']", `x.toml:5:1: services wait for each other: a → c → b → a`},
		{"self", service + "after=['a']", `x.toml:5:1: services wait for each other: a → a`},
		{"keep", "base='b'\n[log]\nkeep='10'", `x.toml:3:1: keep is not files x size: "10"`},
		{"keep range", "base='b'\n[log]\nkeep='0 x 1 MB'", `x.toml:3:1: keep "0 x 1 MB" is out of range`},
		{"full", "base='b'\n[log]\nfull='dorp'", `x.toml:3:1: unknown full "dorp": it is block or drop; did you mean "drop"?`},
		{"facility", "base='b'\n[log]\nsyslog={facility='local9'}", `x.toml:3:9: unknown facility "local9"`},
		{"severity", "base='b'\n[log]\nsyslog={out='error'}", `x.toml:3:9: unknown level of syslog "error"`},
		{"tag", "base='b'\n[log]\nsyslog={tag='a b'}", `x.toml:3:9: bad tag "a b"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode("x.toml", []byte(tt.text), DefaultSettings())
			if err == nil {
				t.Fatal("accepted")
			}
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("not an Invalid: %T", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
			if lines := strings.Split(err.Error(), "\n"); len(lines) != 1 {
				t.Errorf("one mistake, %d messages:\n%s", len(lines), err)
			}
		})
	}
}

func TestAllProblemsInOrder(t *testing.T) {
	_, err := Decode("x.toml", []byte("level='x'\nbase='B'\nports=['0']\n"), DefaultSettings())
	var inv *Invalid
	if !errors.As(err, &inv) || len(inv.Problems) != 3 {
		t.Fatalf("want three problems, got %v", err)
	}
	for i, p := range inv.Problems {
		if p.Line != i+1 {
			t.Errorf("problem %d is at line %d", i, p.Line)
		}
	}
}

func TestCheckBase(t *testing.T) {
	for _, good := range []string{"a", "10.1-amd64", "1", strings.Repeat("1", 63)} {
		if err := CheckBase(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", ".", "..", "../x", "1/..", "-a", "A", "1\n", strings.Repeat("1", 64)} {
		if CheckBase(bad) == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}

func TestLoad(t *testing.T) {
	l := Layout{Prefix: t.TempDir()}
	if err := os.MkdirAll(l.Definitions(), 0o755); err != nil {
		t.Fatal(err)
	}
	if names, err := (Layout{Prefix: "/nonexistent"}).Names(); err != nil || names != nil {
		t.Errorf("no directory: %v, %v", names, err)
	}
	for _, f := range []string{"b.toml", "a.toml", "a.toml~", ".c.toml", "1.toml", "D.toml"} {
		if err := os.WriteFile(filepath.Join(l.Definitions(), f), []byte("base='x'"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names, err := l.Names()
	if d := cmp.Diff([]string{"a", "b"}, names); err != nil || d != "" {
		t.Error(err, d)
	}
	if _, err := l.Load("a"); err != nil {
		t.Error(err)
	}
	if _, err := l.Load("c"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no definition: %v", err)
	}
	if _, err := l.Load("../a"); err == nil {
		t.Error("a name with a slash was loaded")
	}
	if err := os.WriteFile(l.Settings(), []byte("paralel=1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Load("a"); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), `jailmgr.toml:1:1: unknown key "paralel"; did you mean "parallel"?`) {
		t.Errorf("bad settings: %v", err)
	}
}

func TestCheckWords(t *testing.T) {
	text := []byte("base='b'\nallow=['nice',\n 'raw-sokcet']\n")
	def, err := Decode("x.toml", text, DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	known := []secmodel.Word{{Name: "nice"}, {Name: "raw-socket"}}
	inv := CheckWords("x.toml", text, def, known)
	if inv == nil || inv.Error() != `x.toml:3:2: the kernel knows no word "raw-sokcet"; did you mean "raw-socket"?; see: jailctl policy --words` {
		t.Errorf("got %v", inv)
	}
	def.Allow = def.Allow[:1]
	if inv := CheckWords("x.toml", text, def, known); inv != nil {
		t.Errorf("got %v", inv)
	}
}

// Whatever is decoded can be told to the kernel, and its own Text decodes
// again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("base='b'\n[[service]]\nname='a'\ncommand=['x']\nafter=['a']"))
	f.Add([]byte("a.b.c=1\n[limits.files]\nsoft=1\n[service.stop]\n[[service.stop]]\n[log.syslog]\n"))
	f.Add([]byte("service=[{name='a'}]\n[[service]]\n"))
	f.Add([]byte("limits={files={soft=1}}\nlimits.x=[[[1]]]\nstop=1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		def, err := Decode("fuzz.toml", data, DefaultSettings())
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("not an Invalid: %v", err)
			}
			return
		}
		if _, err := def.Config(); err != nil {
			t.Fatalf("valid, but: %v", err)
		}
		for _, s := range def.Services {
			if _, err := ParseSignal(s.Stop.Signal); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Decode("fuzz.toml", def.Text(), DefaultSettings()); err != nil {
			t.Fatalf("own text is not valid: %v\n%s", err, def.Text())
		}
		edited, err := SetKey("fuzz.toml", data, "autostart", "true")
		if err != nil {
			t.Fatalf("valid, but can not be edited: %v", err)
		}
		again, err := Decode("fuzz.toml", edited, DefaultSettings())
		if err != nil || !again.Autostart {
			t.Fatalf("edit broke it: %v\n%q\n%q", err, data, edited)
		}
	})
}

// A text that is all nesting neither ends the process nor takes long.
func TestDeep(t *testing.T) {
	for _, s := range []string{"[", "{a=", "a."} {
		text := "base='b'\nports=" + strings.Repeat(s, fileSize/len(s)-20)
		if _, err := Decode("x.toml", []byte(text), DefaultSettings()); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", s, err)
		}
		text = "base='b'\n" + strings.Repeat("a.", fileSize/2-20) + "a=1"
		if _, err := Decode("x.toml", []byte(text), DefaultSettings()); !errors.Is(err, ErrInvalid) {
			t.Error(err)
		}
	}
	if _, err := Decode("x.toml", make([]byte, fileSize+1), DefaultSettings()); err == nil || err.Error() != "x.toml: larger than 1 MB" {
		t.Error(err)
	}
}
