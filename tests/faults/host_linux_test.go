package faults

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jails/tests/host"
)

// floodSize is of the longest, in bytes.
const floodSize = 1 << 30

// process is one of the machine's.
type process struct {
	pid     int
	command string // with NUL after each word
	root    string
	apart   string // its JAILS_PREFIX
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

// of says whether a process is of a host.
func (p *process) of(h *host.Host) bool { return p.apart == h.Dir }

// below says whether it is in a jail with a root.
func (p *process) below(root string) bool { return strings.HasPrefix(p.root, root) }

// descriptors is how many a process has.
func descriptors(t *testing.T, pid int) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// model is the process that the kernel's model is, 0 if it is none.
func model(t *testing.T, h *host.Host) (pid int) {
	t.Helper()
	for _, p := range processes(t) {
		if strings.Contains(p.command, filepath.Join(h.Dir, "hostkern.sock")) {
			pid = p.pid
		}
	}
	return pid
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

// fewDescriptors lets a process open no descriptor any more, until it is undone.
func fewDescriptors(t *testing.T, pid int) (undo func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		t.Fatal(err)
	}
	set := func(soft uint64) {
		t.Helper()
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: soft, Max: old.Max}, nil); err != nil {
			t.Fatal(err)
		}
	}
	set(1)
	return func() { set(old.Cur) }
}

// mounted says what is mounted below a directory.
func mounted(t *testing.T, dir string) (lines []string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(mounts) {
		if bytes.Contains(line, []byte(dir)) {
			lines = append(lines, string(line))
		}
	}
	return lines
}

// mountSmall mounts a disk of so many megabytes on a directory.
func mountSmall(t *testing.T, dir string, size int) {
	t.Helper()
	if err := unix.Mount("small", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", size)); errors.Is(err, unix.EPERM) {
		t.Skip("no mounts are allowed here; run as root")
	} else if err != nil {
		t.Fatal(err)
	}
}

// mostInit is what jail-init may have after thousands of crashes, in KB.
const mostInit = 2304

// memory is what a process has of its own, in KB.
func memory(t *testing.T, pid int) (kb int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if n, _ := fmt.Sscanf(line, "RssAnon: %d kB", &kb); n == 1 {
			return kb
		}
	}
	t.Fatalf("no RssAnon in %s", text)
	return 0
}

//go:nosplit
func fork() (pid int, err error) {
	r, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		err = errno
	}
	return int(r), err
}
