package conformance

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

func init() {
	verb("open-kqueue", hold(unix.Kqueue))
	verb("open-route", hold(func() (int, error) { return unix.Socket(pfRoute, unix.SOCK_RAW, 0) }))
	verb("open-bpf", hold(func() (int, error) { return unix.Open("/dev/bpf", unix.O_RDWR, 0) }))
	verb("open-kmem", hold(func() (int, error) { return unix.Open("/dev/kmem", unix.O_RDONLY, 0) }))
	verb("get-terminal", func([]string) (string, error) {
		master, slave, _, err := terminal()
		if err != nil {
			return "", err
		}
		held = append(held, master, slave)
		return "", ioctl(slave, 0x20007461, nil) // TIOCSCTTY
	})
	verb("trace", func(args []string) (string, error) {
		pid, err := strconv.Atoi(args[0])
		if err != nil {
			return "", err
		}
		if err := call(sysPtrace, ptAttach, uintptr(pid), 0, 0); err != nil {
			return "", err
		}
		var ws unix.WaitStatus
		if _, err := unix.Wait4(pid, &ws, 0, nil); err != nil {
			return "", fmt.Errorf("wait: %w", err)
		}
		return "", call(sysPtrace, 7, uintptr(pid), 1, 0) // PT_CONTINUE
	})
	entries = append(entries,
		refusedEntry{"a kqueue", part{Before: []string{"open-kqueue"}}, secmodel.ReasonFDKqueue},
		refusedEntry{"a routing socket", part{Before: []string{"open-route"}}, secmodel.ReasonFDSocket},
		refusedEntry{"a packet filter", part{Before: []string{"open-bpf"}}, secmodel.ReasonFDOther},
		refusedEntry{"a terminal", part{Before: []string{"get-terminal"}}, secmodel.ReasonTerminal},
	)
}
