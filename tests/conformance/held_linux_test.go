package conformance

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// needed are the ports that the tests bind, and that nobody else may have.
var needed = [...]struct{ first, last int }{
	{700, 701}, {710, 712}, {7100, 7142}, {7300, 7300}, {7390, 7452}, {7600, 7694}, {7700, 7801}, {7900, 7999},
}

// checkPorts says who has one of them.
func checkPorts() error {
	for _, r := range needed {
		for port := r.first; port <= r.last; port++ {
			for _, protocol := range protocols {
				if !isFree(protocol, port) {
					return fmt.Errorf("port %d/%s, which the tests need, is held by %s; end that first", port, protocol, cmp.Or(holder(protocol, port), "a process that is not to be seen"))
				}
			}
		}
	}
	return nil
}

// holder names the process that has a port, "" if none is found.
func holder(protocol string, port int) string {
	sockets := map[string]bool{}
	for _, table := range []string{protocol, protocol + "6"} {
		text, err := os.ReadFile("/proc/net/" + table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 9 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
				sockets["socket:["+f[9]+"]"] = true
			}
		}
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		if link, err := os.Readlink(fd); err == nil && sockets[link] {
			process := filepath.Dir(filepath.Dir(fd))
			name, _ := os.ReadFile(process + "/comm")
			return fmt.Sprintf("process %s (%s)", filepath.Base(process), strings.TrimSpace(string(name)))
		}
	}
	return ""
}

// Who holds a port is told, and a port that nobody has is taken for that.
func TestHeld(t *testing.T) {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s)
	if err := unix.Bind(s, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(s, 1); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(s)
	if err != nil {
		t.Fatal(err)
	}
	port := name.(*unix.SockaddrInet4).Port
	if isFree("tcp", port) {
		t.Errorf("port %d counts as free", port)
	}
	want := fmt.Sprintf("process %d (", os.Getpid())
	if who := holder("tcp", port); !strings.HasPrefix(who, want) {
		t.Errorf("port %d is held by %q, want %q", port, who, want)
	}
	unix.Close(s)
	if !isFree("tcp", port) || holder("tcp", port) != "" {
		t.Errorf("port %d counts as held by %q", port, holder("tcp", port))
	}
}
