package conformance

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// What others have got wrong, each as someone would use it who is root in a
// jail, or nobody on the host. tests/mutation breaks the model in each of these
// ways, and wants to see the tests of this package fail.

func init() {
	// bind-again PORT PORT: with one socket and one thread, a port of which
	// nothing may come, and then another, which counts.
	verb("bind-again", func(args []string) (string, error) {
		ports, err := numbers(args)
		if err != nil {
			return "", err
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return "", fmt.Errorf("socket: %v", err)
		}
		defer unix.Close(s)
		if err := unix.Bind(s, &unix.SockaddrInet4{Port: ports[0]}); err == nil {
			return "", fmt.Errorf("port %d is bound", ports[0])
		}
		return "", unix.Bind(s, &unix.SockaddrInet4{Port: ports[1]})
	})
	// enter-often N ID...: N threads at the same time into each jail; how
	// many are told that they have entered.
	verb("enter-often", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		clients := make([]*secmodel.Client, n[0]*len(n[1:]))
		for i := range clients {
			if clients[i], err = secmodel.Open(); err != nil {
				return "", err
			}
		}
		var (
			wg    sync.WaitGroup
			mu    sync.Mutex
			count int
			told  []error
			begin = make(chan struct{})
		)
		for i, c := range clients {
			wg.Go(func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				<-begin
				err := c.Enter(secmodel.ID(n[1+i%len(n[1:])]), 0)
				mu.Lock()
				defer mu.Unlock()
				if told = append(told, err); err == nil {
					count++
				}
			})
		}
		close(begin)
		wg.Wait()
		if count == 0 {
			return "0", errors.Join(told...)
		}
		return strconv.Itoa(count), nil
	})
}

// TestFailedChoice: a choice of the kernel's that has come to nothing gives no
// right to choose oneself.
func TestFailedChoice(t *testing.T) {
	need(t)
	for name, level := range levels {
		t.Run(name, func(t *testing.T) {
			j := newJail(t, secmodel.Config{Level: level, Strict: true, Ports: berths})
			for who, uid := range uids {
				got := j.actor(t, uid).do(t, "bind-again", "0", "7650")
				check(t, got.errno() == unix.EACCES, "strictly jailed %s binds 7650 after a refused choice: %s (%s), want EACCES", who, got, got.Error)
			}
		})
	}
	newJail(t, secmodel.Config{Ports: []secmodel.PortRange{{First: 7660, Last: 7660}}})
	got := newJail(t, secmodel.Config{}).actor(t, 0).do(t, "bind-again", "7660", "7660")
	check(t, got.errno() == unix.EACCES, "another jail's port at the second try: %s, want EACCES", got)
}

// TestEnteringOnce: of threads that enter at the same moment one does, and
// makes the process a member; the others are in a jail then.
func TestEnteringOnce(t *testing.T) {
	need(t)
	for range 5 {
		j := newJail(t, secmodel.Config{})
		a := start(t, part{})
		got := a.do(t, "enter-often", "4", j.id.String())
		r := j.record(t)
		check(t, got.Value == "1" && r.Processes == 1 && r.Entries == 1, "of four threads %q enter (%s); the record: %d processes, %d entries, want one", got.Value, got.Error, r.Processes, r.Entries)
		a.end()
		eventually(t, "the jail is empty", func() bool { return j.record(t).Processes == 0 })
	}
}

// TestEnteringOneOfTwo: of threads that enter two jails at the same moment one
// decides where the process is, with its root and its rules.
func TestEnteringOneOfTwo(t *testing.T) {
	need(t)
	for range 5 {
		both := []*jail{newJail(t, secmodel.Config{}), newJail(t, secmodel.Config{})}
		for _, j := range both {
			if err := os.WriteFile(filepath.Join(j.root, "tmp/which"), []byte(j.name), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		a := start(t, part{})
		got := a.do(t, "enter-often", "2", both[0].id.String(), both[1].id.String())
		first, second := both[0].record(t), both[1].record(t)
		check(t, got.Value == "1" && first.Processes+second.Processes == 1 && first.Entries+second.Entries == 1,
			"of four threads %q enter (%s); the records: %d and %d processes, %d and %d entries, want one", got.Value, got.Error, first.Processes, second.Processes, first.Entries, second.Entries)
		in := first
		if second.Processes == 1 {
			in = second
		}
		got = a.do(t, "read", "/tmp/which")
		check(t, got.Value == in.Name, "in jail %s the root is that of %q (%s)", in.Name, got.Value, got.Error)
		a.end()
		eventually(t, "both are empty", func() bool { return both[0].record(t).Processes+both[1].record(t).Processes == 0 })
	}
}

// TestNiceByUser: who makes all processes of a user nicer does so in the own
// jail only, whoever has the number elsewhere.
func TestNiceByUser(t *testing.T) {
	need(t)
	for who, uid := range uids {
		j := newJail(t, secmodel.Config{Allow: []string{"nice"}})
		a, fellow := j.actor(t, uid), j.actor(t, uid)
		others := map[string]*actor{"the host": start(t, part{UID: uid, Observe: true}), "another jail": newJail(t, secmodel.Config{}).actor(t, uid)}
		before := map[string]string{}
		for name, o := range others {
			before[name] = o.do(t, "priority").Value
		}
		was := fellow.do(t, "priority")
		got := a.do(t, "renice-user", strconv.Itoa(uid), "3")
		after := fellow.do(t, "priority")
		t.Logf("%s: %s; a fellow's priority was %s and is %s", who, got, was.Value, after.Value)
		for name, o := range others {
			now := o.do(t, "priority")
			check(t, now.Error == "" && now.Value == before[name], "jailed %s has changed the priority of the same user of %s from %s to %s (%s)", who, name, before[name], now.Value, now.Error)
		}
	}
}

// TestHostUsersAreKeptOut: the same number on the host is someone else.
func TestHostUsersAreKeptOut(t *testing.T) {
	need(t)
	needUser(t)
	rules := table(t)
	j := newJail(t, secmodel.Config{Level: secmodel.Low})
	target := j.actor(t, user)
	outside, root := start(t, part{Observe: true, UID: user}), start(t, part{Observe: true})
	tried := 0
	for i := range attempts {
		a := &attempts[i]
		if !a.targets || a.spoils || a.impossible() != "" || rules[a.rules[0]].Verdict[secmodel.Low] != secmodel.Own {
			continue
		}
		tried++
		got := outside.do(t, "attempt", a.name, strconv.Itoa(target.pid))
		check(t, got.Error != "", "a user of the host: %s at a jailed process of the same number goes", a.name)
	}
	check(t, tried >= 3, "only %d attempts tried", tried)
	got := root.do(t, "kill", strconv.Itoa(target.pid), "0")
	check(t, got.Error == "", "the host's root may not signal a jailed process: %s", got)
}

// TestReadersTakeNothing: counters are there for the next reader too, whoever
// read them, and one jail's noise does not hide another's.
func TestReadersTakeNothing(t *testing.T) {
	need(t)
	high := secmodel.Config{Level: secmodel.High}
	j, noisy := newJail(t, high), newJail(t, high)
	a, b := j.actor(t, 0), noisy.actor(t, 0)
	a.do(t, "attempt", "chroot")
	if got := a.do(t, "run", "burn"); got.Error != "" {
		t.Fatal(got.Error)
	}
	first := j.record(t)
	check(t, first.Denials["system"] == 1, "one refused chroot counts %v", first.Denials)
	for range 20 {
		b.do(t, "attempt", "chroot")
	}
	inside := start(t, part{Jail: j.id, Known: true})
	for range 3 {
		inside.do(t, "jails")
		r := j.record(t)
		check(t, maps.Equal(r.Denials, first.Denials) && r.User+r.System >= first.User+first.System && r.Forks >= first.Forks && r.Exits >= first.Exits,
			"after reading: denials %v, were %v; %v and %v of processor time, were %v and %v", r.Denials, first.Denials, r.User, r.System, first.User, first.System)
	}
}

// TestShortLives: what ends between two looks is counted, and so is its time.
func TestShortLives(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	a := j.actor(t, 0)
	before := j.record(t)
	const lives = 20
	for range lives {
		if got := a.do(t, "run", "exit"); got.Error != "" {
			t.Fatal(got.Error)
		}
	}
	r := j.record(t)
	check(t, r.Forks-before.Forks == lives && r.Exits-before.Exits == lives, "%d short lives count %d forks, %d exits", lives, r.Forks-before.Forks, r.Exits-before.Exits)
}

// TestWhatServicesNeed: no level is so strict that nothing runs in it.
func TestWhatServicesNeed(t *testing.T) {
	need(t)
	for name, level := range levels {
		a := newJail(t, secmodel.Config{Level: level}).actor(t, 0)
		for _, what := range []string{"open-null", "open-file", "open-tcp", "open-local"} {
			if missing["null"] != "" && what == "open-null" {
				continue
			}
			got := a.do(t, what)
			check(t, got.Error == "" || what == "open-file" && got.errno() == unix.ENOENT, "%s: jailed root: %s: %s", name, what, got.Error)
		}
		got := a.do(t, "bind", "tcp", "127.0.0.1", "7670", "listening")
		check(t, got.Error == "", "%s: jailed root serves at 7670: %s", name, got.Error)
		a.do(t, "close")
		if got = a.do(t, "run", "exit"); got.Error != "" {
			check(t, false, "%s: jailed root runs a program: %s", name, got.Error)
		}
		got = a.do(t, "attempt", "chroot")
		check(t, (got.Error == "") == (level != secmodel.High), "%s: jailed root changes its root: %s", name, got)
	}
	got := newJail(t, secmodel.Config{Level: secmodel.High, Allow: []string{"chroot"}}).actor(t, 0).do(t, "attempt", "chroot")
	check(t, got.Error == "", "high, chroot allowed: jailed root changes its root: %s", got)
}

// TestDestroyedJailsLeaveNothing: neither their name nor their ports are taken.
func TestDestroyedJailsLeaveNothing(t *testing.T) {
	need(t)
	const port = 7680
	config := secmodel.Config{Ports: []secmodel.PortRange{{First: port, Last: port}}}
	first := newJail(t, config)
	a := first.actor(t, 0)
	if got := a.do(t, "bind", "tcp", "0.0.0.0", strconv.Itoa(port), "listening"); got.Error != "" {
		t.Fatal(got.Error)
	}
	if err := model.Kill(first.id, int(unix.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	a.end()
	first.wait(t)
	if err := model.Destroy(first.id); err != nil {
		t.Fatal(err)
	}
	host := start(t, part{Observe: true})
	got := binds(t, host, "tcp", "127.0.0.1", port, "reuse")
	check(t, got.Error == "", "a destroyed jail's port is still kept from the host: %s", got)
	host.end()
	// Who has it now can't be known from the one before.
	id, err := model.Create(first.name, first.root, config)
	if !check(t, err == nil && id != first.id, "the same jail again: id %d after %d, %v", id, first.id, err) {
		return
	}
	second := &jail{id: id, name: first.name, root: first.root}
	defer func() {
		if err := second.end(); err != nil {
			t.Error(err)
		}
	}()
	b := second.actor(t, 0)
	got = b.do(t, "bind", "tcp", "0.0.0.0", strconv.Itoa(port), "reuse")
	check(t, got.Error == "", "the same jail again may not bind its port: %s", got)
	b.end()
}

// TestServerRestarts: a server's last connections, which nobody has open any
// more, do not keep its port from the jail that comes after.
func TestServerRestarts(t *testing.T) {
	need(t)
	const port = 7690
	config := secmodel.Config{Ports: []secmodel.PortRange{{First: port, Last: port}}}
	for _, how := range []string{"closes first", "is killed"} {
		t.Run(how, func(t *testing.T) {
			j := newJail(t, config)
			server, client := j.actor(t, 0), start(t, part{Observe: true})
			if got := server.do(t, "bind", "tcp", "127.0.0.1", strconv.Itoa(port), "listening", "reuse"); got.Error != "" {
				t.Fatal(got.Error)
			}
			for n := range 3 {
				t.Log("connection", n)
				if got := client.do(t, "connect", strconv.Itoa(port)); got.Error != "" {
					t.Fatal(got.Error)
				}
				if got := server.do(t, "accept"); got.Error != "" {
					t.Fatal(got.Error)
				}
			}
			if how == "closes first" {
				server.do(t, "close")
				client.do(t, "close")
			}
			if err := model.Kill(j.id, int(unix.SIGKILL)); err != nil {
				t.Fatal(err)
			}
			server.end()
			j.wait(t)
			if err := model.Destroy(j.id); err != nil {
				t.Fatal(err)
			}
			next := newJail(t, config)
			got := next.actor(t, 0).do(t, "bind", "tcp", "127.0.0.1", strconv.Itoa(port), "listening", "reuse")
			check(t, got.Error == "", "the next server binds: %s", got.Error)
		})
	}
}

// TestEntryAgainstKill: who enters while the jail is killed, and destroyed at
// once, is killed with it, or is told that it is gone. Nobody lives on, in a
// jail that is not.
func TestEntryAgainstKill(t *testing.T) {
	need(t)
	root := newRoot(t)
	for i := range 15 {
		id, err := model.Create("brief", root, secmodel.Config{})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				a, got, err := launch(part{Jail: id})
				if a == nil {
					gone := got.Reason == int(secmodel.ReasonDying) || got.Reason == int(secmodel.ReasonNoJail)
					check(t, err != nil || gone, "entering as the jail goes: reason %d (%s)", got.Reason, got.Error)
					return
				}
				ended := make(chan error, 1)
				go func() { ended <- a.cmd.Wait() }()
				select {
				case <-ended:
				case <-time.After(replyTime):
					check(t, false, "process %d is in, and lives on", a.pid)
				}
				a.end()
			})
		}
		time.Sleep(time.Duration(4*i) * time.Millisecond) // from before their entry until after it
		err = model.Kill(id, int(unix.SIGKILL))
		for end := time.Now().Add(replyTime); err == nil && time.Now().Before(end); time.Sleep(time.Millisecond) {
			if err = model.Destroy(id); errors.Is(err, secmodel.ErrBusy) {
				err = nil
				continue
			}
			break
		}
		wg.Wait()
		if err == nil {
			_, err = model.Lookup(id.String())
		}
		check(t, errors.Is(err, secmodel.ErrNoJail), "kill and destroy: %v", err)
		if t.Failed() {
			// hostkern is no more, maybe, or has the jail still.
			_ = (&jail{id: id}).end()
			return
		}
	}
}

func init() {
	verb("priority", func([]string) (string, error) {
		n, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
		return strconv.Itoa(n), err
	})
	// renice-user UID N: all of a user's, to the priority and N less.
	verb("renice-user", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		return "", unix.Setpriority(unix.PRIO_USER, n[0], niceness+n[1])
	})
	// connect PORT: a connection that is kept, and its own port.
	verb("connect", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return "", err
		}
		held = append(held, s)
		if err := connect(s, &unix.SockaddrInet4{Port: n[0], Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			return "", err
		}
		at, err := unix.Getsockname(s)
		if err != nil {
			return "", fmt.Errorf("getsockname: %v", err)
		}
		return strconv.Itoa(at.(*unix.SockaddrInet4).Port), nil
	})
	// accept: a connection to the socket that was bound last, kept before it.
	verb("accept", func([]string) (string, error) {
		if len(held) == 0 {
			return "", errors.New("nothing is bound")
		}
		last := len(held) - 1
		s, _, err := unix.Accept(held[last])
		if err != nil {
			return "", err
		}
		held = append(held[:last], s, held[last])
		return "", nil
	})
}
