//go:build linux

// Package bench measures what users wait for and pay for, each against a
// peer or against itself at another size, in one run. Run it with make bench.
package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"jails/src/secmodel"
	"jails/tests/host"
)

func TestMain(m *testing.M) { host.Main(m) }

// BenchmarkExec runs /bin/true in a jail, and by chroot(8) in the same root.
func BenchmarkExec(b *testing.B) {
	h := host.New(b)
	root := trueRoot(b, h)
	h.Run(b, "jailctl", "create", "-n", "bench", root)
	defer h.Run(b, "jailctl", "destroy", "-k", "bench")
	ratio(b, time.Millisecond,
		func() time.Duration { return spent(b, h, "jailctl", "exec", "bench", "/bin/true") },
		func() time.Duration { return spent(b, h, "chroot", root, "/bin/true") })
}

// BenchmarkList lists 1,000 jails, and one.
func BenchmarkList(b *testing.B) {
	many, one := host.New(b), host.New(b)
	create(b, many, 1000)
	create(b, one, 1)
	list := func(h *host.Host) func() time.Duration {
		return func() time.Duration { return spent(b, h, "jailctl", "list") }
	}
	ratio(b, time.Millisecond, list(many), list(one))
}

// BenchmarkIdle starts a jail with one service that sleeps, and counts for a
// minute how often jail-init and the supervisor wake up, and their memory.
func BenchmarkIdle(b *testing.B) {
	h := host.New(b)
	root := trueRoot(b, h)
	definition := filepath.Join(h.Dir, "etc/jails/idle.toml")
	if err := os.MkdirAll(filepath.Dir(definition), 0o700); err != nil {
		b.Fatal(err)
	}
	text := fmt.Sprintf("root = %q\n[[service]]\nname = \"sleep\"\ncommand = [\"/bin/sleep\", \"1000000\"]\n", root)
	if err := os.WriteFile(definition, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	h.Run(b, "jailmgr", "start", "idle")
	defer h.Run(b, "jailmgr", "stop", "idle")
	parties := map[string]int{}
	for name, command := range map[string]string{"jail-init": "jail-init", "supervisor": "supervise"} {
		parties[name] = processWith(b, h, command)
	}
	time.Sleep(5 * time.Second) // what the start leaves to be done
	before := map[string]int{}
	for name, pid := range parties {
		before[name] = switches(b, pid)
	}
	time.Sleep(time.Minute)
	for name, pid := range parties {
		b.ReportMetric(float64(switches(b, pid)-before[name]), name+"-wakeups/min")
		b.ReportMetric(float64(anonymous(b, pid))/1e6, name+"-anon-MB")
	}
	b.ReportMetric(0, "ns/op")
}

// ratio runs the two in turn, so that what the machine does meanwhile falls
// on both, and reports their medians and the medians' ratio.
func ratio(b *testing.B, unit time.Duration, ours, peers func() time.Duration) {
	b.Helper()
	const rounds = 100
	var a, p []time.Duration
	for range rounds {
		a, p = append(a, ours()), append(p, peers())
	}
	slices.Sort(a)
	slices.Sort(p)
	b.ReportMetric(float64(a[rounds/2])/float64(unit), "ours-ms")
	b.ReportMetric(float64(p[rounds/2])/float64(unit), "peer-ms")
	b.ReportMetric(float64(a[rounds/2])/float64(p[rounds/2]), "ratio")
	b.ReportMetric(0, "ns/op")
}

// spent is how long a command takes, its start included.
func spent(b *testing.B, h *host.Host, name string, args ...string) time.Duration {
	cmd := h.Command(b.Context(), name, args...)
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	return time.Since(begin)
}

// create makes jails through the client, as one process would.
func create(b *testing.B, h *host.Host, n int) {
	b.Helper()
	b.Setenv("HOSTKERN_SOCKET", filepath.Join(h.Dir, "hostkern.sock"))
	model, err := secmodel.Open()
	if err != nil {
		b.Fatal(err)
	}
	defer model.Close()
	for i := range n {
		if _, err := model.Create(fmt.Sprintf("jail%d", i), h.Dir, secmodel.Config{Level: secmodel.High}); err != nil {
			b.Fatal(err)
		}
	}
}

// trueRoot is a root directory with /bin/true and /bin/sleep.
func trueRoot(b *testing.B, h *host.Host) string {
	b.Helper()
	root := filepath.Join(h.Dir, "root")
	for _, dir := range []string{"bin", "dev", "etc", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		b.Skip("no busybox; install the package busybox-static")
	}
	for _, name := range []string{"true", "sleep"} {
		if out, err := exec.Command("cp", busybox, filepath.Join(root, "bin", name)).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
	return root
}

// processWith finds the process of this host whose command line has a word.
func processWith(b *testing.B, h *host.Host, word string) int {
	b.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range processes {
		line, _ := os.ReadFile(p + "/cmdline")
		environ, _ := os.ReadFile(p + "/environ")
		words := strings.Split(string(line), "\x00")
		match := slices.ContainsFunc(words, func(w string) bool { return filepath.Base(w) == word })
		if match && strings.Contains(string(environ), h.Dir) {
			pid, err := strconv.Atoi(filepath.Base(p))
			if err != nil {
				b.Fatal(err)
			}
			return pid
		}
	}
	b.Fatalf("no process %s", word)
	return 0
}

// switches is how often the threads of a process have waited and woken.
func switches(b *testing.B, pid int) int {
	b.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(threads) == 0 {
		b.Fatalf("process %d: %v", pid, err)
	}
	total := 0
	for _, file := range threads {
		total += field(b, file, `(?m)^voluntary_ctxt_switches:\s+(\d+)`)
	}
	return total
}

// anonymous is a process's own memory in bytes.
func anonymous(b *testing.B, pid int) int {
	b.Helper()
	return field(b, fmt.Sprintf("/proc/%d/smaps_rollup", pid), `Anonymous:\s+(\d+)`) * 1024
}

func field(b *testing.B, file, pattern string) int {
	b.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	found := regexp.MustCompile(pattern).FindSubmatch(text)
	if found == nil {
		b.Fatalf("%s has no %s", file, pattern)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		b.Fatal(err)
	}
	return n
}
