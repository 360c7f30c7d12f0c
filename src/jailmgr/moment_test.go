package jailmgr

import (
	"testing"
	"time"
)

func TestParseMoment(t *testing.T) {
	zone := time.FixedZone("test", 2*60*60)
	now := time.Date(2026, 3, 1, 3, 4, 5, 0, zone)
	for text, want := range map[string]string{
		"10m":                         "2026-03-01T02:54:05+02:00",
		"0s":                          "2026-03-01T03:04:05+02:00",
		"03:04":                       "2026-03-01T03:04:00+02:00",
		"03:04:05":                    "2026-03-01T03:04:05+02:00",
		"03:05":                       "2026-02-28T03:05:00+02:00",
		"2026-02-28":                  "2026-02-28T00:00:00+02:00",
		"2026-02-28 23:15":            "2026-02-28T23:15:00+02:00",
		"2026-02-28 23:15:07.123":     "2026-02-28T23:15:07.123+02:00",
		"2026-02-28T23:15:07.123456Z": "2026-02-28T23:15:07.123456Z",
		"":                            "", "yesterday": "", "-5m": "", "24:00": "", "2026-02-30": "", "5": "",
	} {
		got, err := parseMoment(text, now)
		if want == "" {
			if err == nil {
				t.Errorf("%q: %v", text, got)
			}
			continue
		}
		if s := got.Format(time.RFC3339Nano); s != want || err != nil {
			t.Errorf("%q: %s, %v, want %s", text, s, err, want)
		}
	}
}
