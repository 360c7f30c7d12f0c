package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// gaps are what jails do not prevent, by the names that jail_security(7) has
// for it. Each is shown where it exists: a test that fails here is good news,
// and the page is to be changed.
var gaps = []string{
	"Threads of others",
	"Process ids",
	"Signals by descriptors",
	"Names of IPC objects",
	"Message queues",
	"System V objects of others",
	"Shared semaphores",
	"The host's network",
	"Local sockets",
	"Passed descriptors",
	"Files kept open",
	"Locks of files",
	"Moved directories",
	"Links in a jail's files",
	"Core files",
	"Set-user-id programs",
	"The host's root directory",
	"State of the kernel",
	"Users of connections",
	"Keys of IPsec",
	"Aggregated links",
	"Executions",
	"Linux programs",
	"Memory of the kernel",
	"Terminals",
	"Groups of terminals",
	"Memory, processor and disk",
	"Numbers of users",
	"Other algorithms for ports",
	"Strict jails that choose ports",
	"SCTP",
}

// shown are what shows a gap on this system; the others are not there.
var shown = map[string]func(t *testing.T){}

func show(name string, f func(t *testing.T)) {
	if shown[name] != nil || !slices.Contains(gaps, name) {
		panic("no gap, or twice: " + name)
	}
	shown[name] = f
}

func TestGaps(t *testing.T) {
	need(t)
	for _, name := range gaps {
		t.Run(name, func(t *testing.T) {
			f := shown[name]
			if f == nil {
				skip(t, "not of this system; see it on NetBSD (make vm-test)")
			}
			f(t)
		})
	}
}

// open wants a gap to be there still.
func open(t *testing.T, there bool, format string, args ...any) {
	t.Helper()
	check(t, there, "closed, it seems; take it out of jail_security(7): "+format, args...)
}

// must is for what is no gap, but leads to one.
func must(t *testing.T, got answer) {
	t.Helper()
	if got.Error != "" {
		t.Fatal(got.Error)
	}
}

// strictest is a jail that is kept from as much as can be.
func strictest(t *testing.T, more ...func(*secmodel.Config)) *jail {
	t.Helper()
	c := secmodel.Config{Level: secmodel.High, Strict: true}
	for _, f := range more {
		f(&c)
	}
	return newJail(t, c)
}

func init() {
	show("Process ids", func(t *testing.T) {
		a, host, gone := strictest(t).actor(t, 0), start(t, part{}), start(t, part{})
		gone.end()
		alive := a.do(t, "kill", strconv.Itoa(host.pid), "0")
		dead := a.do(t, "kill", strconv.Itoa(gone.pid), "0")
		open(t, alive.errno() == unix.EPERM && dead.errno() == unix.ESRCH, "kill of who is there %s, of who is gone %s", alive, dead)
		alive, dead = a.do(t, "getsid", strconv.Itoa(host.pid)), a.do(t, "getsid", strconv.Itoa(gone.pid))
		open(t, alive.Value == strconv.Itoa(host.pid) && dead.errno() == unix.ESRCH, "getsid of who is there %q %s, of who is gone %s", alive.Value, alive, dead)
	})
	verb("getsid", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		sid, err := unix.Getsid(n[0])
		return strconv.Itoa(sid), err
	})

	show("The host's network", func(t *testing.T) {
		server := newJail(t, secmodel.Config{Level: secmodel.High}).actor(t, 0)
		host, client := start(t, part{Observe: true}), newJail(t, secmodel.Config{Level: secmodel.High}).actor(t, 0)
		must(t, server.do(t, "bind", "tcp", "127.0.0.1", "7440", "listening"))
		must(t, host.do(t, "bind", "tcp", "127.0.0.1", "7441", "listening"))
		for port, a := range map[string]*actor{"7440": server, "7441": host} {
			got := client.do(t, "connect", port)
			open(t, got.Error == "", "a jail speaks to another jail or to the host, port %s: %s", port, got.Error)
			must(t, a.do(t, "accept"))
		}
	})

	show("Local sockets", func(t *testing.T) {
		j := strictest(t)
		a, host := j.actor(t, 0), start(t, part{})
		must(t, host.do(t, "offer", filepath.Join(j.root, "tmp/service")))
		must(t, a.do(t, "call", "/tmp/service"))
		got := host.do(t, "peer")
		open(t, got.Value == "0", "root in a jail calls a service of the host's, which takes it for user %q (%s)", got.Value, got.Error)
	})
	// call PATH: a connection to a local socket, kept.
	verb("call", func(args []string) (string, error) {
		s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return "", err
		}
		held = append(held, s)
		return "", connect(s, &unix.SockaddrUnix{Name: args[0]})
	})
	// peer: the effective uid of who calls where we have offered.
	verb("peer", func([]string) (string, error) {
		s, _, err := unix.Accept(offered)
		if err != nil {
			return "", err
		}
		defer unix.Close(s)
		uid, err := peer(s)
		return strconv.Itoa(uid), err
	})

	show("Passed descriptors", func(t *testing.T) {
		q := newQuay(t, secmodel.High)
		must(t, q.root.do(t, "bind", "tcp", "127.0.0.1", "7100", "listening"))
		must(t, handOver(t, q.root, q.owner, q.strangerRoot, q.stranger))
		q.root.end()
		must(t, start(t, part{Observe: true}).do(t, "connect", "7100"))
		got := q.strangerRoot.do(t, "accept")
		open(t, got.Error == "", "a jail serves at a port that another has reserved, bound and passed: %s", got.Error)

		j := strictest(t)
		a, host := j.actor(t, 0), start(t, part{})
		must(t, host.do(t, "open-raw"))
		must(t, handOver(t, host, nil, a, j))
		got = a.do(t, "kind-last")
		open(t, got.Value == strconv.Itoa(unix.SOCK_RAW), "a jail uses a raw socket that the host has passed: kind %q (%s)", got.Value, got.Error)
	})
	verb("kind-last", func([]string) (string, error) {
		fd, err := last()
		if err != nil {
			return "", err
		}
		kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
		return strconv.Itoa(kind), err
	})

	show("Files kept open", func(t *testing.T) {
		j := strictest(t)
		file := filepath.Join(t.TempDir(), "of-the-host")
		if err := os.WriteFile(file, []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		a := start(t, part{})
		must(t, a.do(t, "open-only", file))
		got := a.do(t, "enter", j.id.String())
		if got.Error == "" {
			got = a.do(t, "fchmod-last", "438") // 0666
		}
		st, err := os.Stat(file)
		open(t, got.Error == "" && err == nil && st.Mode().Perm() == 0o666, "root in a jail changes the mode of a file that it has open: %s, %v %v", got, st, err)
	})
	// open-only PATH: a file, to read, kept.
	verb("open-only", func(args []string) (string, error) {
		fd, err := unix.Open(args[0], unix.O_RDONLY, 0)
		if err == nil {
			held = append(held, fd)
		}
		return "", err
	})
	verb("fchmod-last", func(args []string) (string, error) {
		mode, err := numbers(args)
		if err != nil {
			return "", err
		}
		fd, err := last()
		if err != nil {
			return "", err
		}
		return "", unix.Fchmod(fd, uint32(mode[0]))
	})

	show("Locks of files", func(t *testing.T) {
		one, other := strictest(t), strictest(t)
		for _, j := range []*jail{one, other} {
			if err := os.Chmod(filepath.Join(j.root, "tmp"), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		file := filepath.Join(one.root, "tmp/shared")
		if err := os.WriteFile(file, nil, 0o444); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(file, filepath.Join(other.root, "tmp/shared")); err != nil {
			t.Fatal(err)
		}
		must(t, one.actor(t, user).do(t, "flock", "/tmp/shared"))
		got := other.actor(t, 0).do(t, "flock", "/tmp/shared")
		open(t, got.errno() == unix.EWOULDBLOCK, "what a jail's user locks, who may only read it, another jail's root locks too: %s", got)
	})
	// flock PATH: a lock of a file that we open to read, kept.
	verb("flock", func(args []string) (string, error) {
		fd, err := unix.Open(args[0], unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return "", fmt.Errorf("open: %v", err)
		}
		held = append(held, fd)
		return "", unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	})

	show("Links in a jail's files", func(t *testing.T) {
		j := strictest(t)
		file := filepath.Join(t.TempDir(), "of-the-host")
		if err := os.WriteFile(file, []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		must(t, j.actor(t, 0).do(t, "symlink", file, "/tmp/link"))
		b, err := os.ReadFile(filepath.Join(j.root, "tmp/link"))
		open(t, string(b) == "secret", "by a link that a jail has made the host reads %q, %v", b, err)
	})
	verb("symlink", func(args []string) (string, error) { return "", os.Symlink(args[0], args[1]) })

	show("Set-user-id programs", func(t *testing.T) {
		j := strictest(t)
		must(t, j.actor(t, 0).do(t, "plant", "/tmp/planted"))
		st, err := os.Stat(filepath.Join(j.root, "tmp/planted"))
		if err != nil {
			t.Fatal(err)
		}
		open(t, st.Mode()&os.ModeSetuid != 0 && st.Sys().(*syscall.Stat_t).Uid == 0, "a jail makes a program set-user-id root: %v", st.Mode())
	})
	verb("plant", func(args []string) (string, error) {
		if err := copyFile(program, args[0]); err != nil {
			return "", err
		}
		return "", os.Chmod(args[0], 0o755|os.ModeSetuid)
	})

	show("The host's root directory", func(t *testing.T) {
		id, err := model.Create("rootless", "/", secmodel.Config{Level: secmodel.Low, Strict: true})
		if err != nil {
			open(t, false, "the host's root directory can be no jail's: %v", err)
			return
		}
		j := &jail{id: id, root: "/"}
		t.Cleanup(func() {
			if err := j.end(); err != nil {
				t.Error(err)
			}
		})
		file := filepath.Join(t.TempDir(), "of-the-host")
		got := j.actor(t, 0).do(t, "symlink", "anywhere", file)
		_, err = os.Lstat(file)
		open(t, got.Error == "" && err == nil, "root in a jail without a root of its own writes the host's files: %s, %v", got, err)
	})

	show("Memory, processor and disk", func(t *testing.T) {
		const files, limit, each = 8, 40, 30
		j := strictest(t, func(c *secmodel.Config) { c.Limits = []secmodel.Limit{{Resource: files, Soft: limit, Hard: limit}} })
		for range 2 {
			got := j.actor(t, 0).do(t, "open-many", "/tmp/file", strconv.Itoa(each))
			open(t, got.Error == "", "processes of a jail with a limit of %d files open %d each: %s", limit, each, got.Error)
		}
		got := j.actor(t, 0).do(t, "open-many", "/tmp/file", strconv.Itoa(limit))
		check(t, got.errno() == unix.EMFILE, "one process has %d files open, with that limit: %s", limit, got)
	})
	verb("open-many", func(args []string) (string, error) {
		n, err := numbers(args[1:])
		if err != nil {
			return "", err
		}
		for range n[0] {
			fd, err := unix.Open(args[0], unix.O_RDONLY, 0)
			if err != nil {
				return "", err
			}
			held = append(held, fd)
		}
		return "", nil
	})

	show("Names of IPC objects", func(t *testing.T) {
		const key = 0x6a61696c
		j := strictest(t)
		a, host := j.actor(t, 0), start(t, part{})
		got := a.do(t, "segment", strconv.Itoa(key))
		id, err := strconv.Atoi(got.Value)
		if got.Error != "" || err != nil {
			t.Fatalf("segment: %s %v", got.Error, err)
		}
		t.Cleanup(func() {
			if err := removeSegment(id); err != nil {
				t.Errorf("segment %d: %v", id, err)
			}
		})
		for who, b := range map[string]*actor{"the host": host, "another jail": strictest(t).actor(t, 0)} {
			got = b.do(t, "segment", strconv.Itoa(key))
			open(t, got.errno() == unix.EEXIST, "a jail has taken a key, and %s gets it as well: %s %q", who, got, got.Value)
		}
	})
	// segment KEY: shared memory that is to be new; its number.
	verb("segment", func(args []string) (string, error) {
		key, err := numbers(args)
		if err != nil {
			return "", err
		}
		id, _, errno := unix.Syscall(unix.SYS_SHMGET, uintptr(key[0]), 4096, 0o1000|0o2000|0o600)
		if errno != 0 {
			return "", errno
		}
		return strconv.Itoa(int(id)), nil
	})
}

// removeSegment is shmctl(2) with IPC_RMID.
func removeSegment(id int) error {
	_, _, errno := unix.Syscall(unix.SYS_SHMCTL, uintptr(id), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
