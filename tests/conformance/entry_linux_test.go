package conformance

import (
	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

func init() {
	verb("open-kqueue", hold(func() (int, error) { return unix.EpollCreate1(0) }))
	verb("open-netlink", hold(func() (int, error) { return unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE) }))
	verb("open-packet", hold(func() (int, error) { return unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0) }))
	verb("open-path", hold(func() (int, error) { return unix.Open("/tmp", unix.O_PATH|unix.O_DIRECTORY, 0) }))
	verb("get-terminal", func([]string) (string, error) {
		master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			return "", err
		}
		held = append(held, master)
		if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
			return "", err
		}
		slave, err := unix.IoctlRetInt(master, unix.TIOCGPTPEER)
		if err != nil {
			return "", err
		}
		held = append(held, slave)
		return "", unix.IoctlSetInt(slave, unix.TIOCSCTTY, 0)
	})
	entries = append(entries,
		refusedEntry{"an epoll", part{Before: []string{"open-kqueue"}}, secmodel.ReasonFDKqueue},
		refusedEntry{"a routing socket", part{Before: []string{"open-netlink"}}, secmodel.ReasonFDSocket},
		refusedEntry{"a packet socket", part{Before: []string{"open-packet"}}, secmodel.ReasonFDSocket},
		refusedEntry{"a directory's path", part{Before: []string{"open-path"}}, secmodel.ReasonFDDirectory},
		refusedEntry{"a terminal", part{Before: []string{"get-terminal"}}, secmodel.ReasonTerminal},
	)
}
