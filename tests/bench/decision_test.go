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

// BenchmarkDecision measures one question to the model in this process, all
// listeners and locks included, as host root and as a jail's root: with one
// jail and no port reserved, with 1,000 jails, with 10,000 ports, with both.
func BenchmarkDecision(b *testing.B) {
	if err := kern.Boot(0); err != nil {
		b.Fatal(err)
	}
	root, other := process(), process()
	small := member(b, jail(b, root, "first", nil))

	questions := []question{
		{"bind(2)", func(p kern.Proc, n int) {
			so := p.NewSocket(2, 1, 6) // AF_INET, SOCK_STREAM, TCP
			defer so.Free()
			kern.BenchBind(p, so, 60000, n)
		}},
		{"kill(2)", func(p kern.Proc, n int) { kern.BenchSignal(p, other, n) }},
		{"reboot(2)", kern.BenchSystem},
	}
	ask := func(p kern.Proc) (all []float64) {
		for _, q := range questions {
			all = append(all, q.nanoseconds(p))
		}
		return all
	}
	host1, jail1 := ask(root), ask(small)
	compare := func(size string, host, jailed []float64) {
		for i, q := range questions {
			for _, who := range []struct {
				name      string
				now, then float64
			}{{"host root", host[i], host1[i]}, {"jailed root", jailed[i], jail1[i]}} {
				add(b, figure{Name: fmt.Sprintf("%s of %s, %s", q.name, who.name, size), Unit: "ns", Ours: who.now,
					Peer: "1 jail, no port", Peers: who.then, Goal: ratioAtMost(1.25)})
			}
		}
	}
	// 10,000 ports apart, in ten jails, as ranges of one.
	for i := range 10 {
		var ports []kern.Port
		for n := range 1000 {
			ports = append(ports, kern.Port{Protocol: 6, First: uint16(1000 + 4000*i + 2*n), Last: uint16(1000 + 4000*i + 2*n)})
		}
		jail(b, root, fmt.Sprintf("ports%d", i), ports)
	}
	compare("11 jails, 10,000 ports", ask(root), ask(small))
	var middle kern.Proc
	for i := 11; i < 1000; i++ {
		id := jail(b, root, fmt.Sprintf("jail%d", i), nil)
		if i == 500 {
			middle = member(b, id)
		}
	}
	compare("1,000 jails, 10,000 ports", ask(root), ask(middle))
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

func jail(b *testing.B, root kern.Proc, name string, ports []kern.Port) (id uint32) {
	b.Helper()
	q := kern.Request{Command: kern.CommandCreate, Config: kern.Config{Level: 1}}
	q.SetName(name)
	q.SetRoot("/tmp")
	y, err := root.Command(&q, ports)
	if err != nil {
		b.Fatalf("create %s: %v, reason %d", name, err, y.Reason)
	}
	return y.ID
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
