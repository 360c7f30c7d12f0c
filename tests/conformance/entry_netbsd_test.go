package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

func init() {
	verb("open-kqueue", hold(unix.Kqueue))
	verb("open-route", hold(func() (int, error) { return unix.Socket(pfRoute, unix.SOCK_RAW, 0) }))
	verb("open-bpf", hold(func() (int, error) { return unix.Open("/dev/bpf", unix.O_RDWR, 0) }))
	verb("open-key", hold(func() (int, error) { return unix.Socket(pfKey, unix.SOCK_RAW, 2) }))
	verb("open-link", hold(func() (int, error) { return unix.Socket(unix.AF_LINK, unix.SOCK_DGRAM, 0) }))
	verb("open-disk", hold(func() (int, error) { return unix.Open("/dev/ld0d", unix.O_RDONLY, 0) }))
	// ktrace-self traces this process's system calls to a file that is not
	// kept open here.
	verb("ktrace-self", func([]string) (string, error) {
		path := filepath.Join(os.TempDir(), fmt.Sprintf("ktrace%d", os.Getpid()))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return "", err
		}
		defer os.Remove(path)
		return "", call(sysKtrace, text(path), ktropSet, ktraceSyscalls, uintptr(os.Getpid()))
	})
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
		goOn := func() error {
			var ws unix.WaitStatus
			if _, err := unix.Wait4(pid, &ws, 0, nil); err != nil {
				return fmt.Errorf("wait: %w", err)
			}
			if ws.Exited() || ws.Signaled() {
				return os.ErrProcessDone
			}
			// Go takes SIGSTOP, which the attachment sends, for a continuation.
			signal := max(ws.StopSignal(), 0)
			return call(sysPtrace, 7, uintptr(pid), 1, uintptr(signal)) // PT_CONTINUE
		}
		if err := goOn(); err != nil {
			return "", err
		}
		go func() { // Go's runtime sends itself signals, and each stops it
			for goOn() == nil {
			}
		}()
		return "", nil
	})
	entries = append(entries,
		refusedEntry{"a kqueue", part{Before: []string{"open-kqueue"}}, secmodel.ReasonFDKqueue},
		refusedEntry{"a routing socket", part{Before: []string{"open-route"}}, secmodel.ReasonFDSocket},
		refusedEntry{"a key management socket", part{Before: []string{"open-key"}}, secmodel.ReasonFDSocket},
		refusedEntry{"a link-layer socket", part{Before: []string{"open-link"}}, secmodel.ReasonFDSocket},
		refusedEntry{"kernel memory", part{Before: []string{"open-kmem"}}, secmodel.ReasonFDDevice},
		refusedEntry{"a disk", part{Before: []string{"open-disk"}}, secmodel.ReasonFDDevice},
		refusedEntry{"ktrace(2)", part{Before: []string{"ktrace-self"}}, secmodel.ReasonTraced},
		refusedEntry{"a packet filter", part{Before: []string{"open-bpf"}}, secmodel.ReasonFDOther},
		refusedEntry{"a terminal", part{Before: []string{"get-terminal"}}, secmodel.ReasonTerminal},
	)
}
