package jail

import "testing"

func TestPriority(t *testing.T) {
	for _, c := range []struct {
		facility, severity string
		want               int
	}{{"kern", "emerg", 0}, {"daemon", "err", 27}, {"ftp", "debug", 95}, {"local3", "info", 158}, {"local7", "debug", 191}, {"none", "err", -1}, {"daemon", "loud", -1}, {"", "err", -1}} {
		if got, err := Priority(c.facility, c.severity); (err == nil) != (c.want >= 0) || err == nil && got != c.want {
			t.Errorf("%s.%s: %d %v", c.facility, c.severity, got, err)
		}
	}
}
