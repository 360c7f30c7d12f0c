package conformance

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// device is a node that every root has.
type device struct {
	name         string
	kind         uint32
	major, minor uint32
	listed       bool // jails may open it
}

const (
	char  = unix.S_IFCHR
	block = unix.S_IFBLK
)

// make makes the node.
func (d device) make(path string) error {
	if err := unix.Mknod(path, d.kind|0o666, int(unix.Mkdev(d.major, d.minor))); err != nil {
		return fmt.Errorf("mknod: %w; run where devices may be made", err)
	}
	return nil
}

// devices are nodes in every root, by the numbers that Linux has given out,
// whether this machine has such a device or not; and whether a jail may open
// them.
var devices = []device{
	{"null", char, 1, 3, true}, {"zero", char, 1, 5, true}, {"full", char, 1, 7, true}, {"random", char, 1, 8, true},
	{"urandom", char, 1, 9, true}, {"tty", char, 5, 0, true}, {"mem", char, 1, 1, false}, {"kmsg", char, 1, 11, false},
	{"console", char, 5, 1, false}, {"kvm", char, 10, 232, false}, {"loop-control", char, 10, 237, false},
	{"fuse", char, 10, 229, false}, {"loop0", block, 7, 0, false}, {"sda", block, 8, 0, false},
}

func init() {
	for _, d := range devices {
		path := "/dev/" + d.name
		register(
			attempt{name: "open read " + d.name, rules: []string{"device rawio.spec.read"}, listed: d.listed, device: d.name, do: func(int) error {
				return openFile(path, unix.O_RDONLY|unix.O_NONBLOCK)
			}},
			attempt{name: "open write " + d.name, rules: []string{"device rawio.spec.write"}, listed: d.listed, device: d.name, do: func(int) error {
				return openFile(path, unix.O_WRONLY|unix.O_NONBLOCK)
			}},
			attempt{name: "open rw " + d.name, rules: []string{"device rawio.spec.rw"}, listed: d.listed, device: d.name, do: func(int) error {
				return openFile(path, unix.O_RDWR|unix.O_NONBLOCK)
			}},
		)
	}
	// A file that takes no such request: the question comes first.
	request := func(number uintptr) func(int) error {
		return func(int) error {
			f, err := os.Open("/tmp/file")
			if err != nil {
				return err
			}
			defer f.Close()
			var argument [64]byte
			return raw(unix.SYS_IOCTL, f.Fd(), number, uintptr(unsafe.Pointer(&argument)))
		}
	}
	register(
		attempt{name: "bpf", rules: []string{"device rawio.spec.rw"}, do: func(int) error {
			return raw(unix.SYS_BPF, 1<<20, 0, 0) // no command
		}},
		attempt{name: "TIOCSTI", rules: []string{"device tty.sti"}, do: request(unix.TIOCSTI)},
		attempt{name: "TIOCCONS", rules: []string{"device tty.virtual"}, do: request(unix.TIOCCONS)},
		attempt{name: "RNDADDENTROPY", rules: []string{"device rnd.adddata"}, do: request(unix.RNDADDENTROPY)},
		attempt{name: "RNDADDTOENTCNT", rules: []string{"device rnd.estimate"}, do: request(unix.RNDADDTOENTCNT)},
		attempt{name: "RNDGETPOOL", rules: []string{"device rnd.getpriv"}, do: request(unix.RNDGETPOOL)},
		attempt{name: "RNDCLEARPOOL", rules: []string{"device rnd.setpriv"}, do: request(unix.RNDCLEARPOOL)},
	)
}
