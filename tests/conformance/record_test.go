package conformance

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// TestOwnRecordOnly: a process in a jail reads its own jail's record, and
// nothing of others, however old its connection is.
func TestOwnRecordOnly(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{Ports: berths})
	k := newJail(t, secmodel.Config{Ports: []secmodel.PortRange{{First: 7800, Last: 7801}}})
	k.actor(t, 0)
	for who, uid := range uids {
		a := start(t, part{Jail: j.id, UID: uid, Known: true})
		s, err := fromJSON[secmodel.Snapshot](a.do(t, "jails"))
		check(t, err == nil && len(s.Jails) == 1 && s.Jails[0].ID == j.id, "jailed %s reads %+v %v, want jail %d only", who, s.Jails, err, j.id)
		check(t, s.Generation == 0, "jailed %s reads that %d jails have come, changed and gone", who, s.Generation)
		processes, err := fromJSON[[]secmodel.Process](a.do(t, "processes"))
		found := false
		for _, p := range processes {
			found = found || p.PID == a.pid
			check(t, p.Jail == j.id, "jailed %s reads of process %d in jail %d", who, p.PID, p.Jail)
		}
		check(t, err == nil && found, "jailed %s does not find itself: %v %v", who, processes, err)
		ports, err := fromJSON[[]secmodel.PortOwner](a.do(t, "ports"))
		check(t, err == nil && len(ports) == len(berths), "jailed %s reads %d ports of its own, want %d: %v", who, len(ports), len(berths), err)
		for _, p := range ports {
			check(t, p.Jail == j.id, "jailed %s reads of port %v of jail %d", who, p.Port, p.Jail)
		}
	}
	// The host's users read names and counters, not more.
	a := start(t, part{UID: user})
	s, err := fromJSON[secmodel.Snapshot](a.do(t, "jails"))
	check(t, err == nil, "host user reads jails: %v", err)
	seen := map[secmodel.ID]bool{}
	for _, r := range s.Jails {
		seen[r.ID] = r.Name != ""
		check(t, r.Root == "" && r.NPorts == 0 && fmt.Sprintf("%v", r.Config) == fmt.Sprintf("%v", secmodel.Config{}), "host user reads %+v", r)
	}
	check(t, seen[j.id] && seen[k.id], "host user does not read of all jails: %v", seen)
	processes, err := fromJSON[[]secmodel.Process](a.do(t, "processes"))
	check(t, err == nil && len(processes) == 0, "host user reads of %d processes in jails (%v)", len(processes), err)
	ports, err := fromJSON[[]secmodel.PortOwner](a.do(t, "ports"))
	check(t, err == nil && len(ports) == 0, "host user reads of %d ports of jails (%v)", len(ports), err)
}

func TestRecord(t *testing.T) {
	need(t)
	begin := time.Now().Add(-2 * time.Second)
	c := secmodel.Config{Level: secmodel.Medium, Allow: []string{"nice"}, Deny: []string{"chroot"}, Strict: true, Processes: 50,
		Limits: []secmodel.Limit{{Resource: 8, Soft: 100, Hard: 200}}}
	j := newJail(t, c)
	r := j.record(t)
	check(t, r.Name == j.name && r.Root == j.root && r.State == secmodel.Active && r.Processes == 0, "a new jail's record: %+v", r)
	check(t, fmt.Sprint(r.Config) == fmt.Sprint(c), "its configuration: %+v, want %+v", r.Config, c)
	check(t, r.Created.After(begin) && r.Created.Before(time.Now().Add(2*time.Second)), "created at %v", r.Created)
	a := j.actor(t, user)
	r = j.record(t)
	check(t, r.Processes == 1 && r.Threads >= 1 && r.Resident > 0 && r.Virtual >= r.Resident && r.Entries == 1 && r.Oldest.After(begin), "with one process: %+v", r)
	all, err := model.Processes()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.PID == a.pid {
			check(t, p.Jail == j.id && p.UID == user && !p.Init && !p.Zombie && p.Threads >= 1 && p.Command != "", "the process: %+v", p)
			return
		}
	}
	check(t, false, "process %d is not listed", a.pid)
}

// TestCountersOnlyGrow: not a tick is lost when a process ends, and no reader
// ever sees less than before.
func TestCountersOnlyGrow(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	a := j.actor(t, 0)
	var (
		wg   sync.WaitGroup
		stop = make(chan struct{})
	)
	wg.Go(func() {
		last := j.record(t)
		for {
			select {
			case <-stop:
				return
			default:
			}
			r := j.record(t)
			if r.User+r.System < last.User+last.System || r.Forks < last.Forks || r.Exits < last.Exits || r.Entries < last.Entries {
				check(t, false, "a counter fell: %+v, then %+v", last, r)
			}
			last = r
		}
	})
	const burns = 4
	for range burns {
		if got := a.do(t, "run", "burn"); got.Error != "" {
			t.Error(got.Error)
		}
	}
	close(stop)
	wg.Wait()
	r := j.record(t)
	check(t, r.Forks >= burns && r.Exits >= burns && r.Exits <= r.Forks, "forks %d, exits %d, want %d", r.Forks, r.Exits, burns)
	used := r.User + r.System
	check(t, used >= burns*150*time.Millisecond, "%d children of 250 ms have used %v, all ended", burns, used)
	a.end()
	eventually(t, "the jail is empty", func() bool { return j.record(t).Processes == 0 })
	after := j.record(t)
	check(t, after.User+after.System >= used && after.Exits == r.Exits+1, "the last exit lost something: %+v, then %+v", r, after)
}

// TestCountersMissNothing: each life counts once, however short, and whoever
// looks meanwhile; and no look finds more of them than there can be.
func TestCountersMissNothing(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	actors := []*actor{j.actor(t, 0), j.actor(t, 0), j.actor(t, 0)}
	before := j.record(t)
	var readers, makers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			c, err := secmodel.Open()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			last := before
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, err := c.Lookup(j.id.String())
				if err != nil {
					t.Error(err)
					return
				}
				if r.Forks < last.Forks || r.Exits < last.Exits || r.User+r.System < last.User+last.System {
					check(t, false, "a counter fell: %+v, then %+v", last, r)
				}
				if uint64(r.Processes) > r.Entries+r.Forks-r.Exits {
					check(t, false, "%d processes, of %d that entered, %d forked and %d ended", r.Processes, r.Entries, r.Forks, r.Exits)
				}
				last = r
			}
		})
	}
	const rounds, together = 4, 6
	want := before.Forks
	for i, a := range actors {
		// Programs, daemons that end at once, and forks without a program.
		role := []string{"exit", "twice", "fork"}[i]
		want += rounds * together * []uint64{1, 2, 1}[i]
		makers.Go(func() {
			for range rounds {
				got, err := a.ask("lives", role, strconv.Itoa(together))
				check(t, err == nil && got.Error == "", "lives of %s: %v %s", role, err, got.Error)
			}
		})
	}
	makers.Wait()
	all := eventually(t, "the short lives are over", func() bool { return j.record(t).Processes == len(actors) })
	close(stop)
	readers.Wait()
	r := j.record(t)
	check(t, all && r.Forks == want && r.Exits-before.Exits == want-before.Forks && r.Entries == before.Entries,
		"%d short lives count %d forks, %d exits", want-before.Forks, r.Forks-before.Forks, r.Exits-before.Exits)
}

func init() {
	// lives ROLE N: N at the same time, waited for; their children are not.
	verb("lives", func(args []string) (string, error) {
		n, err := numbers(args[1:])
		if err != nil {
			return "", err
		}
		errs := make(chan error, n[0])
		for range n[0] {
			go func() {
				pid, err := 0, error(nil)
				if args[0] == "fork" {
					syscall.ForkLock.Lock()
					pid, err = clone(0)
					syscall.ForkLock.Unlock()
					if err == nil {
						err = unix.Kill(pid, unix.SIGKILL)
					}
				} else {
					pid, err = spawn(args[0])
				}
				for err == nil {
					if _, err = syscall.Wait4(pid, nil, 0, nil); err == nil {
						break
					} else if err == syscall.EINTR {
						err = nil
					}
				}
				errs <- err
			}()
		}
		for range n[0] {
			err = errors.Join(err, <-errs)
		}
		return "", err
	})
	// twice leaves a child that ends at once, and no parent.
	roles["twice"] = func() {
		if _, err := spawnAs("exit", true); err != nil {
			os.Exit(1)
		}
	}
}

func TestDenialsAreEachJails(t *testing.T) {
	need(t)
	high := secmodel.Config{Level: secmodel.High}
	j, k := newJail(t, high), newJail(t, high)
	a := j.actor(t, 0)
	k.actor(t, 0)
	mine, theirs := j.record(t).Denials, k.record(t).Denials
	const tries = 10
	for range tries {
		a.do(t, "attempt", "chroot")
	}
	grown := growth(mine, j.record(t).Denials)
	check(t, grown["system"] == tries && len(grown) == 1, "%d refused chroots count %v", tries, grown)
	grown = growth(theirs, k.record(t).Denials)
	check(t, len(grown) == 0, "another jail's refused chroots count %v here", grown)
}

// TestSnapshotsAreWhole: whatever goes on, a snapshot is of one moment.
func TestSnapshotsAreWhole(t *testing.T) {
	need(t)
	root := newRoot(t)
	stay := newJail(t, secmodel.Config{})
	stay.actor(t, 0)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	defer wg.Wait()
	defer close(stop)
	for i := range 2 {
		wg.Go(func() {
			c, err := secmodel.Open()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for {
				select {
				case <-stop:
					return
				default:
				}
				id, err := c.Create(fmt.Sprintf("come-and-go%d", i), root, secmodel.Config{})
				if err == nil {
					err = c.Kill(id, int(unix.SIGKILL))
				}
				if err == nil {
					err = c.Destroy(id)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var last secmodel.Snapshot
	for range 300 {
		s, err := model.Jails()
		if err != nil {
			t.Fatal(err)
		}
		here := false
		for i, j := range s.Jails {
			if i > 0 && s.Jails[i-1].ID >= j.ID {
				check(t, false, "ids are not in order: %d, %d", s.Jails[i-1].ID, j.ID)
			}
			if j.State != secmodel.Active && j.State != secmodel.Dying || j.Name == "" {
				check(t, false, "a jail that is not made yet: %+v", j)
			}
			here = here || j.ID == stay.id && j.Processes == 1
		}
		if !here || s.Generation < last.Generation || s.Uptime < last.Uptime {
			check(t, false, "generation %d, uptime %v, after %d, %v; the lasting jail is there: %v", s.Generation, s.Uptime, last.Generation, last.Uptime, here)
		}
		last = s
	}
	check(t, true, "")
}
