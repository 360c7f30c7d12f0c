package conformance

import (
	"encoding/binary"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

func init() {
	// posix-spawn PATH ROLE N: N processes one after the other, each waited
	// for.
	verb("posix-spawn", func(args []string) (string, error) {
		n, err := numbers(args[2:])
		if err != nil {
			return "", err
		}
		for range n[0] {
			pid, err := posixSpawn(args[0], args[1], 0)
			if err != nil {
				return "", err
			}
			for {
				if _, err = syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
					break
				}
			}
			if err != nil {
				return "", err
			}
		}
		return "", nil
	})
}

// posixSpawn is the system call, which says by its result what went wrong.
// At actions is a posix_spawn_file_actions_t, or nothing is.
func posixSpawn(path, role string, actions uintptr) (int, error) {
	list := func(words ...string) uintptr {
		at, b := buffer(8 * (len(words) + 1))
		for i, w := range words {
			binary.LittleEndian.PutUint64(b[8*i:], uint64(text(w)))
		}
		return at
	}
	pidAt, pid := buffer(4)
	failed, err := result(unix.SYS_POSIX_SPAWN, pidAt, text(path), actions, 0, list(path), list(roleVariable+"="+role))
	if err == nil && failed != 0 {
		err = unix.Errno(failed)
	}
	return int(int32(binary.LittleEndian.Uint32(pid))), err
}

// TestPosixSpawn: what comes to be that way counts, is capped, and is a member
// as what forks; and what comes to nothing leaves nothing.
func TestPosixSpawn(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{})
	a := j.actor(t, 0)
	before := j.record(t)
	const lives = 10
	if got := a.do(t, "posix-spawn", program, "exit", "10"); got.Error != "" {
		t.Fatal(got.Error)
	}
	r := j.record(t)
	check(t, r.Forks-before.Forks == lives && r.Exits-before.Exits == lives && r.Processes == 1, "%d lives count %d forks, %d exits; %d processes", lives, r.Forks-before.Forks, r.Exits-before.Exits, r.Processes)
	for _, path := range []string{"/no/such/program", "/tmp/file"} {
		got := a.do(t, "posix-spawn", path, "exit", "1")
		check(t, got.Error != "", "%s was spawned", path)
	}
	eventually(t, "what came to nothing is gone", func() bool {
		r := j.record(t)
		return r.Processes == 1 && r.Forks-before.Forks == r.Exits-before.Exits
	})
	if err := model.Set(j.id, secmodel.Change{Processes: pointer(uint32(1))}); err != nil {
		t.Fatal(err)
	}
	got := a.do(t, "posix-spawn", program, "exit", "1")
	check(t, got.errno() == unix.EAGAIN && j.record(t).Denials["fork"] > r.Denials["fork"], "spawning beyond the cap: %s, denials %v", got, j.record(t).Denials)
	if err := model.Set(j.id, secmodel.Change{Processes: pointer(uint32(0))}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.ask("posix-spawn", program, "daemon", "1"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a spawned program's daemon is a member", func() bool { return j.record(t).Processes == 2 })
}
