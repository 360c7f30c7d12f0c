package plan

import (
	"slices"
	"testing"
)

func TestLineIsParsed(t *testing.T) {
	for _, words := range [][]string{nil, {"0"}, {"conformance", "1"}} {
		line := Line("t0", Status, words...)
		kind, got, ok := Parse("t0", "kernel says"+line[1:len(line)-1]+"more of it")
		if !ok || kind != Status || !slices.Equal(got, words) {
			t.Errorf("%q: %q %q %v", line, kind, got, ok)
		}
	}
}

func TestForeignLinesAreNot(t *testing.T) {
	for _, line := range []string{
		"", "##vm:t0", "##vm:t0 ##", "##vm:t0 status 0", "##vm:t1 status 0##", "status 0##", "##vm: status 0##",
	} {
		if kind, words, ok := Parse("t0", line); ok {
			t.Errorf("%q: %q %q", line, kind, words)
		}
	}
}
