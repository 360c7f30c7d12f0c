package command

import "testing"

func TestSignal(t *testing.T) {
	for s, want := range map[string]int{"KILL": 9, "SIGTERM": 15, "term": 15, "9": 9, "sighup": 1} {
		if got, err := Signal(s); err != nil || got != want {
			t.Errorf("Signal(%q) = %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "0", "-9", "KIL", "SIG", "999", "9x"} {
		if got, err := Signal(s); err == nil {
			t.Errorf("Signal(%q) = %d", s, got)
		}
	}
}
