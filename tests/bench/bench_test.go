// Package bench measures what users wait for and pay for, each against a
// peer or against itself at another size, in one run. Run it with make bench.
package bench

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"jails/src/secmodel"
	"jails/tests/host"
)

// BenchmarkExec runs true(1) in a jail, by chroot(8) in the same root, by the
// smallest Go program that does the same, and by nothing but fork and exec.
func BenchmarkExec(b *testing.B) {
	h := host.New(b)
	small := peer(b, h)
	root, program := trueRoot(b, h)
	h.Run(b, "jailctl", "create", "-n", "bench", root)
	defer h.Run(b, "jailctl", "destroy", "-k", "bench")
	runs := [][]string{
		{filepath.Join(h.Bin, "jailctl"), "exec", "bench", "/bin/true"},
		{small, root, "/bin/true"},
		{program},
	}
	const ours, goPeer, alone, theirs = 0, 1, 2, 3
	if chroot, err := exec.LookPath("chroot"); err == nil {
		runs = append(runs, []string{chroot, root, "/bin/true"})
	}
	model := modelTime(b, h)
	before := model()
	all := medians(b, h, runs...)
	each := (model() - before) / time.Duration(*rounds) // the others don't ask it

	if len(all) > theirs {
		add(b, figure{Name: "exec of true(1) in a jail", Unit: "ms", Ours: ms(all[ours].wall),
			Peer: "chroot(8)", Peers: ms(all[theirs].wall), Goal: ratioAtMost(1.5)})
		add(b, figure{Name: "  processor time", Unit: "ms", Ours: ms(all[ours].cpu),
			Peer: "chroot(8)", Peers: ms(all[theirs].cpu)})
	}
	add(b, figure{Name: "exec of true(1) in a jail", Unit: "ms", Ours: ms(all[ours].wall),
		Peer: "a Go program that only does chroot(2) and execve(2)", Peers: ms(all[goPeer].wall)})
	add(b, figure{Name: "  processor time", Unit: "ms", Ours: ms(all[ours].cpu), Peer: "the same", Peers: ms(all[goPeer].cpu)})
	if each > 0 {
		add(b, figure{Name: "  hostkern's, besides (none on NetBSD)", Unit: "ms", Ours: ms(each)})
	}
	add(b, figure{Name: "  true(1) alone", Unit: "ms", Ours: ms(all[alone].wall)})
}

// BenchmarkList lists 1,000 jails, and one.
func BenchmarkList(b *testing.B) {
	list := func(jails int) result {
		h := host.New(b)
		defer create(b, h, jails)()
		return medians(b, h, []string{filepath.Join(h.Bin, "jailctl"), "list"})[0]
	}
	one, many := list(1), list(1000)
	add(b, figure{Name: "list of 1,000 jails", Unit: "ms", Ours: ms(many.wall), Peer: "of 1 jail", Peers: ms(one.wall), Goal: oursAtMost(10)})
}

// BenchmarkScrape asks the exporter for the metrics of 1,000 jails, and of one.
func BenchmarkScrape(b *testing.B) {
	scrape := func(jails int) time.Duration {
		h := host.New(b)
		defer create(b, h, jails)()
		url := exporter(b, h)
		var all []time.Duration
		for range *rounds {
			began := time.Now()
			if err := get(url); err != nil {
				b.Fatal(err)
			}
			all = append(all, time.Since(began))
		}
		return median(all)
	}
	one, many := scrape(1), scrape(1000)
	add(b, figure{Name: "scrape of 1,000 jails", Unit: "ms", Ours: ms(many), Peer: "of 1 jail", Peers: ms(one), Goal: oursAtMost(30)})
}

// exporter starts jail-exporter, until the benchmark's end.
func exporter(b *testing.B, h *host.Host) (url string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	cmd := h.Command(b.Context(), "jail-exporter", "--web.listen-address", address)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	url = "http://" + address + "/metrics"
	host.Eventually(b, "the exporter answers", func() bool { return get(url) == nil })
	return url
}

func get(url string) error {
	answer, err := http.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err = io.Copy(io.Discard, answer.Body); err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, answer.Status)
	}
	return err
}

// result is what a command took, its start included: by the clock, and of the
// processors.
type result struct{ wall, cpu time.Duration }

// medians runs the commands in turn, so that what the machine does meanwhile
// falls on all, and returns each one's median.
func medians(b *testing.B, h *host.Host, commands ...[]string) []result {
	b.Helper()
	// Pipes are what a command in a jail may keep of its caller's.
	read, write, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	go func() { _, _ = io.Copy(io.Discard, read) }()
	input, none, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer input.Close()
	defer none.Close()
	env := h.Command(b.Context(), "").Environ() // each variable once
	attr := &os.ProcAttr{Env: env, Files: []*os.File{input, write, write}}

	wall, cpu := make([][]time.Duration, len(commands)), make([][]time.Duration, len(commands))
	for range *rounds {
		for i, args := range commands {
			began := time.Now()
			p, err := os.StartProcess(args[0], args, attr)
			if err != nil {
				b.Fatal(err)
			}
			state, err := p.Wait()
			if err != nil || !state.Success() {
				b.Fatalf("%q: %v, %v", args, state, err)
			}
			wall[i] = append(wall[i], time.Since(began))
			cpu[i] = append(cpu[i], state.UserTime()+state.SystemTime())
		}
	}
	all := make([]result, len(commands))
	for i := range all {
		all[i] = result{median(wall[i]), median(cpu[i])}
	}
	return all
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// create makes jails through the client, as one process would, and gives what
// destroys them.
func create(b *testing.B, h *host.Host, n int) (destroy func()) {
	b.Helper()
	b.Setenv("HOSTKERN_SOCKET", filepath.Join(h.Dir, "hostkern.sock"))
	model, err := secmodel.Open()
	if err != nil {
		b.Fatal(err)
	}
	var ids []secmodel.ID
	for i := range n {
		id, err := model.Create(fmt.Sprintf("jail%d", i), h.Dir, secmodel.Config{Level: secmodel.High})
		if err != nil {
			b.Fatal(err)
		}
		ids = append(ids, id)
	}
	return func() {
		for _, id := range ids {
			if err := model.Destroy(id); err != nil {
				b.Error(err)
			}
		}
		if err := model.Close(); err != nil {
			b.Error(err)
		}
	}
}

var rounds = flag.Int("rounds", 100, "how often each is measured: `n` times")

// For a machine without a compiler or busybox.
var (
	peerPath = flag.String("peer", "", "`path` of the program peer, compiled")
	truePath = flag.String("true", "", "`path` of a static true(1)")
)

// peer is the program of that directory.
func peer(b *testing.B, h *host.Host) string {
	b.Helper()
	if *peerPath != "" {
		return *peerPath
	}
	path := filepath.Join(h.Dir, "chroot")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./peer")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return path
}

// trueRoot is a root directory with true(1) and sleep(1), and the path of the
// program that is true(1) there.
func trueRoot(b *testing.B, h *host.Host) (root, program string) {
	b.Helper()
	root = filepath.Join(h.Dir, "root")
	for _, dir := range []string{"bin", "dev", "etc", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	names, from := []string{"true", "sleep"}, *truePath
	if from == "" {
		var err error
		if from, err = exec.LookPath("busybox"); err != nil {
			b.Skip("no busybox; install the package busybox-static")
		}
	}
	content, err := os.ReadFile(from)
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(root, "bin", name), content, 0o755); err != nil {
			b.Fatal(err)
		}
	}
	return root, filepath.Join(root, "bin", "true")
}
