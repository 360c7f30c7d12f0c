package supervise

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/durable"
	"jails/src/secmodel"
)

// marks is a kernel for tests without the model: it keeps its jails in files,
// so that several processes share it, and knows a jail's members by a mark
// that processes inherit, an odd limit of message queues.
type marks struct{ dir string }

// mark is what a jail's members have: no other test's jails on this machine
// have the same.
func (k marks) mark(id secmodel.ID) uint64 {
	h := fnv.New32a()
	h.Write([]byte(k.dir))
	return 10000 + uint64(h.Sum32()%8000)*100 + uint64(id) // below the hard limit of all
}

type markedJail struct {
	ID     secmodel.ID
	Name   string
	Root   string
	State  secmodel.State
	Config secmodel.Config
}

func (k marks) path(id secmodel.ID) string { return filepath.Join(k.dir, "jail."+id.String()) }

func (k marks) save(j markedJail) error {
	b, err := json.Marshal(j)
	if err != nil {
		return err
	}
	return os.WriteFile(k.path(j.ID), b, 0o600)
}

func (k marks) load(id secmodel.ID) (j markedJail, err error) {
	b, err := os.ReadFile(k.path(id))
	if err != nil {
		return j, secmodel.ErrNoJail
	}
	return j, json.Unmarshal(b, &j)
}

func (k marks) Lookup(nameOrID string) (secmodel.Jail, error) {
	for id := secmodel.ID(1); id < 1000; id++ {
		j, err := k.load(id)
		if err == nil && (j.Name == nameOrID || id.String() == nameOrID) {
			return secmodel.Jail{ID: id, Name: j.Name, Root: j.Root, State: j.State, Config: j.Config, Processes: len(k.members(id))}, nil
		}
	}
	return secmodel.Jail{}, fmt.Errorf("%s: %w", nameOrID, secmodel.ErrNoJail)
}

func (k marks) Ports() ([]secmodel.PortOwner, error) {
	all := []secmodel.PortOwner{{Jail: 999, Port: secmodel.PortRange{First: 1, Last: 1}}}
	for id := secmodel.ID(1); id < 20; id++ {
		if j, err := k.load(id); err == nil {
			for _, p := range j.Config.Ports {
				all = append(all, secmodel.PortOwner{Jail: id, Port: p})
			}
		}
	}
	return all, nil
}

// Set changes what the tests change. Port 1 is another's.
func (k marks) Set(id secmodel.ID, c secmodel.Change) error {
	j, err := k.load(id)
	if err != nil {
		return err
	}
	if c.Ports != nil {
		if slices.Contains(*c.Ports, secmodel.PortRange{First: 1, Last: 1}) {
			return secmodel.ErrPortTaken
		}
		j.Config.Ports = *c.Ports
	}
	if c.Processes != nil {
		j.Config.Processes = *c.Processes
	}
	if c.Level != nil {
		j.Config.Level = *c.Level
	}
	if c.Limits != nil {
		j.Config.Limits = *c.Limits
	}
	return k.save(j)
}

func (k marks) Create(name, root string, c secmodel.Config) (secmodel.ID, error) {
	for id := secmodel.ID(1); ; id++ {
		if _, err := os.Stat(filepath.Join(k.dir, "used."+id.String())); err != nil {
			if err := os.WriteFile(filepath.Join(k.dir, "used."+id.String()), nil, 0o600); err != nil {
				return 0, err
			}
			return id, k.save(markedJail{id, name, root, secmodel.Active, c})
		}
	}
}

func (k marks) Enter(id secmodel.ID) error {
	j, err := k.load(id)
	if err != nil {
		return err
	}
	if j.State != secmodel.Active {
		return secmodel.ErrDying
	}
	// As the model does, it takes nothing that has a name.
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "/proc/") {
			return fmt.Errorf("descriptor %s is %s", fd.Name(), to)
		}
	}
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MSGQUEUE, &l); err != nil {
		return err
	}
	l.Cur = k.mark(id)
	return unix.Setrlimit(unix.RLIMIT_MSGQUEUE, &l)
}

func (k marks) members(id secmodel.ID) []int {
	var pids []int
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		pid, _ := strconv.Atoi(filepath.Base(name))
		var l unix.Rlimit
		if unix.Prlimit(pid, unix.RLIMIT_MSGQUEUE, nil, &l) == nil && l.Cur == k.mark(id) {
			// Whoever adopts orphans may be slow to reap them.
			b, err := os.ReadFile(name + "/stat")
			if _, after, _ := bytes.Cut(b, []byte(") ")); bytes.HasPrefix(after, []byte("Z ")) && !bytes.HasPrefix(after, fmt.Appendf(nil, "Z %d ", os.Getpid())) {
				continue
			}
			if err != nil {
				continue // it has been reaped meanwhile
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

func (k marks) Kill(id secmodel.ID, signal int) error {
	j, err := k.load(id)
	if err != nil {
		return err
	}
	j.State = secmodel.Dying
	if err := k.save(j); err != nil {
		return err
	}
	for pids := k.members(id); len(pids) > 0; pids = k.members(id) {
		for _, pid := range pids {
			unix.Kill(pid, unix.Signal(signal))
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

func (k marks) EndAfter(ctx context.Context, id secmodel.ID, last func()) error {
	err := k.Kill(id, int(unix.SIGKILL))
	for err == nil && len(k.members(id)) > 0 {
		err = ctx.Err()
		time.Sleep(time.Millisecond)
	}
	if err == nil {
		last()
		err = k.Destroy(id)
	}
	if errors.Is(err, secmodel.ErrNoJail) {
		return nil
	}
	return err
}

func (k marks) Destroy(id secmodel.ID) error {
	if n := len(k.members(id)); n > 0 {
		return fmt.Errorf("%d members: %w", n, secmodel.ErrBusy)
	}
	return os.Remove(k.path(id))
}

// events are what a test says that jails were denied.
func (k marks) events() markedEvents { return markedEvents{k} }

type markedEvents struct{ k marks }

func (m markedEvents) path(id secmodel.ID) string {
	return filepath.Join(m.k.dir, "events."+id.String())
}

func (m markedEvents) Events(id secmodel.ID, since uint64) (after []secmodel.Event, err error) {
	b, err := os.ReadFile(m.path(id))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var all []secmodel.Event
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	for _, e := range all {
		if e.Seq > since {
			after = append(after, e)
		}
	}
	return after, err
}

func (m markedEvents) NextEvents(ctx context.Context, id secmodel.ID, since uint64) ([]secmodel.Event, error) {
	for {
		if j, err := m.k.load(id); err != nil || j.State == secmodel.Dying {
			return nil, secmodel.ErrNoJail
		}
		if all, err := m.Events(id, since); len(all) > 0 || err != nil {
			return all, err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// deny makes the jail's latest events those.
func (m markedEvents) deny(t *testing.T, id secmodel.ID, all ...secmodel.Event) {
	t.Helper()
	b, err := json.Marshal(all)
	if err == nil {
		err = durable.WriteFile(m.path(id), b, 0o600, false)
	}
	if err != nil {
		t.Fatal(err)
	}
}
