package conformance

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"jails/tests/host"
)

// peer is the effective uid of who has connected.
func peer(s int) (int, error) {
	c, err := unix.GetsockoptUcred(s, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(c.Uid), nil
}

// TestGapsAreDocumented: the page lists what is shown, and nothing else.
func TestGapsAreDocumented(t *testing.T) {
	top, err := host.Source()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(top, "share/man/jail_security.7"))
	if err != nil {
		t.Fatal(err)
	}
	names, err := pageGaps(string(b))
	check(t, err == nil && slices.Equal(names, gaps), "jail_security(7) has\n%q, %v\nand shown are\n%q", names, err, gaps)
}
