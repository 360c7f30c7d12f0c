package conformance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// pageGaps are the names in a page's list of what remains possible.
func pageGaps(page string) (names []string, err error) {
	_, rest, found := strings.Cut(page, "\n.Sh WHAT REMAINS POSSIBLE\n")
	if !found {
		return nil, errors.New("no section WHAT REMAINS POSSIBLE")
	}
	section, _, _ := strings.Cut(rest, "\n.Sh ")
	for line := range strings.Lines(section) {
		if name, ok := strings.CutPrefix(line, ".It Sy "); ok {
			names = append(names, strings.Trim(strings.TrimSpace(name), `"`))
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no items")
	}
	return names, nil
}
