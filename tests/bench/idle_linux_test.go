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

	"jails/tests/host"
)

// BenchmarkIdle starts a jail with one service that sleeps, and counts for a
// minute how often jail-init and the supervisor wake up, and a Go program that
// only waits, for Go's runtime does so itself; and their memory.
func BenchmarkIdle(b *testing.B) {
	h := host.New(b)
	root, _ := trueRoot(b, h)
	definition := filepath.Join(h.Dir, "etc/jails/idle.toml")
	if err := os.MkdirAll(filepath.Dir(definition), 0o700); err != nil {
		b.Fatal(err)
	}
	text := fmt.Sprintf("root = %q\n[[service]]\nname = \"sleep\"\ncommand = [\"/bin/sleep\", \"1000000\"]\n", root)
	if err := os.WriteFile(definition, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	idle := exec.Command(peer(b, h))
	idle.Args = []string{"idle"}
	input, err := idle.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := idle.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		input.Close()
		if err := idle.Wait(); err != nil {
			b.Error(err)
		}
	}()
	h.Run(b, "jailmgr", "start", "idle")
	defer h.Run(b, "jailmgr", "stop", "idle")
	parties := []struct {
		name, command string
		memory        float64 // MB that it may have
		pid, before   int
	}{{name: "jail-init", command: "jail-init", memory: 2}, {name: "the supervisor", command: "supervise", memory: 4}}
	for i := range parties {
		parties[i].pid = processWith(b, h, parties[i].command)
	}
	time.Sleep(5 * time.Second) // what the start leaves to be done
	for i := range parties {
		parties[i].before = switches(b, parties[i].pid)
	}
	before := switches(b, idle.Process.Pid)
	time.Sleep(time.Minute)
	peers := float64(switches(b, idle.Process.Pid) - before)
	for _, p := range parties {
		add(b, figure{Name: p.name + ": wake-ups in an idle minute", Ours: float64(switches(b, p.pid) - p.before),
			Peer: "a Go program that only waits", Peers: peers, Goal: oursAtMost(0)})
		add(b, figure{Name: p.name + ": anonymous memory", Unit: "MB", Ours: float64(anonymous(b, p.pid)) / 1e6, Goal: oursAtMost(p.memory)})
	}
}

// modelTime gives a function that tells how much processor time hostkern has
// taken so far.
func modelTime(b *testing.B, h *host.Host) func() time.Duration {
	pid := processWith(b, h, "hostkern")
	return func() time.Duration { return processorTime(b, pid) }
}

// processorTime is how much a process's threads have taken.
func processorTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		b.Fatalf("process %d: %v", pid, err)
	}
	total := 0
	for _, file := range threads {
		total += field(b, file, `^(\d+)`)
	}
	return time.Duration(total)
}

// load is the machine's, of the last minute.
func load() *float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return nil
	}
	first, _, _ := strings.Cut(string(text), " ")
	v, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return nil
	}
	return &v
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
		words := strings.FieldsFunc(string(line), func(r rune) bool { return r == 0 || r == ' ' })
		match := slices.ContainsFunc(words, func(w string) bool { return filepath.Base(w) == word })
		if match && (strings.Contains(string(environ), h.Dir) || strings.Contains(string(line), h.Dir)) {
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
