package conformance

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

func (j *jail) wait(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), replyTime)
	defer cancel()
	if err := model.Wait(ctx, j.id); err != nil {
		t.Fatalf("wait for jail %d: %v", j.id, err)
	}
}

func TestIdsAreNotUsedAgain(t *testing.T) {
	need(t)
	last := secmodel.ID(0)
	root := newRoot(t)
	for range 10 {
		id, err := model.Create("again", root, secmodel.Config{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, id > last, "id %d comes after %d", id, last)
		last = id
		if err := model.Destroy(id); err != nil {
			t.Fatal(err)
		}
		_, err = model.Lookup(id.String())
		check(t, errors.Is(err, secmodel.ErrNoJail), "a destroyed jail is found: %v", err)
	}
}

func TestDestroyWaitsForMembers(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	a := j.actor(t, 0)
	busy := func(when string) {
		t.Helper()
		err := model.Destroy(j.id)
		refused, ok := errors.AsType[*secmodel.Refused](err)
		check(t, ok && errors.Is(err, secmodel.ErrBusy) && refused.Detail == 1, "destroy %s: %v, want it busy with 1", when, err)
	}
	busy("with a member")
	if err := model.Kill(j.id, int(unix.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	// Nobody has waited for it: a zombie.
	eventually(t, "the member is a zombie", func() bool {
		all, err := model.Processes()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			if p.PID == a.pid {
				return p.Zombie
			}
		}
		return false
	})
	busy("with a zombie")
	check(t, j.record(t).State == secmodel.Dying, "a killed jail's state is %d", j.record(t).State)
	a.end()
	if err := model.Destroy(j.id); err != nil {
		check(t, false, "destroy without members: %v", err)
	}
}

// TestKillReachesDaemons: what has left its session and its parent is a member
// still.
func TestKillReachesDaemons(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	a := j.actor(t, 0)
	if got := a.do(t, "run", "daemon"); got.Error != "" {
		t.Fatal(got.Error)
	}
	eventually(t, "the daemon is a member", func() bool { return j.record(t).Processes == 2 })
	a.end()
	eventually(t, "the daemon outlives its maker", func() bool { return j.record(t).Processes == 1 })
	if err := model.Kill(j.id, int(unix.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	j.wait(t)
	check(t, j.record(t).Processes == 0, "members after kill: %d", j.record(t).Processes)
}

// TestKillBeatsForks: no fork slips through a kill.
func TestKillBeatsForks(t *testing.T) {
	need(t)
	for range 5 {
		j := newJail(t, secmodel.Config{Processes: 40})
		a := j.actor(t, 0)
		bomb := make(chan error, 1)
		go func() { _, err := a.ask("run", "bomb"); bomb <- err }()
		eventually(t, "the bomb goes off", func() bool { return j.record(t).Processes > 20 })
		if err := model.Kill(j.id, int(unix.SIGKILL)); err != nil {
			t.Fatal(err)
		}
		<-bomb
		a.end()
		j.wait(t)
		check(t, j.record(t).Processes == 0, "members after kill: %d", j.record(t).Processes)
		if err := model.Destroy(j.id); err != nil {
			check(t, false, "destroy: %v", err)
		}
	}
}

// TestDestroyAfterWait: who was waited for keeps no jail, not even between its
// last moment as a process and its first as a zombie.
func TestDestroyAfterWait(t *testing.T) {
	need(t)
	for range 25 {
		j := newJail(t, secmodel.Config{})
		a := j.actor(t, 0)
		if got := a.do(t, "spawn", "5"); got.Error != "" {
			t.Fatal(got.Error)
		}
		if err := model.Kill(j.id, int(unix.SIGKILL)); err != nil {
			t.Fatal(err)
		}
		go a.end()
		j.wait(t)
		err := model.Destroy(j.id)
		check(t, err == nil, "destroy after wait: %v", err)
		a.end()
	}
}

func TestDyingJailsMayNothing(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{Level: secmodel.Low, Allow: words(t)})
	a := j.actor(t, 0)
	if err := model.Kill(j.id, int(unix.SIGURG)); err != nil {
		t.Fatal(err)
	}
	got := a.do(t, "attempt", "fork")
	check(t, got.Error != "", "a process of a dying jail has forked")
	got = binds(t, a, "tcp", "127.0.0.1", 7600)
	check(t, got.Error != "", "a process of a dying jail has bound a port")
	got = a.do(t, "kill", strconv.Itoa(a.pid), "0")
	t.Logf("a process of a dying jail signals itself: %s", got)
}

// TestEnterAgainstDestroy: who enters while the jail is killed and destroyed
// is in, and killed, or out; never in a jail that is not.
func TestEnterAgainstDestroy(t *testing.T) {
	need(t)
	root := newRoot(t)
	for i := range 15 {
		id, err := model.Create("fleeting", root, secmodel.Config{})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				a, got, err := launch(part{Jail: id})
				switch {
				case a != nil:
					// It is in: killed with the jail.
					a.end()
				case err == nil && got.Reason != int(secmodel.ReasonDying) && got.Reason != int(secmodel.ReasonNoJail):
					check(t, false, "entering as the jail goes: reason %d (%s)", got.Reason, got.Error)
				}
			})
		}
		time.Sleep(time.Duration(i) * time.Millisecond)
		if err := model.Kill(id, int(unix.SIGKILL)); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if err := model.Destroy(id); err != nil {
			check(t, false, "destroy: %v", err)
		}
		all, err := model.Processes()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			check(t, p.Jail != id, "process %d is in jail %d, which is destroyed", p.PID, id)
		}
	}
}

func TestProcessCap(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{Processes: 5})
	a := j.actor(t, 0)
	before := j.record(t).Denials["fork"]
	got := a.do(t, "spawn", "20")
	pids := strings.Fields(got.Value)
	check(t, len(pids) == 4 && got.errno() == unix.EAGAIN, "of 20 forks at once %d succeed (%s), want 4 and EAGAIN", len(pids), got.Error)
	check(t, j.record(t).Processes == 5, "processes %d, want 5", j.record(t).Processes)
	check(t, j.record(t).Denials["fork"]-before >= 16, "refused forks counted: %d, want 16 at least", j.record(t).Denials["fork"]-before)
	_, entered, err := launch(part{Jail: j.id})
	check(t, err == nil && entered.Reason == int(secmodel.ReasonCap), "entering a full jail: reason %d (%s) %v", entered.Reason, entered.Error, err)
	if got := a.do(t, "reap", pids[0]); got.Error != "" {
		t.Fatal(got.Error)
	}
	got = a.do(t, "spawn", "2")
	check(t, len(strings.Fields(got.Value)) == 1, "after one exit %q succeed, want one (%s)", got.Value, got.Error)
	if err := model.Set(j.id, secmodel.Change{Processes: pointer(uint32(7))}); err != nil {
		t.Fatal(err)
	}
	got = a.do(t, "spawn", "5")
	check(t, len(strings.Fields(got.Value)) == 2, "with a cap of 7 %q more succeed, want two (%s)", got.Value, got.Error)
	if err := model.Set(j.id, secmodel.Change{Processes: pointer(uint32(1))}); err != nil {
		t.Fatal(err)
	}
	check(t, j.record(t).Processes == 7, "a lower cap has changed what is: %d processes", j.record(t).Processes)
	got = a.do(t, "spawn", "1")
	check(t, got.Value == "", "a fork above a lowered cap succeeds: %s", got.Value)
}

// TestTheDeadHaveTheirPlace: who has ended counts until it is reaped, so that
// a jail with a limit can't fill the host's table of processes.
func TestTheDeadHaveTheirPlace(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{Processes: 5})
	a := j.actor(t, 0)
	pids := strings.Fields(a.do(t, "spawn", "4").Value)
	check(t, len(pids) == 4, "%d forks succeed, want 4", len(pids))
	for _, pid := range pids {
		must(t, a.do(t, "kill", pid, strconv.Itoa(int(unix.SIGKILL))))
	}
	eventually(t, "one is alive", func() bool { return j.record(t).Processes == 1 })
	got := a.do(t, "spawn", "1")
	check(t, got.Value == "" && got.errno() == unix.EAGAIN, "beside 4 zombies: %q %s, want EAGAIN", got.Value, got)
	_, entered, err := launch(part{Jail: j.id})
	check(t, err == nil && entered.Reason == int(secmodel.ReasonCap), "entering: reason %d (%s) %v", entered.Reason, entered.Error, err)
	must(t, a.do(t, "reap", pids[0], pids[1]))
	got = a.do(t, "spawn", "4")
	check(t, len(strings.Fields(got.Value)) == 2, "two are reaped, and %q succeed, want two (%s)", got.Value, got.Error)
}

// initProtected are the attempts that nobody in a jail may make at its init.
var initProtected = map[string]bool{
	"kill 0": true, "kill URG": true, "killpg": true, "ptrace": true, "ktrace": true, "procfs write": true, "procfs write only": true,
	"process_vm_writev": true, "pidfd_send_signal": true, "tgkill": true, "tkill": true, "rt_sigqueueinfo": true, "process_vm_readv": true,
	"pidfd_getfd": true, "procfs read": true, "kern.proc_args argv": true, "kern.proc_args env": true, "proc.N.corename": true,
	"proc.N.rlimit": true,
}

// TestInitIsProtected: from inside, root too, init can't be touched.
func TestInitIsProtected(t *testing.T) {
	need(t)
	for name, level := range levels {
		j := newJail(t, secmodel.Config{Level: level, Allow: words(t)})
		init := start(t, part{Jail: j.id, Entry: secmodel.EnterInit})
		pid := strconv.Itoa(init.pid)
		for who, uid := range uids {
			a := j.actor(t, uid)
			for _, signal := range []unix.Signal{unix.SIGKILL, unix.SIGTERM, unix.SIGSTOP, unix.SIGURG} {
				got := a.do(t, "kill", pid, strconv.Itoa(int(signal)))
				check(t, got.errno() == unix.EPERM, "%s: %s sends init %v: %s, want EPERM", name, who, signal, got)
				got = a.do(t, "kill", "-"+pid, strconv.Itoa(int(signal)))
				check(t, got.Error != "", "%s: %s sends init's group %v: %s", name, who, signal, got)
			}
			for _, at := range attempts {
				if !initProtected[at.name] {
					continue
				}
				got := a.do(t, "attempt", at.name, pid)
				check(t, got.Error != "", "%s: %s: %s at init goes", name, who, at.name)
			}
			if who == "root" {
				// Everyone: all but init and itself.
				got := a.do(t, "kill", "-1", strconv.Itoa(int(unix.SIGURG)))
				t.Logf("%s: kill everyone: %s", name, got)
			}
		}
		got := init.do(t, "pid")
		check(t, got.Value == pid, "init does not answer: %s", got.Error)
		if err := unix.Kill(init.pid, 0); err != nil {
			check(t, false, "the host's root can't signal init: %v", err)
		}
	}
}

// TestKillEveryone: kill(-1) from a jail reaches its own processes only.
func TestKillEveryone(t *testing.T) {
	need(t)
	j, k := newJail(t, secmodel.Config{}), newJail(t, secmodel.Config{})
	a, fellow := j.actor(t, 0), j.actor(t, 0)
	init := start(t, part{Jail: j.id, Entry: secmodel.EnterInit})
	others := []*actor{k.actor(t, 0), k.actor(t, user), start(t, part{}), start(t, part{UID: user}), init}
	if got := a.do(t, "kill", "-1", strconv.Itoa(int(unix.SIGKILL))); got.Error != "" {
		check(t, false, "kill -1: %s", got.Error)
	}
	for _, o := range others {
		_, err := o.ask("pid")
		check(t, err == nil, "%+v did not survive another jail's kill -1: %v", o.part, err)
	}
	if _, err := fellow.ask("pid"); err == nil {
		check(t, false, "a process of the jail survived its jail's kill -1")
	}
	if _, err := a.ask("pid"); err != nil {
		check(t, false, "who sent it is no more: %v", err)
	}
}

func TestKillSendsTheSignal(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	a := j.actor(t, user)
	for _, bad := range []int{-1, 1000} {
		check(t, model.Kill(j.id, bad) != nil, "signal %d is taken", bad)
	}
	check(t, j.record(t).State == secmodel.Active, "a refused kill makes the state %d", j.record(t).State)
	if err := model.Kill(j.id, int(unix.SIGTERM)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.cmd.Wait() }()
	select {
	case err := <-ended:
		check(t, err != nil, "the member ended well")
	case <-time.After(replyTime):
		check(t, false, "the member goes on")
	}
}
