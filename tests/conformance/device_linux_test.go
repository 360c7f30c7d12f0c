package conformance

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// devices are nodes in every root, like the host's, and whether a jail may
// open them.
var devices = []device{
	{"null", true}, {"zero", true}, {"full", true}, {"random", true}, {"urandom", true}, {"tty", true},
	{"mem", false}, {"kmsg", false}, {"console", false}, {"kvm", false}, {"loop-control", false}, {"fuse", false}, {"loop0", false},
	{"vda", false}, {"sda", false},
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
