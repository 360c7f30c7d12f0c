package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jails/tests/host"
)

// process is one of the machine's.
type process struct {
	pid     int
	command string // with NUL after each word
	root    string
	apart   string // its JAILS_PREFIX
}

func (p *process) is(command string) bool {
	return strings.HasPrefix(p.command, command+"\x00")
}

// processes are all that can be seen; one may end meanwhile.
func processes(t *testing.T) (all []process) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			t.Fatal(err)
		}
		command, err := os.ReadFile(dir + "/cmdline")
		if err != nil || len(command) == 0 {
			continue
		}
		root, _ := os.Readlink(dir + "/root")
		p := process{pid: pid, command: string(command), root: root}
		environ, _ := os.ReadFile(dir + "/environ")
		for v := range strings.SplitSeq(string(environ), "\x00") {
			if prefix, ok := strings.CutPrefix(v, "JAILS_PREFIX="); ok {
				p.apart = prefix
			}
		}
		all = append(all, p)
	}
	return all
}

// only is the one process of a host that runs a command. A child of it looks the
// same until it has executed its own.
func only(t *testing.T, h *host.Host, command string) (only process) {
	t.Helper()
	host.Eventually(t, "one process "+command, func() bool {
		n := 0
		for _, p := range processes(t) {
			mine := p.apart == h.Dir && p.is(command)
			if command == "hostkern" {
				mine = strings.Contains(p.command, filepath.Join(h.Dir, "hostkern.sock"))
			}
			if mine {
				only = p
				n++
			}
		}
		return n == 1
	})
	return only
}

func descriptors(t *testing.T, h *host.Host, command string) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", only(t, h, command).pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// kill kills a process as nothing else can, and waits for its end.
func kill(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if err == nil {
			return
		}
		if err != unix.EINTR {
			t.Fatal(err)
		}
	}
}
