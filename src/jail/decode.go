package jail

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// rawLimits are [limits] as written: numbers, strings and tables.
type rawLimits = map[string]any

var rawLimitsType = reflect.TypeFor[rawLimits]()

type rawDefinition struct {
	Definition
	Limits   rawLimits    `toml:"limits"`
	Services []rawService `toml:"service"`
}

type rawService struct {
	Service
	Limits rawLimits `toml:"limits"`
}

type rawSettings struct {
	Settings
	Defaults rawDefaults `toml:"defaults"`
}

type rawDefaults struct {
	Defaults
	Limits rawLimits `toml:"limits"`
}

const (
	defaultLevel     = "high"
	defaultProcesses = 64
	defaultParallel  = 4
	defaultKeep      = "10 x 1 MB"
)

// DefaultSettings hold when there is no /etc/jailmgr.toml.
func DefaultSettings() *Settings {
	return &Settings{
		Parallel: defaultParallel,
		Defaults: Defaults{
			Level: defaultLevel, Processes: defaultProcesses,
			Log: Log{Keep: defaultKeep, Full: "block", Compress: new(true), Socket: new(true)},
		},
	}
}

// Decode is the definition in data, with the settings' defaults filled in.
// The jail's name is the file's without ".toml". An error about the text is
// an *Invalid with all the problems there are.
func Decode(file string, data []byte, s *Settings) (*Definition, error) {
	var raw rawDefinition
	d := parse(file, data, &raw)
	def := &raw.Definition
	def.Name = strings.TrimSuffix(filepath.Base(file), ".toml")
	if err := CheckName(def.Name); err != nil {
		d.add("", "%v", err)
	}
	if len(d.problems) == 0 {
		def.Limits = d.limits("limits", raw.Limits)
		for i, s := range raw.Services {
			s.Service.Limits = d.limits(fmt.Sprintf("service[%d].limits", i), s.Limits)
			def.Services = append(def.Services, s.Service)
		}
		d.defaults(def, s.Defaults)
		d.validate(def)
	}
	if inv := d.invalid(); inv != nil {
		return nil, inv
	}
	return def, nil
}

// DecodeSettings is /etc/jailmgr.toml's text.
func DecodeSettings(file string, data []byte) (*Settings, error) {
	var raw rawSettings
	s := DefaultSettings()
	d := parse(file, data, &raw)
	if len(d.problems) == 0 {
		if d.has("parallel") {
			s.Parallel = raw.Parallel
			if s.Parallel < 1 || s.Parallel > 64 {
				d.add("parallel", "parallel must be 1 to 64")
			}
		}
		if d.has("sets") {
			s.Sets = raw.Sets
			d.check("sets", checkPath(s.Sets))
		}
		from, to := raw.Defaults.Defaults, &s.Defaults
		to.Base = from.Base
		if d.has("defaults.level") {
			to.Level = from.Level
		}
		if d.has("defaults.processes") {
			to.Processes = from.Processes
		}
		to.Limits = d.limits("defaults.limits", raw.Defaults.Limits)
		to.Log = mergeLog(from.Log, to.Log)
		if to.Base != "" {
			d.check("defaults.base", CheckBase(to.Base))
		}
		d.checkLevel("defaults.level", to.Level)
		d.checkLog("defaults.log", &to.Log)
	}
	if inv := d.invalid(); inv != nil {
		return nil, inv
	}
	return s, nil
}

// LoadSettings reads /etc/jailmgr.toml; without one, DefaultSettings.
func (l Layout) LoadSettings() (*Settings, error) {
	data, err := Read(l.Settings())
	if errors.Is(err, os.ErrNotExist) {
		return DefaultSettings(), nil
	}
	if err != nil {
		return nil, err
	}
	return DecodeSettings(l.Settings(), data)
}

// Load reads the definition of a jail. It is os.ErrNotExist if there is
// none, an *Invalid if the text is not valid.
func (l Layout) Load(name string) (*Definition, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	return l.LoadFile(l.Definition(name))
}

// LoadFile reads a definition that stands elsewhere than Load's.
func (l Layout) LoadFile(path string) (*Definition, error) {
	s, err := l.LoadSettings()
	if err != nil {
		return nil, err
	}
	data, err := Read(path)
	if err != nil {
		return nil, err
	}
	return Decode(path, data, s)
}

// Read reads a definition, or the settings, without being held up or led to
// read without end: what is no regular file, or leads to none, is an *Invalid.
// It is os.ErrNotExist if nothing has that name. Of a file that is too large
// so much is read that Decode says so.
func Read(path string) ([]byte, error) {
	invalid := func(format string, args ...any) error {
		return &Invalid{[]Problem{{File: path, Text: fmt.Sprintf(format, args...)}}}
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, unix.ENXIO):
		return nil, invalid("not a regular file")
	case errors.Is(err, unix.ELOOP), errors.Is(err, os.ErrNotExist):
		if target, e := os.Readlink(path); e == nil {
			return nil, invalid("a symbolic link to %q, which is not there", target)
		}
		return nil, err
	case err != nil:
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil {
		return nil, err
	} else if !st.Mode().IsRegular() {
		return nil, invalid("not a regular file")
	}
	return io.ReadAll(io.LimitReader(f, fileSize+1))
}

func (d *document) limits(path string, raw rawLimits) map[string]Limit {
	if len(raw) == 0 {
		return nil
	}
	limits := make(map[string]Limit, len(raw))
	for name, v := range raw {
		at := path + "." + name
		l, err := parseLimit(v)
		if err != nil {
			d.add(at, "%s: %v", name, err)
			continue
		}
		i, err := secmodel.ParseLimit(name)
		if err != nil {
			d.add(at, "%v", err)
			continue
		}
		canonical := secmodel.LimitName(i)
		if _, twice := limits[canonical]; twice {
			d.add(at, "%s is the same limit as %s", name, canonical)
		}
		limits[canonical] = l
	}
	return limits
}

func set[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

func (d *document) defaults(def *Definition, s Defaults) {
	if !d.has("base") && !d.has("root") {
		def.Base = s.Base
	}
	if !d.has("level") {
		def.Level = s.Level
	}
	if !d.has("processes") {
		def.Processes = s.Processes
	}
	for name, l := range s.Limits {
		if _, ok := def.Limits[name]; !ok {
			if def.Limits == nil {
				def.Limits = map[string]Limit{}
			}
			def.Limits[name] = l
		}
	}
	def.Log = mergeLog(def.Log, s.Log)
	if def.Log.Syslog != nil {
		set(&def.Log.Syslog.Tag, "jail-"+def.Name)
	}
	for i := range def.Mounts {
		if !d.has(fmt.Sprintf("mount[%d].mode", i)) {
			def.Mounts[i].Mode = "ro"
		}
	}
	for i := range def.Services {
		d.serviceDefaults(fmt.Sprintf("service[%d].", i), &def.Services[i])
	}
}

func (d *document) serviceDefaults(at string, s *Service) {
	text := func(key string, v *string, to string) {
		if !d.has(at + key) {
			*v = to
		}
	}
	wait := func(key string, v *Duration, to time.Duration) {
		if !d.has(at + key) {
			v.Duration = to
		}
	}
	text("user", &s.User, "root")
	text("directory", &s.Directory, "/")
	text("umask", &s.Umask, "022")
	text("type", &s.Type, "daemon")
	restart := "always"
	if s.Type == "oneshot" {
		restart = "never"
	}
	text("restart", &s.Restart, restart)
	wait("delay", &s.Delay, 100*time.Millisecond)
	wait("max-delay", &s.MaxDelay, max(10*time.Second, s.Delay.Duration))
	wait("healthy", &s.Healthy, 30*time.Second)
	wait("interval", &s.Interval, 10*time.Second)
	if !d.has(at + "limit") {
		s.Limit = 5
	}
	if h := s.Health; h != nil {
		wait("health.interval", &h.Interval, 10*time.Second)
		wait("health.timeout", &h.Timeout, 5*time.Second)
		if !d.has(at + "health.failures") {
			h.Failures = 3
		}
	}
	text("stop.signal", &s.Stop.Signal, "TERM")
	wait("stop.timeout", &s.Stop.Timeout, 5*time.Second)
}

func mergeLog(l, from Log) Log {
	set(&l.Keep, from.Keep)
	set(&l.Full, from.Full)
	if l.Compress == nil {
		l.Compress = from.Compress
	}
	if l.Socket == nil {
		l.Socket = from.Socket
	}
	if l.Syslog == nil && from.Syslog != nil {
		copied := *from.Syslog
		l.Syslog = &copied
	}
	if l.Syslog != nil {
		set(&l.Syslog.Facility, "daemon")
		set(&l.Syslog.Out, "info")
		set(&l.Syslog.Err, "err")
	}
	return l
}
