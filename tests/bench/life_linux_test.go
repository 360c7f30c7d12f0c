//go:build cgo && amd64

package bench

import (
	"fmt"
	"testing"
	"time"

	"jails/tools/hostkern/kern"
)

// BenchmarkLife measures what the kernel in this process takes to create a
// jail, to let a process enter it and to destroy it, alone and beside 1,000
// others with 5,000 processes; and the same of a list with a mutex, which
// checks nothing.
func BenchmarkLife(b *testing.B) {
	root := hosted(b)
	defer end(root)
	ports := []kern.Port{{Protocol: 6, First: 8080, Last: 8080}}
	for _, others := range []int{0, 1000} {
		kern.Listen(kern.Ours)
		empty := populate(b, root, others, 5)
		var listed []uint32
		for n := range others {
			id, err := root.ListCreate(fmt.Sprintf("jail%d", n), jailRoot, nil)
			if err != nil {
				b.Fatal(err)
			}
			listed = append(listed, id)
		}
		var ours, list [steps][]time.Duration
		for range *rounds {
			kern.Listen(kern.Ours)
			begin := time.Now()
			id := jail(b, root, others, ports...)
			created := time.Since(begin)
			life(b, &ours, created,
				func(p kern.Proc) error {
					_, err := p.Command(&kern.Request{Command: kern.CommandEnter, ID: id}, nil)
					return err
				}, func() error {
					_, err := root.Command(&kern.Request{Command: kern.CommandDestroy, ID: id}, nil)
					return err
				})

			kern.Listen(kern.ListMutex)
			begin = time.Now()
			id, err := root.ListCreate(fmt.Sprintf("jail%d", others), jailRoot, []uint16{8080})
			created = time.Since(begin)
			if err != nil {
				b.Fatal(err)
			}
			life(b, &list, created,
				func(p kern.Proc) error { return p.ListEnter(id) }, func() error { return kern.ListDestroy(id) })
		}
		kern.Listen(kern.Ours)
		empty()
		for _, id := range listed {
			if err := kern.ListDestroy(id); err != nil {
				b.Fatal(err)
			}
		}
		for step, name := range []string{"create, enter, destroy", "  create", "  enter", "  destroy"} {
			f := figure{Name: name, Unit: "µs", Ours: us(median(ours[step])), Peer: "a list and a mutex", Peers: us(median(list[step]))}
			if step == whole {
				f.Name += fmt.Sprintf(", beside %d jails", others)
				f.Goal = oursAtMost(100)
			}
			add(b, f)
		}
	}
}

// Steps of a jail's life.
const (
	whole = iota
	creation
	entry
	destruction
	steps
)

// life measures the rest of a jail's life.
func life(b *testing.B, all *[steps][]time.Duration, created time.Duration, enter func(kern.Proc) error, destroy func() error) {
	b.Helper()
	p := enterable(b)
	began := time.Now()
	err := enter(p)
	entered := time.Since(began)
	if err != nil {
		b.Fatalf("enter: %v", err)
	}
	end(p)
	began = time.Now()
	err = destroy()
	destroyed := time.Since(began)
	if err != nil {
		b.Fatalf("destroy: %v", err)
	}
	for step, d := range [steps]time.Duration{created + entered + destroyed, created, entered, destroyed} {
		all[step] = append(all[step], d)
	}
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
