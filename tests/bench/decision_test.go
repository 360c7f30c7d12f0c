//go:build linux && cgo && amd64

package bench

import (
	"fmt"
	"math"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

// BenchmarkDecision measures one question to the kernel in this process, all
// listeners and locks included, as host root and as a jail's root: without the
// model, with one jail and no port reserved, with 1,000 jails, with 10,000
// ports, with both.
func BenchmarkDecision(b *testing.B) {
	kern.BootBare()
	root, other := process(), process()
	bind := question{"bind(2)", func(p kern.Proc, n int) {
		so := p.NewSocket(2, 1, 6) // AF_INET, SOCK_STREAM, TCP
		defer so.Free()
		kern.BenchBind(p, so, 60000, n)
	}}
	kill := question{"kill(2)", func(p kern.Proc, n int) { kern.BenchSignal(p, other, n) }}
	reboot := question{"reboot(2)", kern.BenchSystem}

	// compare measures, and reports what was measured before as the peer.
	before := map[string]float64{}
	compare := func(who string, p kern.Proc, size, peer string, questions ...question) {
		for _, q := range questions {
			name, ns := q.name+" of "+who, q.nanoseconds(p)
			if then, ok := before[name]; ok {
				add(b, figure{Name: name + ", " + size, Unit: "ns", Ours: ns, Peer: peer, Peers: then, Goal: ratioAtMost(1.25)})
			} else {
				before[name] = ns
			}
		}
	}
	const host, inside, small = "host root", "jailed root", "1 jail, no port"
	compare(host, root, "", "", bind, kill, reboot)
	if err := kern.Load(); err != nil {
		b.Fatal(err)
	}
	jails := []uint32{jail(b, root, 0)}
	compare(host, root, "1 jail", "no model", bind, kill, reboot)
	clear(before)
	jailed := member(b, jails[0])
	both := func(size string, questions ...question) {
		compare(host, root, size, small, questions...)
		compare(inside, jailed, size, small, questions...)
	}
	both("", bind, kill, reboot)
	reserve(b, root, jails[0], kern.Port{Protocol: 6, First: 1000, Last: 10999})
	both("1 jail, 10,000 ports", bind)
	reserve(b, root, jails[0])
	for n := 1; n < 1000; n++ {
		jails = append(jails, jail(b, root, n))
	}
	jailed = member(b, jails[500])
	both("1,000 jails, no port", bind)
	for i := range 10 { // apart, as ranges of one
		var ports []kern.Port
		for n := range 1000 {
			port := uint16(1000 + 4000*i + 2*n)
			ports = append(ports, kern.Port{Protocol: 6, First: port, Last: port})
		}
		reserve(b, root, jails[i*100], ports...)
	}
	both("1,000 jails, 10,000 ports", bind, kill, reboot)
}

// question asks the model the same n times.
type question struct {
	name string
	ask  func(p kern.Proc, n int)
}

// nanoseconds of one answer, in the best of many rounds: what else the machine
// does can only add to it.
func (q *question) nanoseconds(p kern.Proc) float64 {
	const times = 20000
	q.ask(p, times)
	best := time.Duration(math.MaxInt64)
	for range rounds {
		began := time.Now()
		q.ask(p, times)
		best = min(best, time.Since(began))
	}
	return float64(best.Nanoseconds()) / times
}

var lastPID = 1000000

// process is a process of the model's, root on the host.
func process() kern.Proc {
	lastPID++
	return kern.NewHost(lastPID, kern.IDs{})
}

// jail makes one with the level medium.
func jail(b *testing.B, root kern.Proc, n int) (id uint32) {
	b.Helper()
	q := kern.Request{Command: kern.CommandCreate, Config: kern.Config{Level: 1}}
	q.SetName(fmt.Sprintf("jail%d", n))
	q.SetRoot("/tmp")
	y, err := root.Command(&q, nil)
	if err != nil {
		b.Fatalf("create jail %d: %v, reason %d", n, err, y.Reason)
	}
	return y.ID
}

// reserve gives a jail these ports and no others.
func reserve(b *testing.B, root kern.Proc, id uint32, ports ...kern.Port) {
	b.Helper()
	if y, err := root.Command(&kern.Request{Command: kern.CommandSet, ID: id, Mask: kern.SetPorts}, ports); err != nil {
		b.Fatalf("ports of jail %d: %v, reason %d", id, err, y.Reason)
	}
}

// member is a process in a jail, its root.
func member(b *testing.B, id uint32) kern.Proc {
	b.Helper()
	p := process()
	var dirs [2]int // of its working directory and its root; the model closes them
	for i := range dirs {
		var err error
		if dirs[i], err = unix.Open("/", unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.SetFiles(nil); err != nil {
		b.Fatal(err)
	}
	if err := p.SetDirs(dirs[0], dirs[1], false); err != nil {
		b.Fatal(err)
	}
	p.SetFlags(kern.Leader, 0)
	if y, err := p.Command(&kern.Request{Command: kern.CommandEnter, ID: id}, nil); err != nil {
		b.Fatalf("enter %d: %v, reason %d", id, err, y.Reason)
	}
	return p
}
