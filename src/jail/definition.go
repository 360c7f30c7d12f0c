// Package jail is a jail's definition: /etc/jails/NAME.toml and the defaults
// of /etc/jailmgr.toml, decoded strictly, validated, written with comments
// kept.
package jail

import (
	"fmt"
	"time"
)

// Definition is the desired state of one jail. One that came from Decode is
// valid and has every default filled in.
type Definition struct {
	Name string `toml:"-"` // from the file's name

	Base      string   `toml:"base"`  // the base layer's name; or
	Root      string   `toml:"root"`  // a directory of the administrator's own
	Level     string   `toml:"level"` // low, medium, high (the default)
	Allow     []string `toml:"allow"`
	Deny      []string `toml:"deny"`
	Ports     []string `toml:"ports"` // "8080/tcp", "8000-8099/any", "53"
	Strict    bool     `toml:"strict"`
	Observe   bool     `toml:"observe"`
	Processes uint32   `toml:"processes"` // at most, default 64; 0 for no cap
	Autostart bool     `toml:"autostart"`

	Limits   map[string]Limit `toml:"-"` // [limits], by name: see secmodel.LimitNames
	Mounts   []Mount          `toml:"mount"`
	Services []Service        `toml:"service"`
	Log      Log              `toml:"log"`
}

// Limit is a number, a size ("64 MB"), "unlimited", or { soft =, hard = }.
type Limit struct{ Soft, Hard uint64 }

// Mount is a volume or a host directory seen in the jail.
type Mount struct {
	Volume string `toml:"volume"` // kept under /var/jails/volumes; or
	Source string `toml:"source"` // an absolute host path
	At     string `toml:"at"`     // absolute, inside the jail
	Mode   string `toml:"mode"`   // ro (the default), rw
}

// Service is a process that jail-init keeps running.
type Service struct {
	Name        string            `toml:"name"`
	Command     []string          `toml:"command"` // absolute, or found in PATH inside the jail
	User        string            `toml:"user"`    // looked up inside the jail; default root
	Group       string            `toml:"group"`   // default the user's
	Directory   string            `toml:"directory"`
	Environment map[string]string `toml:"environment"`
	Umask       string            `toml:"umask"` // octal, default 022
	Limits      map[string]Limit  `toml:"-"`     // [service.limits], in place of the jail's of that name and not above it

	Type    string   `toml:"type"`    // "daemon" (the default), "oneshot"
	After   []string `toml:"after"`   // services of this jail: "db" (ready), "db:started", "setup:completed"
	Restart string   `toml:"restart"` // always (a daemon's default), on-failure, never (a oneshot's)
	Ready   string   `toml:"ready"`   // "" (started), "fd:3", "tcp:8080", "exec:/path"

	Delay    Duration `toml:"delay"`     // before the first restart after a failure, default 100ms; doubles
	MaxDelay Duration `toml:"max-delay"` // default 10s
	Healthy  Duration `toml:"healthy"`   // after a run of this length it is started at once, default 30s
	Limit    int      `toml:"limit"`     // starts within Interval before it has failed, at least 1, default 5
	Interval Duration `toml:"interval"`  // default 10s

	Health   *Health  `toml:"health"`
	Watchdog Duration `toml:"watchdog"` // how long it may give no sign of life on ready's fd; 0 for ever

	Stop   Stop     `toml:"stop"`
	Finish []string `toml:"finish"` // a command to run each time that its process has ended
}

// Health is how a service is checked while it is ready.
type Health struct {
	Check    string   `toml:"check"`    // "tcp:8080", "exec:/path"
	Interval Duration `toml:"interval"` // default 10s
	Timeout  Duration `toml:"timeout"`  // of one check, default 5s
	Failures int      `toml:"failures"` // in a row, 1 to 1000, then it is restarted; default 3
}

// Stop is how a service is stopped.
type Stop struct {
	Signal  string   `toml:"signal"`  // default TERM
	Timeout Duration `toml:"timeout"` // then KILL; default 5s
}

// Log is where a jail's lines go.
type Log struct {
	Keep     string  `toml:"keep"`     // "10 x 1 MB", see ParseKeep
	Full     string  `toml:"full"`     // "block" (the default), "drop"
	Compress *bool   `toml:"compress"` // old files; default true, and never nil in what was decoded
	Syslog   *Syslog `toml:"syslog"`
	Socket   *bool   `toml:"socket"` // the jail has a syslog socket; the same
}

// Syslog forwards lines to the host's syslogd.
type Syslog struct {
	Facility string `toml:"facility"`
	Out      string `toml:"out"` // level of standard output's lines, default info
	Err      string `toml:"err"` // of standard error's, default err
	Tag      string `toml:"tag"` // default jail-NAME
}

// Settings are /etc/jailmgr.toml.
type Settings struct {
	Parallel int      `toml:"parallel"` // jails worked on at one time, 1 to 64, default 4
	Sets     string   `toml:"sets"`     // a directory of sets to bootstrap from, default /var/jails/sets
	Defaults Defaults `toml:"-"`        // [defaults]
}

// Defaults are what a definition that leaves a key out gets.
type Defaults struct {
	Base      string           `toml:"base"`
	Level     string           `toml:"level"`
	Processes uint32           `toml:"processes"`
	Limits    map[string]Limit `toml:"-"` // [defaults.limits]
	Log       Log              `toml:"log"`
}

// Duration is written as in "1.5s", "2m".
type Duration struct{ time.Duration }

// UnmarshalText accepts what time.ParseDuration does, if it is not negative.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("not a duration: %q; write as in \"1.5s\", \"2m\"", text)
	}
	d.Duration = v
	return nil
}

// MarshalText gives what UnmarshalText takes.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
