package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

func init() {
	// riot MILLISECONDS: forks, binds, signals and reads, whatever comes of
	// it; how many children ran.
	verb("riot", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		children := 0
		for end := time.Now().Add(time.Duration(n[0]) * time.Millisecond); time.Now().Before(end); {
			if pid, err := spawn("exit"); err == nil {
				for {
					if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
						break
					}
				}
				children++
			}
			for range 10 {
				s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
				if err != nil {
					continue
				}
				_ = unix.Bind(s, &unix.SockaddrInet4{Port: 7700 + rand.IntN(60)})
				unix.Close(s)
				_ = unix.Kill(os.Getppid(), 0)
			}
		}
		return strconv.Itoa(children), nil
	})
}

// stress is what the workers of TestConcurrency share.
type stress struct {
	testing.TB
	root string
	stop atomic.Bool
	mu   sync.Mutex
	live []secmodel.ID
	dead map[secmodel.ID]bool // destroyed
	done map[string]int
}

func (s *stress) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[what]++
}

// lacks is what has not been done yet, as a slow machine takes its time.
func (s *stress) lacks() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, what := range []string{"create", "set", "kill", "destroy", "enter", "riot", "read"} {
		if s.done[what] == 0 {
			return what
		}
	}
	return ""
}

// any is a jail that lives, or has lived a moment ago; 0 for none.
func (s *stress) any() secmodel.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.live) == 0 {
		return 0
	}
	return s.live[rand.IntN(len(s.live))]
}

// wrong fails the test if err is none of those that may come.
func (s *stress) wrong(what string, err error, may ...error) {
	for _, e := range may {
		if errors.Is(err, e) {
			s.count(what + ", refused")
			return
		}
	}
	if err == nil {
		s.count(what)
		return
	}
	s.stop.Store(true)
	s.Errorf("%s: %v", what, err)
}

func (s *stress) ports() []secmodel.PortRange {
	var all []secmodel.PortRange
	for range rand.IntN(3) {
		first := uint16(7700 + rand.IntN(50))
		all = append(all, secmodel.PortRange{Protocol: []secmodel.Protocol{0, 6, 17}[rand.IntN(3)], First: first, Last: first + uint16(rand.IntN(5))})
	}
	return all
}

func (s *stress) create(c *secmodel.Client) {
	id, err := c.Create(fmt.Sprintf("stress%d", rand.IntN(5)), s.root, secmodel.Config{Ports: s.ports(), Processes: uint32(rand.IntN(20)), Observe: rand.IntN(2) == 0})
	s.wrong("create", err, secmodel.ErrExists, secmodel.ErrPortTaken)
	if err == nil {
		s.mu.Lock()
		s.live = append(s.live, id)
		s.mu.Unlock()
	}
	time.Sleep(20 * time.Millisecond)
}

func (s *stress) set(c *secmodel.Client) {
	id := s.any()
	if id == 0 {
		time.Sleep(time.Millisecond)
		return
	}
	change := secmodel.Change{Level: pointer(secmodel.Level(rand.IntN(3))), Observe: pointer(rand.IntN(2) == 0)}
	if rand.IntN(2) == 0 {
		change = secmodel.Change{Ports: pointer(s.ports()), Strict: pointer(rand.IntN(2) == 0), Processes: pointer(uint32(rand.IntN(20)))}
	}
	s.wrong("set", c.Set(id, change), secmodel.ErrNoJail, secmodel.ErrDying, secmodel.ErrPortTaken)
	time.Sleep(5 * time.Millisecond)
}

// destroy kills a jail, mostly, and destroys it once it is empty.
func (s *stress) destroy(c *secmodel.Client) {
	time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
	id := s.any()
	if id == 0 {
		return
	}
	if rand.IntN(4) != 0 {
		signal := []unix.Signal{unix.SIGKILL, unix.SIGKILL, unix.SIGURG}[rand.IntN(3)]
		s.wrong("kill", c.Kill(id, int(signal)), secmodel.ErrNoJail, unix.EAGAIN)
		if signal == unix.SIGKILL {
			ctx, cancel := context.WithTimeout(context.Background(), replyTime)
			defer cancel()
			s.wrong("wait", c.Wait(ctx, id))
		}
	}
	err := c.Destroy(id)
	s.wrong("destroy", err, secmodel.ErrNoJail, secmodel.ErrBusy)
	if err == nil {
		s.mu.Lock()
		s.dead[id] = true
		for i, l := range s.live {
			if l == id {
				s.live = append(s.live[:i], s.live[i+1:]...)
				break
			}
		}
		s.mu.Unlock()
	}
}

func (s *stress) enter(*secmodel.Client) {
	id := s.any()
	if id == 0 {
		time.Sleep(time.Millisecond)
		return
	}
	a, got, err := launch(part{Jail: id, Entry: secmodel.Entry(rand.IntN(4))})
	if err != nil {
		// Killed in the moment between its entry and its answer.
		s.count("enter, killed")
		return
	}
	if a == nil {
		switch secmodel.Reason(got.Reason) {
		case secmodel.ReasonNoJail, secmodel.ReasonDying, secmodel.ReasonCap, secmodel.ReasonHasInit:
			s.count("enter, refused")
		default:
			s.stop.Store(true)
			s.Errorf("enter %d: reason %d (%s)", id, got.Reason, got.Error)
		}
		return
	}
	s.count("enter")
	got, err = a.ask("riot", "200")
	if err == nil && got.Value != "0" {
		s.count("riot")
	}
	a.end()
}

// hold wants what holds at any moment.
func (s *stress) hold(holds bool, format string, args ...any) {
	if !holds {
		s.stop.Store(true)
		s.Errorf(format, args...)
	}
}

// read looks at all that is, and wants what must hold at any moment.
func (s *stress) read(c *secmodel.Client, last map[secmodel.ID]secmodel.Jail) {
	dead := map[secmodel.ID]bool{}
	s.mu.Lock()
	for id := range s.dead {
		dead[id] = true
	}
	s.mu.Unlock()
	all, err := c.Jails()
	if err != nil {
		s.wrong("jails", err)
		return
	}
	names := map[string]bool{}
	for _, j := range all.Jails {
		s.hold(!dead[j.ID], "jail %d is destroyed, and listed", j.ID)
		s.hold(!names[j.Name], "two jails are named %s", j.Name)
		names[j.Name] = true
		before, known := last[j.ID]
		s.hold(!known || j.Entries >= before.Entries && j.Forks >= before.Forks && j.Exits >= before.Exits && j.Lost >= before.Lost &&
			j.User >= before.User && j.System >= before.System && j.State >= before.State,
			"jail %d: a counter falls: %+v after %+v", j.ID, j, before)
		for scope, n := range before.Denials {
			s.hold(j.Denials[scope] >= n, "jail %d: %d denials (%s) after %d", j.ID, j.Denials[scope], scope, n)
		}
		s.hold(j.Entries+j.Forks >= j.Exits+uint64(j.Processes), "jail %d: %d processes, %d entries, %d forks, %d exits", j.ID, j.Processes, j.Entries, j.Forks, j.Exits)
		last[j.ID] = j
	}
	processes, err := c.Processes()
	if err != nil {
		s.wrong("processes", err)
		return
	}
	in := map[int]secmodel.ID{}
	for _, p := range processes {
		s.hold(!dead[p.Jail], "process %d is in jail %d, which is destroyed", p.PID, p.Jail)
		other, twice := in[p.PID]
		s.hold(!twice || p.PID == 0, "process %d is in jails %d and %d", p.PID, other, p.Jail)
		in[p.PID] = p.Jail
	}
	ports, err := c.Ports()
	if err != nil {
		s.wrong("ports", err)
		return
	}
	for i, a := range ports {
		for _, b := range ports[:i] {
			if a.Jail != b.Jail && (a.Port.Protocol == 0 || b.Port.Protocol == 0 || a.Port.Protocol == b.Port.Protocol) {
				s.hold(a.Port.Last < b.Port.First || b.Port.Last < a.Port.First, "jails %d and %d have one port: %v, %v", a.Jail, b.Jail, a.Port, b.Port)
			}
		}
	}
	if _, err := c.Events(0, 0); err != nil {
		s.wrong("events", err)
	}
	s.count("read")
	time.Sleep(2 * time.Millisecond)
}

// TestConcurrency: all that a jail's life has, against one another; at each
// moment what is listed is consistent, and in the end nothing is left.
func TestConcurrency(t *testing.T) {
	need(t)
	long := 4 * time.Second
	if os.Getenv(longVariable) != "" {
		long = 2 * time.Minute
	}
	s := &stress{TB: t, root: newRoot(t), dead: map[secmodel.ID]bool{}, done: map[string]int{}}
	var wg sync.WaitGroup
	work := func(n int, do func(*secmodel.Client)) {
		for range n {
			c, err := secmodel.Open()
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				defer c.Close()
				for !s.stop.Load() {
					do(c)
				}
			})
		}
	}
	work(1, s.create)
	work(1, s.set)
	work(2, s.destroy)
	work(3, s.enter)
	for range 2 {
		last := map[secmodel.ID]secmodel.Jail{}
		work(1, func(c *secmodel.Client) { s.read(c, last) })
	}
	time.Sleep(long)
	for end := time.Now().Add(replyTime); s.lacks() != "" && !s.stop.Load() && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	s.stop.Store(true)
	wg.Wait()
	for _, id := range s.live {
		if err := (&jail{id: id}).end(); err != nil {
			t.Errorf("jail %d: %v", id, err)
		}
	}
	processes, err := model.Processes()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		check(t, !s.dead[p.Jail], "process %d of jail %d remains", p.PID, p.Jail)
	}
	check(t, s.lacks() == "", "not once: %s", s.lacks())
	t.Logf("in %v: %v", long, s.done)
}
