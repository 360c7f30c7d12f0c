package session

import (
	"slices"
	"testing"
)

// What becomes a process of the jail brings nothing that its root could read
// there before the program runs.
func TestPassed(t *testing.T) {
	t.Setenv("JAILS_PREFIX", "/p")
	t.Setenv("TERM", "vt220")
	t.Setenv("SECRET", "x")
	const path = "PATH=/sbin:/usr/sbin:/bin:/usr/bin"
	for terminal, want := range map[bool][]string{false: {path, "JAILS_PREFIX=/p"}, true: {path, "JAILS_PREFIX=/p", "TERM=vt220"}} {
		got := slices.DeleteFunc((&Program{Terminal: terminal}).passed(), func(v string) bool { return v[0] == 'H' }) // the tests' model
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
