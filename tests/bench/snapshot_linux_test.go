//go:build cgo && amd64

package bench

import (
	"math"
	"testing"
	"time"

	"jails/tools/hostkern/kern"
)

// BenchmarkSnapshot reads the lists of 1,000 jails and of 5,000 processes in
// them from the kernel in this process, and measures the longest that it holds
// the lock of all processes meanwhile.
func BenchmarkSnapshot(b *testing.B) {
	root := hosted(b)
	defer end(root)
	defer populate(b, root, 1000, 5)()
	buffer := make([]byte, 16<<20)
	defer kern.TimeProcLock(false)
	// The best of the rounds: what else the machine does can only add to it.
	measure := func(read func()) (took, held time.Duration) {
		took, held = math.MaxInt64, math.MaxInt64
		for range *rounds {
			kern.TimeProcLock(true)
			began := time.Now()
			read()
			took = min(took, time.Since(began))
			held = min(held, kern.TimeProcLock(true))
		}
		return took, held
	}
	_, walk := measure(kern.WalkProcesses)
	for _, list := range []struct{ node, name string }{
		{"jails", "list of 1,000 jails with 5,000 processes"}, {"processes", "list of 5,000 processes in 1,000 jails"},
	} {
		took, held := measure(func() {
			if n, err := root.Sysctl("security.models.jail."+list.node, buffer, nil); err != nil || n == 0 {
				b.Fatalf("%s: %d bytes, %v", list.node, n, err)
			}
		})
		add(b, figure{Name: list.name, Unit: "µs", Ours: us(took)})
		add(b, figure{Name: "  proc_lock is held at most", Unit: "µs", Ours: us(held), Peer: "to look at each process once", Peers: us(walk)})
	}
}
