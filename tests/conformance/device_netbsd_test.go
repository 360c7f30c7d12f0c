package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// device is a node that every root has.
type device struct {
	name   string
	listed bool // jails may open it
}

// make makes a node like the host's, for each port of NetBSD has numbers of
// its own.
func (d device) make(path string) error {
	var st unix.Stat_t
	if err := unix.Stat("/dev/"+d.name, &st); err != nil {
		return fmt.Errorf("/dev/%s: %w; make it with MAKEDEV(8)", d.name, err)
	}
	return unix.Mknod(path, uint32(st.Mode&unix.S_IFMT)|0o666, int(st.Rdev))
}

// devices are nodes in every root, like the host's, and whether a jail may
// open them.
var devices = []device{
	{"null", true}, {"zero", true}, {"full", true}, {"random", true}, {"urandom", true}, {"tty", true},
	{"ptmx", true}, {"ptm", true},
	{"mem", false}, {"kmem", false}, {"klog", false}, {"ksyms", false}, {"bpf", false}, {"console", false}, {"constty", false},
	{"ld0a", false}, {"rld0a", false}, {"ld0d", false}, {"rld0d", false},
}

const (
	tiocSti     = 0x80017472
	tiocCons    = 0x80047462
	tiocSlined  = 0x80207443
	rndGetCount = 0x40045265 // RNDGETENTCNT
	rndControl  = 0x801c5268
	rndAddData  = 0x82085269

	tiocPtmget = 0x48087446
)

func init() {
	for _, d := range devices {
		path := "/dev/" + d.name
		register(attempt{name: "open read " + d.name, rules: []string{"device rawio.spec.read"}, listed: d.listed, device: d.name, do: func(int) error {
			return openFile(path, unix.O_RDONLY|unix.O_NONBLOCK)
		}})
		if d.name == "ksyms" || d.name == "klog" {
			continue // read only
		}
		register(attempt{name: "open write " + d.name, rules: []string{"device rawio.spec.write"}, listed: d.listed, device: d.name, do: func(int) error {
			return openFile(path, unix.O_WRONLY|unix.O_NONBLOCK)
		}})
		register(attempt{name: "open rw " + d.name, rules: []string{"device rawio.spec.rw"}, listed: d.listed, device: d.name, do: func(int) error {
			return openFile(path, unix.O_RDWR|unix.O_NONBLOCK)
		}})
	}
	register(
		attempt{name: "RNDADDDATA", rules: []string{"device rnd.adddata"}, quiet: []string{"device rnd.estimate"}, do: func(int) error {
			return withFile("/dev/random", func(fd int) error {
				var data [520]byte // struct rnddata_t: length, bits, bytes
				data[0] = 4
				return ioctl(fd, rndAddData, unsafe.Pointer(&data))
			})
		}},
		attempt{name: "RNDCTL", rules: []string{"device rnd.setpriv"}, do: func(int) error {
			return withFile("/dev/random", func(fd int) error {
				var control [28]byte // of a source without a name
				return ioctl(fd, rndControl, unsafe.Pointer(&control))
			})
		}},
		attempt{name: "TIOCSTI", rules: []string{"device tty.sti"}, do: func(int) error {
			return withTerminal(func(slave int, _ string) error {
				x := byte('x')
				return ioctl(slave, tiocSti, unsafe.Pointer(&x))
			})
		}},
		attempt{name: "TIOCCONS", rules: []string{"device tty.virtual"}, do: func(int) error {
			return withTerminal(func(slave int, _ string) error {
				on, off := int32(1), int32(0)
				if err := ioctl(slave, tiocCons, unsafe.Pointer(&on)); err != nil {
					return err
				}
				return ioctl(slave, tiocCons, unsafe.Pointer(&off))
			})
		}},
		attempt{name: "open terminal again", rules: []string{"device tty.open"}, do: func(int) error {
			return withTerminal(func(_ int, name string) error { return openFile(name, unix.O_RDWR|unix.O_NOCTTY) })
		}},
		attempt{name: "line discipline irframe", rules: []string{"device tty.line"}, lacks: unix.ENXIO, do: func(int) error {
			return withTerminal(func(slave int, _ string) error {
				line := [32]byte{0: 'i', 1: 'r', 2: 'f', 3: 'r', 4: 'a', 5: 'm', 6: 'e'}
				return ioctl(slave, tiocSlined, unsafe.Pointer(&line))
			})
		}},
		attempt{name: "RNDGETENTCNT", rules: []string{"device rnd.getpriv"}, do: func(int) error {
			return withFile("/dev/random", func(fd int) error {
				var n uint32
				return ioctl(fd, rndGetCount, unsafe.Pointer(&n))
			})
		}},
	)
}

func init() {
	verb("terminal", func([]string) (string, error) {
		return "", withTerminal(func(int, string) error { return nil })
	})
	verb("open-rw", func(args []string) (string, error) {
		return "", openFile(args[0], unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK)
	})
	verb("take-console", func([]string) (string, error) {
		return "", withTerminal(func(slave int, _ string) error {
			on, off := int32(1), int32(0)
			if err := ioctl(slave, tiocCons, unsafe.Pointer(&on)); err != nil {
				return err
			}
			return ioctl(slave, tiocCons, unsafe.Pointer(&off))
		})
	})
}

// TestConsole: what is /dev/console in a jail may be of a file system that asks
// nobody who may read it.
func TestConsole(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{Level: secmodel.Low})
	dir, console := filepath.Join(j.root, "fdesc"), filepath.Join(j.root, "dev/console")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := mountFS("fdesc", dir, []byte{0}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0x00080000); err != nil { // MNT_FORCE
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	if err := os.Remove(console); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.Symlink("/fdesc/fd/0", console); err != nil {
		t.Fatal(err)
	}
	a := j.actor(t, 0)
	must(t, a.do(t, "terminal"))
	got := a.do(t, "take-console")
	check(t, got.errno() == unix.EACCES || got.errno() == unix.EPERM, "root in a jail takes the host's console by a link to a descriptor: %s", got)
}

// TestTerminalsOfOthers: a node with the number of another's terminal opens
// nothing.
func TestTerminalsOfOthers(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{Level: secmodel.Low})
	a := j.actor(t, 0)
	must(t, a.do(t, "terminal"))
	err := withTerminal(func(slave int, _ string) error {
		var st unix.Stat_t
		if err := unix.Fstat(slave, &st); err != nil {
			return err
		}
		return unix.Mknod(filepath.Join(j.root, "tmp/theirs"), unix.S_IFCHR|0o666, int(st.Rdev))
	})
	if err != nil {
		t.Fatal(err)
	}
	got := a.do(t, "open-rw", "/tmp/theirs")
	check(t, got.errno() == unix.EPERM, "the host's terminal, by a node in the jail: %s, want EPERM", got)
}

// TestTerminalsByName: without any ptyfs ptm(4) looks for terminals by the names
// of old, which are in the jail and of what it likes, and would have it revoked.
func TestTerminalsByName(t *testing.T) {
	need(t)
	j := newJail(t, secmodel.Config{Level: secmodel.Low})
	a := j.actor(t, 0)
	withoutPtyfs(t, "/dev/pts")
	withoutPtyfs(t, filepath.Join(j.root, "dev/pts"))
	for _, d := range "0123456789abcdef" {
		for _, name := range []string{"pty", "tty"} {
			if err := (device{name: "full"}).make(filepath.Join(j.root, "dev", name+"p"+string(d))); err != nil {
				t.Fatal(err)
			}
		}
	}
	full, err := unix.Open("/dev/full", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(full)
	got := a.do(t, "terminal")
	_, err = unix.Read(full, make([]byte, 1))
	check(t, got.Error != "" && err == nil, "the jail's terminal: %s, and to read the host's /dev/full: %v", got, err)
}

// withFile opens a file to read, and uses it.
func withFile(path string, use func(int) error) error {
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return use(fd)
}

// withTerminal makes a pseudo-terminal and uses its slave.
func withTerminal(use func(slave int, name string) error) error {
	master, slave, name, err := terminal()
	if err != nil {
		return err
	}
	defer unix.Close(master)
	defer unix.Close(slave)
	return use(slave, name)
}

func terminal() (master, slave int, name string, err error) {
	err = withFile("/dev/ptm", func(maker int) error {
		var get struct { // struct ptmget
			cfd, sfd int32
			cn, sn   [1024]byte
		}
		if err := ioctl(maker, tiocPtmget, unsafe.Pointer(&get)); err != nil {
			return fmt.Errorf("TIOCPTMGET: %v", err)
		}
		master, slave, name = int(get.cfd), int(get.sfd), unix.ByteSliceToString(get.sn[:])
		return nil
	})
	return master, slave, name, err
}
