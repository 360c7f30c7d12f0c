package jailmgr

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"jails/src/command"
)

// clocks are the forms of a time by the local clock; seconds may have a
// fraction, as in what logs prints.
var clocks = [...]string{
	"15:04", "15:04:05", time.DateOnly, "2006-01-02 15:04", time.DateTime, time.RFC3339,
}

// momentOf is the time that an option names: by how long ago it was, or by the
// clock. It is the zero time where the option is not given.
func momentOf(c *cli.Context, option string) (time.Time, error) {
	if !c.IsSet(option) {
		return time.Time{}, nil
	}
	t, err := parseMoment(c.String(option), time.Now())
	if err != nil {
		return t, command.Usage(c, fmt.Errorf("option %q wants %w", "--"+option, err))
	}
	return t, nil
}

func parseMoment(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, form := range clocks {
		t, err := time.ParseInLocation(form, text, now.Location())
		if err != nil {
			continue
		}
		if t.Year() > 0 {
			return t, nil
		}
		// Of a time of the day the last one is meant.
		for back := 0; ; back++ {
			day := now.AddDate(0, 0, -back)
			at := time.Date(day.Year(), day.Month(), day.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), now.Location())
			if !at.After(now) {
				return at, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("a time, as in 10m for ten minutes ago, 15:04, or \"2006-01-02 15:04\", not %q", text)
}
