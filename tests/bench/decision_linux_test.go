//go:build cgo && amd64

package bench

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"
	"time"

	"jails/tools/hostkern/kern"
)

// BenchmarkDecision measures single questions to the kernel in this process,
// all listeners asked, by how many jails and reserved ports there are: to the
// model, to none, and to the simplest that could be, a list and a mutex.
func BenchmarkDecision(b *testing.B) {
	root, other := hosted(b), process()
	defer end(root)
	defer end(other)
	all := measurements{}
	for range cycles { // so that what the machine does meanwhile falls on all
		for _, s := range sizes {
			s.measure(b, all, root, other)
		}
	}
	all.report(b)
}

const cycles = 5

// size is how many jails there are and what ports the nth has.
type size struct {
	name  string
	jails int
	ports func(n int) []kern.Port
	list  bool // whether the list is measured too
}

const (
	single  = "1 jail"
	most    = "1,000 jails"
	onePort = "1 jail, 1 port"
	port    = 60000 // bound by all, reserved by none
)

var sizes = []size{
	{name: single, jails: 1, list: true},
	{name: "10 jails", jails: 10, list: true},
	{name: "100 jails", jails: 100, list: true},
	{name: most, jails: 1000, list: true},
	{name: onePort, jails: 1, ports: func(int) []kern.Port { return []kern.Port{{First: 1, Last: 1}} }},
	{name: "1 jail, 65,534 ports", jails: 1, ports: func(int) []kern.Port {
		return []kern.Port{{First: 1, Last: port - 1}, {First: port + 1, Last: math.MaxUint16}}
	}},
	{name: "1,000 jails, 65,534 ports one by one", jails: 1000, ports: func(n int) (ports []kern.Port) {
		for p := n * 1024; p < min(n*1024+1024, math.MaxUint16+1); p++ {
			if p != 0 && p != port {
				ports = append(ports, kern.Port{First: uint16(p), Last: uint16(p)})
			}
		}
		return ports
	}},
}

// questions and whether a jail's root is told yes.
var questions = []struct {
	name    string
	what    kern.Question
	allowed bool
}{
	{"bind(2)", kern.AskBind, true},
	{"kill(2)", kern.AskSignal, true},
	{"chroot(2)", kern.AskChroot, true},
	{"a name in a path", kern.AskLookup, true},
	{"reboot(2), refused in jails", kern.AskReboot, false},
}

// measurement names one; who is hostRoot or jailedRoot.
type measurement struct {
	size, who string
	model     kern.Model
	question  kern.Question
	threads   int
}

const hostRoot, jailedRoot = "the host's root", "a jail's root"

// measurements are the best of many rounds, in nanoseconds: what else the
// machine does can only add to them.
type measurements map[measurement]float64

// measure all questions with so many jails.
func (s *size) measure(b *testing.B, all measurements, root, other kern.Proc) {
	b.Helper()
	kern.Listen(kern.Ours)
	var ids []uint32
	for n := range s.jails {
		var ports []kern.Port
		if s.ports != nil {
			ports = s.ports(n)
		}
		ids = append(ids, jail(b, root, n, ports...))
	}
	id := ids[len(ids)/2]
	members := []kern.Proc{member(b, id), member(b, id)}
	all.ask(b, measurement{size: s.name, who: hostRoot, model: kern.Ours}, []kern.Proc{root, other})
	all.ask(b, measurement{size: s.name, who: jailedRoot, model: kern.Ours}, members)

	kern.Listen(kern.NoModel)
	all.ask(b, measurement{size: s.name, who: hostRoot, model: kern.NoModel}, []kern.Proc{root, other})
	if s.list {
		s.measureList(b, all, root, other)
	}

	kern.Listen(kern.Ours)
	for _, p := range members {
		end(p)
	}
	for _, id := range ids {
		destroy(b, root, id)
	}
}

// measureList does what measure does, of the list and the mutex.
func (s *size) measureList(b *testing.B, all measurements, root, other kern.Proc) {
	b.Helper()
	kern.Listen(kern.ListMutex)
	var ids []uint32
	for n := range s.jails {
		id, err := root.ListCreate(fmt.Sprintf("jail%d", n), jailRoot, nil)
		if err != nil {
			b.Fatal(err)
		}
		ids = append(ids, id)
	}
	var members []kern.Proc
	for range 2 {
		p := enterable(b)
		if err := p.ListEnter(ids[len(ids)/2]); err != nil {
			b.Fatal(err)
		}
		members = append(members, p)
	}
	all.ask(b, measurement{size: s.name, who: hostRoot, model: kern.ListMutex}, []kern.Proc{root, other})
	all.ask(b, measurement{size: s.name, who: jailedRoot, model: kern.ListMutex}, members)
	for _, p := range members {
		end(p)
	}
	for _, id := range ids {
		if err := kern.ListDestroy(id); err != nil {
			b.Fatal(err)
		}
	}
}

// ask puts all questions, by the first of two processes about the second; and
// one that takes no lock of the kernel's own by both at the same time.
func (all measurements) ask(b *testing.B, m measurement, p []kern.Proc) {
	b.Helper()
	so := p[0].NewSocket(2, 1, 6) // AF_INET, SOCK_STREAM, TCP
	defer so.Free()
	for _, q := range questions {
		m.question, m.threads = q.what, 1
		if yes := p[0].Ask(q.what, p[1], so, port, 1) == 1; yes != (q.allowed || m.who == hostRoot) {
			b.Fatalf("%s by %s, %s, model %d: %v", q.name, m.who, m.size, m.model, yes)
		}
		all.add(m, func(n int) { p[0].Ask(q.what, p[1], so, port, n) })
	}
	m.question, m.threads = kern.AskChroot, 2
	all.add(m, func(n int) {
		var both sync.WaitGroup
		for _, p := range p {
			both.Go(func() { p.Ask(m.question, kern.Proc{}, kern.Socket{}, 0, n) })
		}
		both.Wait()
	})
}

// add measures n of something.
func (all measurements) add(m measurement, ask func(n int)) {
	times := 2000
	if m.threads > 1 {
		times = 20000 // they have to be started
	}
	best, ok := all[m]
	if !ok {
		best = math.Inf(1)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ask(times)
	for range *rounds {
		began := time.Now()
		ask(times)
		best = min(best, float64(time.Since(began).Nanoseconds())/float64(times))
	}
	all[m] = best
}

func (all measurements) report(b *testing.B) {
	b.Helper()
	// compare reports ours, of a size, and what it is compared with.
	compare := func(m measurement, name, peer string, with measurement, goal *goal) {
		for _, q := range questions {
			if q.what == m.question {
				name = q.name + " by " + m.who + ", " + name
			}
		}
		if m.threads > 1 {
			name += ", from 2 threads"
		}
		add(b, figure{Name: name, Unit: "ns", Ours: all[m], Peer: peer, Peers: all[with], Goal: goal})
	}
	for _, who := range []string{hostRoot, jailedRoot} {
		for _, q := range questions {
			m := measurement{size: single, who: who, model: kern.Ours, question: q.what, threads: 1}
			none := m
			none.model, none.who = kern.NoModel, hostRoot
			compare(m, m.size, "without a model", none, nil)
		}
	}
	// That a question to nobody grows shows what the machine alone does.
	small := measurement{size: single, who: hostRoot, model: kern.NoModel, question: kern.AskBind, threads: 1}
	large := small
	large.size = most
	compare(large, large.size+", no model: the noise", small.size, small, nil)
	for _, s := range sizes[3:] {
		for _, who := range []string{hostRoot, jailedRoot} {
			for _, q := range questions {
				if s.ports != nil && q.what != kern.AskBind {
					continue
				}
				m := measurement{size: s.name, who: who, model: kern.Ours, question: q.what, threads: 1}
				small, goal := m, ratioAtMost(1.25)
				small.size = single
				if s.ports != nil && s.name != onePort {
					small.size = onePort
				} else if s.ports != nil {
					goal = nil // there was no table to look into
				}
				compare(m, m.size, small.size, small, goal)
			}
		}
	}
	for _, s := range sizes {
		for _, threads := range []int{1, 2} {
			if !s.list {
				continue
			}
			for _, who := range []string{hostRoot, jailedRoot} {
				m := measurement{size: s.name, who: who, model: kern.Ours, question: kern.AskChroot, threads: threads}
				list := m
				list.model = kern.ListMutex
				compare(m, s.name, "a list and a mutex", list, ratioAtMost(1))
			}
		}
	}
}
