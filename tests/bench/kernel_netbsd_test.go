package bench

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
	"jails/tests/host"
	"jails/tools/vm/module"
)

var modulePath = flag.String("module", "", "`path` of secmodel_jail.kmod, to load and unload")

// BenchmarkKernel measures system calls: with the model and without it, in
// turns, for it can be unloaded until the first jail; and then in jails. Who
// calls has the same root, on the host and in a jail.
func BenchmarkKernel(b *testing.B) {
	if *modulePath == "" {
		b.Skip("no module to load and unload; give its path: -module PATH")
	}
	m := &kernel{root: callersRoot(b), all: map[state]map[string][]float64{}}
	m.raiseProcesses(b)
	m.bare(b)
	m.jailed(b)
	m.report(b)
}

// kernel is what has been measured: the best of each two rounds, because the
// two show how far the machine can be trusted.
type kernel struct {
	root string // of who calls
	all  map[state]map[string][]float64
}

// state is the kernel's, and who calls.
type state string

const (
	unloaded state = "no model"
	bareUser state = "no model, for a user"
	hostUser state = "a user of the host"
	loaded   state = "the host's root, no jail"
	few      state = "the host's root, 1 jail"
	many     state = "the host's root, 1,000 jails"
	inFew    state = "a jail's root, 1 jail"
	inMany   state = "a jail's root, 1,000 jails"
	range1   state = "a jail's root, 65,535 ports of one jail"
	singly   state = "a jail's root, 65,535 ports one by one"
	noisy    state = "no model, the worse half of the rounds"
	full     state = "the host's root, 1,000 jails with 5,000 processes"
)

// times is how many of a call make a round.
var times = map[string]int{bind: 8 * batch, fork: 16, execute: 8, kill: 4000, open: 16 * batch, ps: 2, getpid: 10000,
	jails: 1, jailsLength: 1, processes: 1, processesLength: 1}

// quick are those for which no processes have to be there.
var quick = []string{bind, fork, execute, kill, open, getpid}

// measure does a round.
func (m *kernel) measure(b *testing.B, w *worker, s state, round int, calls ...string) {
	b.Helper()
	if m.all[s] == nil {
		m.all[s] = map[string][]float64{}
	}
	for _, call := range calls {
		if m.all[s][call] == nil {
			m.all[s][call] = []float64{math.Inf(1), math.Inf(1)}
		}
		best := &m.all[s][call][round%2]
		*best = min(*best, w.do(b, call, times[call]))
	}
}

// best is the best of all rounds.
func (m *kernel) best(s state, call string) float64 {
	return min(m.all[s][call][0], m.all[s][call][1])
}

// noise is by how much the best of half of the rounds differs from that of the
// others, as a ratio.
func (m *kernel) noise(s state, call string) float64 {
	r := m.all[s][call][0] / m.all[s][call][1]
	return max(r, 1/r)
}

// trusted says whether a figure can be judged: the machine was the same as
// without a model, as far as a call that asks nobody shows, and the noise is
// less than a tenth.
func (m *kernel) trusted(s state, call string) bool {
	return call != getpid && m.noise(unloaded, call) <= 1.1 && m.best(s, getpid) <= 1.05*m.best(unloaded, getpid)
}

// bare measures before the first jail.
func (m *kernel) bare(b *testing.B) {
	b.Helper()
	name := strings.TrimSuffix(filepath.Base(*modulePath), ".kmod")
	turns := func(w *worker, without, with state, calls ...string) {
		for round := range *rounds {
			if err := module.Unload(name); err != nil {
				b.Fatalf("unload %s, which works until the first jail: %v", name, err)
			}
			m.measure(b, w, without, round, calls...)
			if err := module.Load(*modulePath); err != nil {
				b.Fatalf("load %s: %v", *modulePath, err)
			}
			m.measure(b, w, with, round, calls...)
		}
	}
	w := newWorker(b, m.root, 0, 0)
	// What the kernel keeps of processes that were makes the next ones cheaper.
	w.do(b, "spawn", 1000)
	w.do(b, "reap", 0)
	turns(w, unloaded, loaded, quick...)
	w.do(b, "spawn", 1000)
	w.do(b, ps, 1) // the first time takes longer
	turns(w, unloaded, loaded, ps)
	w.end(b)
	// Users see no addresses of the kernel, nor do jails: it hides each, which
	// takes it longer than all the rest.
	w = newWorker(b, m.root, 0, 1000)
	w.do(b, "spawn", 1000)
	w.do(b, ps, 1)
	turns(w, bareUser, hostUser, ps, getpid)
	w.end(b)
}

// jailed measures with jails: one, many, and one or many with all ports.
func (m *kernel) jailed(b *testing.B) {
	b.Helper()
	model, err := secmodel.Open()
	if err != nil {
		b.Fatal(err)
	}
	defer model.Close()
	var ids []secmodel.ID
	more := func(n int) {
		for len(ids) < n {
			id, err := model.Create(fmt.Sprintf("jail%d", len(ids)), m.root, secmodel.Config{Level: secmodel.Medium})
			if err != nil {
				b.Fatal(err)
			}
			ids = append(ids, id)
		}
	}
	more(1)
	outside, inside := newWorker(b, m.root, 0, 0), newWorker(b, m.root, ids[0], 0)
	turns := func(host, jail state, calls ...string) {
		for round := range *rounds {
			m.measure(b, outside, host, round, calls...)
			m.measure(b, inside, jail, round, calls...)
		}
	}
	turns(few, inFew, quick...)
	for part := range 4 { // one's processes would be in the other's list
		for _, who := range []struct {
			w *worker
			s state
		}{{outside, few}, {inside, inFew}} {
			who.w.do(b, "spawn", 1000)
			who.w.do(b, ps, 1)
			for range max(*rounds/4, 1) {
				m.measure(b, who.w, who.s, part, ps)
			}
			who.w.do(b, "reap", 0)
		}
	}
	reserve := func(id secmodel.ID, ports []secmodel.PortRange) {
		if err := model.Set(id, secmodel.Change{Ports: &ports}); err != nil {
			b.Fatal(err)
		}
	}
	reserve(ids[0], []secmodel.PortRange{{First: 1, Last: math.MaxUint16}})
	for round := range *rounds {
		m.measure(b, inside, range1, round, bind, getpid)
	}
	reserve(ids[0], nil)
	more(1000)
	outside.end(b)
	inside.end(b)
	outside, inside = newWorker(b, m.root, 0, 0), newWorker(b, m.root, ids[0], 0)
	turns(many, inMany, quick...)
	// The first jail has those that are bound.
	const most = 1024
	for n := range (math.MaxUint16 + 1) / most {
		var ports []secmodel.PortRange
		for p := n * most; p < (n+1)*most; p++ {
			if p > 0 {
				ports = append(ports, secmodel.PortRange{First: uint16(p), Last: uint16(p)})
			}
		}
		id := ids[n+1]
		if n == firstPort/most {
			id = ids[0]
		}
		reserve(id, ports)
	}
	for round := range *rounds {
		m.measure(b, inside, singly, round, bind, getpid)
	}
	outside.end(b)
	inside.end(b)
	m.snapshots(b, model, ids)
}

// snapshots measures the lists of what all jails have, with members processes
// in each, and the kernel's own list of the same processes.
func (m *kernel) snapshots(b *testing.B, model *secmodel.Client, ids []secmodel.ID) {
	b.Helper()
	const members = 5
	w := newWorker(b, m.root, 0, 0)
	for _, id := range ids {
		w.do(b, fmt.Sprintf("populate-%d", id), members)
	}
	for round := range min(*rounds, 10) {
		m.measure(b, w, full, round, ps, jails, jailsLength, processes, processesLength)
	}
	for _, id := range ids {
		if err := model.Kill(id, int(unix.SIGKILL)); err != nil {
			b.Error(err)
		}
	}
	w.end(b)
	for _, id := range ids { // who is nobody's child any more is reaped by others
		host.Eventually(b, "the jail is empty", func() bool { return model.Destroy(id) == nil })
	}
	peer := "kern.proc2 of the same"
	for _, list := range []struct{ call, length, name string }{
		{jails, jailsLength, "list of 1,000 jails with 5,000 processes"}, {processes, processesLength, "list of 5,000 processes in 1,000 jails"},
	} {
		m.add(b, list.name, full, list.call, peer, full, ps, nil)
		m.add(b, "  proc_lock is held for less than", full, list.length, peer, full, ps, nil)
	}
}

// callersRoot is a directory with what who calls needs: a null device, and a
// program that ends.
func callersRoot(b *testing.B) string {
	b.Helper()
	root := b.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "dev"), 0o755); err != nil {
		b.Fatal(err)
	}
	var null unix.Stat_t
	if err := unix.Stat("/dev/null", &null); err != nil {
		b.Fatal(err)
	}
	if err := unix.Mknod(filepath.Join(root, "dev/null"), uint32(null.Mode), int(null.Rdev)); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, ends), endingProgram(), 0o755); err != nil {
		b.Fatal(err)
	}
	return root
}

// add takes into the report how long a call takes, and a peer: another state,
// or call.
func (m *kernel) add(b *testing.B, name string, s state, call, peer string, ps state, pc string, goal *goal) {
	b.Helper()
	f := figure{Name: name, Unit: "µs", Ours: m.best(s, call) / 1000, Peer: peer, Peers: m.best(ps, pc) / 1000, Goal: goal}
	if os.Getenv(clockVariable) == "instructions" {
		f.Unit, f.Ours, f.Peers = "instructions", f.Ours*1000, f.Peers*1000
	}
	add(b, f)
}

func (m *kernel) report(b *testing.B) {
	b.Helper()
	for _, call := range append([]string{ps}, quick...) {
		name, noise := strings.ReplaceAll(call, "-", " "), m.noise(unloaded, call)
		peer := unloaded
		compare := func(s state, goal *goal) {
			if _, ok := m.all[s][call]; !ok {
				return
			}
			if !m.trusted(s, call) {
				goal = nil
			}
			m.add(b, name+" by "+string(s), s, call, string(peer), peer, call, goal)
		}
		host := ratioAtMost(max(1.02, noise))
		compare(loaded, host)
		compare(few, host)
		compare(many, host)
		if call == ps {
			peer = bareUser
			compare(hostUser, host)
		}
		for _, s := range []state{inFew, inMany, range1, singly} {
			compare(s, ratioAtMost(1.05))
		}
		// The best of the others are the peer.
		rounds := m.all[unloaded][call]
		m.all[noisy] = map[string][]float64{call: {max(rounds[0], rounds[1]), math.Inf(1)}}
		m.add(b, "  the noise: half of the rounds without a model", noisy, call, "the others", unloaded, call, nil)
	}
}

// raiseProcesses lets there be enough of them.
func (m *kernel) raiseProcesses(b *testing.B) {
	b.Helper()
	if err := setSysctl([]int32{unix.CTL_KERN, 6}, procs); err != nil { // KERN_MAXPROC
		b.Fatalf("kern.maxproc=%d: %v", procs, err)
	}
}
