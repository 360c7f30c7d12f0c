package jailinit

import (
	"maps"
	"slices"
)

// compare tells by their names in the definition which keys of a service have
// become others: those that a process is started with, so that it needs a new
// one, and those that are obeyed from now on.
func compare(old, now *Service) (anew, inPlace []string) {
	for _, k := range []struct {
		name    string
		same    bool
		process bool
	}{
		{"command", slices.Equal(old.Command, now.Command), true},
		{"user", old.User == now.User, true},
		{"group", old.Group == now.Group, true},
		{"directory", old.Directory == now.Directory, true},
		{"environment", maps.Equal(old.Environment, now.Environment), true},
		{"umask", old.Umask == now.Umask, true},
		{"limits", slices.Equal(old.Limits, now.Limits), true},
		{"type", old.Oneshot == now.Oneshot, true},
		{"ready", old.Ready == now.Ready, true},
		{"watchdog", old.Watchdog == now.Watchdog, true},
		{"after", slices.Equal(old.After, now.After), false},
		{"restart", old.Restart == now.Restart, false},
		{"delay", old.Delay == now.Delay, false},
		{"max-delay", old.MaxDelay == now.MaxDelay, false},
		{"healthy", old.Healthy == now.Healthy, false},
		{"limit", old.Limit == now.Limit, false},
		{"interval", old.Interval == now.Interval, false},
		{"health", old.Health == now.Health, false},
		{"stop", old.StopSignal == now.StopSignal && old.StopTimeout == now.StopTimeout, false},
		{"finish", slices.Equal(old.FinishCommand, now.FinishCommand), false},
	} {
		switch {
		case k.same:
		case k.process:
			anew = append(anew, k.name)
		default:
			inPlace = append(inPlace, k.name)
		}
	}
	return anew, inPlace
}
