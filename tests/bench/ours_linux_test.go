package bench

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jails/tests/host"
)

// jailed is what users have: a jail, here on hostkern.
var jailed = competitor{name: "jail-init in a jail on hostkern",
	prepare: func(_ *testing.B, h *host.Host) supervisor { return &jailSupervisor{h: h} },
	log:     func(_ *testing.B, h *host.Host) keeper { return &jailKeeper{jailSupervisor{h: h}} }}

// unjailed is the same without a jail, and so without hostkern.
var unjailed = competitor{name: "jail-init without a jail",
	prepare: func(b *testing.B, h *host.Host) supervisor { return &plainSupervisor{program: unjailedProgram(b, h)} },
	log: func(b *testing.B, h *host.Host) keeper {
		return &plainKeeper{plainSupervisor{program: unjailedProgram(b, h)}}
	}}

const jailName = "bench"

// services defines the site's services: a second makes a run a healthy one, as
// it does with the peers.
func services(s *site) string {
	var text strings.Builder
	for i := range s.count {
		fmt.Fprintf(&text, "[[service]]\nname = \"s%d\"\ncommand = [\"/service\"]\ndirectory = \"/services/%d\"\nhealthy = \"1s\"\n\n", i, i)
	}
	return text.String()
}

// define writes the definition of the jail.
func define(b *testing.B, prefix, root, text string) {
	b.Helper()
	file := filepath.Join(prefix, "etc/jails", jailName+".toml")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		b.Fatal(err)
	}
	text = fmt.Sprintf("root = %q\nprocesses = 0\n\n%s", root, text)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}

type jailSupervisor struct {
	h    *host.Host
	runs bool
}

func (v *jailSupervisor) start(b *testing.B, s *site) {
	b.Helper()
	v.begin(b, s, services(s))
}

func (v *jailSupervisor) begin(b *testing.B, s *site, text string) {
	b.Helper()
	define(b, v.h.Dir, s.root, text)
	v.runs = true
	b.Cleanup(func() {
		if v.runs {
			out, err := v.h.Try("jailmgr", "stop", jailName)
			b.Logf("stop: %v\n%s", err, out)
		}
	})
	v.h.Run(b, "jailmgr", "start", jailName)
}

func (v *jailSupervisor) top(b *testing.B) int { return processWith(b, v.h, "supervise") }

func (v *jailSupervisor) stop(b *testing.B) {
	b.Helper()
	v.h.Run(b, "jailmgr", "stop", jailName)
	v.runs = false
}

// plainSupervisor runs the program unjailed.
type plainSupervisor struct {
	running
	program string
}

func (v *plainSupervisor) start(b *testing.B, s *site) {
	b.Helper()
	v.begin(b, s, strings.NewReplacer(`"/service"`, fmt.Sprintf("%q", s.program()), `"/services/`, `"`+s.root+`/services/`).Replace(services(s)))
}

// begin returns when all services are ready or completed.
func (v *plainSupervisor) begin(b *testing.B, s *site, text string) {
	b.Helper()
	define(b, s.dir, s.root, text)
	notice, write, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer notice.Close()
	cmd := exec.Command(v.program, jailName)
	cmd.Env = append(os.Environ(), "JAILS_PREFIX="+s.dir, "JAILS_NOTIFY_FD=3")
	cmd.ExtraFiles = []*os.File{write}
	v.run(b, cmd)
	write.Close()
	lines, last := bufio.NewScanner(notice), ""
	for lines.Scan() {
		if last = lines.Text(); last == "ready" {
			return
		}
	}
	b.Fatalf("unjailed does not start: %s, %v", last, lines.Err())
}

func (v *plainSupervisor) stop(b *testing.B) {
	b.Helper()
	v.end(b, unix.SIGTERM, 0)
}

// unjailedProgram compiles that program, once for a host.
func unjailedProgram(b *testing.B, h *host.Host) string {
	b.Helper()
	path := filepath.Join(h.Dir, "unjailed")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "urfave_cli_no_docs", "-ldflags", "-s -w", "-o", path, "./unjailed")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return path
}

// writer defines the site's service as one that writes lines.
func writer(program, directory string, lines, each int) string {
	return fmt.Sprintf("[log]\nkeep = \"%d x %d\"\ncompress = false\n\n[[service]]\nname = \"service\"\ncommand = [%q, \"%d\", \"%d\"]\ndirectory = %q\n",
		logFiles, logSize, program, lines, each, directory)
}

// linkLogs has the jail's log kept where the others' are.
func linkLogs(b *testing.B, prefix string, s *site) {
	b.Helper()
	link := filepath.Join(prefix, "var/log/jails", jailName)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
		b.Fatal(err)
	}
	if err := os.Symlink(s.logs(), link); err != nil {
		b.Fatal(err)
	}
}

type jailKeeper struct{ jailSupervisor }

func (k *jailKeeper) begin(b *testing.B, s *site, lines, each int) {
	b.Helper()
	linkLogs(b, k.h.Dir, s)
	k.jailSupervisor.begin(b, s, writer("/service", "/services/0", lines, each))
}

func (k *jailKeeper) pid(b *testing.B) int { return k.top(b) }

func (k *jailKeeper) files(b *testing.B, s *site) []string { return rotated(b, s, "log.*") }

type plainKeeper struct{ plainSupervisor }

func (k *plainKeeper) begin(b *testing.B, s *site, lines, each int) {
	b.Helper()
	linkLogs(b, s.dir, s)
	k.plainSupervisor.begin(b, s, writer(s.program(), s.service(0), lines, each))
}

func (k *plainKeeper) pid(b *testing.B) int { return k.top(b) }

func (k *plainKeeper) files(b *testing.B, s *site) []string { return rotated(b, s, "log.*") }
