package bench

import (
	"fmt"
	"testing"
	"time"

	"jails/tests/host"
)

// How many services the supervisors have.
const (
	someServices = 50 // while they are idle and are killed
	manyServices = 200
	startRounds  = 3
)

// BenchmarkSupervision compares jail-init and its supervisor with others that
// keep services running: how soon a service that was killed runs again, how
// soon many services run, and what it costs to do so and to wait.
func BenchmarkSupervision(b *testing.B) {
	h := host.New(b)
	all := present(b)
	some := withSome(b, h, all)
	many := withMany(b, h, all)
	compare(b, all, "restart of a service that was killed", "ms", ratioAtMost(1),
		func(c int) float64 { return ms(median(some[c].latency)) })
	compare(b, all, fmt.Sprintf("start of %d services", manyServices), "ms", ratioAtMost(1),
		func(c int) float64 { return ms(median(many[c].start)) })
	compare(b, all, fmt.Sprintf("stop of %d services", manyServices), "ms", nil,
		func(c int) float64 { return ms(median(many[c].stop)) })
	cost(b, all, fmt.Sprintf("wake-ups in an idle minute, %d services", someServices), "",
		func(c int) float64 { return float64(some[c].wakeups) })
	cost(b, all, fmt.Sprintf("memory, %d services: share of what is mapped", manyServices), "MB",
		func(c int) float64 { return float64(many[c].share) / 1e6 })
	cost(b, all, "  anonymous", "MB", func(c int) float64 { return float64(many[c].own) / 1e6 })
	cost(b, all, "  for each service", "kB",
		func(c int) float64 { return float64(many[c].own-some[c].own) / (manyServices - someServices) / 1e3 })
	for _, of := range []struct {
		services int
		measured
	}{{someServices, some[inJail]}, {manyServices, many[inJail]}} {
		add(b, figure{Name: fmt.Sprintf("jail-init: anonymous memory, %d services", of.services), Unit: "MB", Ours: float64(of.initOwn) / 1e6, Goal: oursAtMost(2)})
	}
}

// Where ours are among the competitors.
const (
	inJail = iota
	noJail
	firstPeer // and all that follow
)

// compare adds a figure for ours against each peer, and one that shows what
// hostkern adds. Peers are compared without a jail, which they have none of
// either, and on NetBSD there is no hostkern.
func compare(b *testing.B, all []competitor, name, unit string, g *goal, value func(c int) float64) {
	b.Helper()
	for c := firstPeer; c < len(all); c++ {
		add(b, figure{Name: name, Unit: unit, Ours: value(noJail), Peer: all[c].name, Peers: value(c), Goal: g})
	}
	add(b, figure{Name: name + ", in a jail on hostkern", Unit: unit, Ours: value(inJail), Peer: all[noJail].name, Peers: value(noJail)})
}

// cost is compare for what is the same with hostkern.
func cost(b *testing.B, all []competitor, name, unit string, value func(c int) float64) {
	b.Helper()
	for c := firstPeer; c < len(all); c++ {
		add(b, figure{Name: name, Unit: unit, Ours: value(inJail), Peer: all[c].name, Peers: value(c)})
	}
}

// measured is what one of them came to.
type measured struct {
	latency, start, stop []time.Duration
	wakeups              int
	share, own           int // memory in bytes
	initOwn              int // jail-init's of it
}

// remember notes what memory they have.
func (m *measured) remember(b *testing.B, c int, processes []int) {
	b.Helper()
	m.share, m.own = memory(b, processes)
	if c == inJail {
		_, m.initOwn = memory(b, processes[1:2]) // the supervisor's only child
	}
}

// withSome runs all of them at the same time. After an idle minute each
// service of each is killed once, in turns.
func withSome(b *testing.B, h *host.Host, all []competitor) []measured {
	b.Helper()
	of := make([]measured, len(all))
	sites, supervisors, processes := make([]*site, len(all)), make([]supervisor, len(all)), make([][]int, len(all))
	for c := range all {
		sites[c] = newSite(b, h, fmt.Sprintf("some%d", c), someServices)
		supervisors[c] = all[c].prepare(b, h)
		started(b, supervisors[c], sites[c])
	}
	time.Sleep(5 * time.Second) // what the start leaves to be done
	for c := range all {
		processes[c] = processesBelow(b, supervisors[c].top(b))
		of[c].remember(b, c, processes[c])
	}
	for c := range all {
		of[c].wakeups = -wakeups(b, processes[c])
	}
	time.Sleep(time.Minute)
	for c := range all {
		of[c].wakeups += wakeups(b, processes[c])
	}
	for i := range someServices {
		for c := range all {
			of[c].latency = append(of[c].latency, sites[c].restarted(b, i))
		}
	}
	for c := range all {
		stopped(b, supervisors[c], sites[c])
	}
	return of
}

// withMany starts and stops each of them alone, in turns.
func withMany(b *testing.B, h *host.Host, all []competitor) []measured {
	b.Helper()
	of := make([]measured, len(all))
	for range startRounds {
		for c := range all {
			s, v := newSite(b, h, fmt.Sprintf("many%d", c), manyServices), all[c].prepare(b, h)
			of[c].start = append(of[c].start, started(b, v, s))
			time.Sleep(2 * time.Second) // a start that is over
			of[c].remember(b, c, processesBelow(b, v.top(b)))
			of[c].stop = append(of[c].stop, stopped(b, v, s))
		}
	}
	return of
}
