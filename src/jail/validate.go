package jail

import (
	"fmt"
	"math"
	"path"
	"strings"

	"jails/src/secmodel"
	"jails/src/service"
)

// At most this many, so that no definition makes jail-init large.
const (
	maxServices = 256
	maxMounts   = 256
)

func (d *document) check(path string, err error) {
	if err != nil {
		d.add(path, "%v", err)
	}
}

func (d *document) oneOf(path, key, value string, values ...string) {
	for _, v := range values {
		if v == value {
			return
		}
	}
	last := len(values) - 1
	d.add(path, "unknown %s %q: it is %s or %s%s", key, value, strings.Join(values[:last], ", "), values[last], meant(value, values))
}

func (d *document) validate(def *Definition) {
	switch {
	case def.Base != "" && def.Root != "":
		d.add("root", "base and root are both given; a jail has one of them")
	case def.Root != "":
		d.check("root", checkPath(def.Root))
		if def.Root == "/" {
			d.add("root", "the host's own root can not be a jail's")
		}
	case def.Base != "" || d.has("base"):
		d.check("base", CheckBase(def.Base))
	default:
		d.add("", "no base: add base = \"NAME\" (see: jailmgr list --bases), or root = \"/directory\"")
	}
	d.checkLevel("level", def.Level)
	d.words(def)
	d.ports(def.Ports)
	if def.Processes > math.MaxInt32 {
		d.add("processes", "processes is at most %d", math.MaxInt32)
	}
	d.mounts(def.Mounts)
	d.services(def.Services)
	for i := range def.Services {
		d.serviceLimits(fmt.Sprintf("service[%d].limits", i), def.Services[i].Limits, def.Limits)
	}
	d.checkLog("log", &def.Log)
}

func (d *document) checkLevel(path, level string) {
	_, err := secmodel.ParseLevel(level)
	d.check(path, err)
}

func (d *document) words(def *Definition) {
	allowed := map[string]bool{}
	check := func(key string, words []string) {
		seen := map[string]bool{}
		for i, w := range words {
			at := fmt.Sprintf("%s[%d]", key, i)
			switch {
			case CheckName(w) != nil:
				d.add(at, "bad word %q; see: jailctl policy --words", w)
			case seen[w]:
				d.add(at, "%s has %q twice", key, w)
			case key == "deny" && allowed[w]:
				d.add(at, "%q is both allowed and denied", w)
			}
			seen[w] = true
			if key == "allow" {
				allowed[w] = true
			}
		}
	}
	check("allow", def.Allow)
	check("deny", def.Deny)
}

func (d *document) ports(ports []string) {
	if len(ports) > secmodel.MaxPorts {
		d.add("ports", "%d port ranges; a jail has at most %d", len(ports), secmodel.MaxPorts)
		return
	}
	var ranges []secmodel.PortRange
	for i, p := range ports {
		at := fmt.Sprintf("ports[%d]", i)
		r, err := secmodel.ParsePorts(p)
		if err != nil {
			d.add(at, "%v", err)
			continue
		}
		for _, other := range ranges {
			if Overlap(r, other) {
				d.add(at, "port %q overlaps \"%s\"", p, other)
				break
			}
		}
		ranges = append(ranges, r)
	}
}

func (d *document) mounts(mounts []Mount) {
	if len(mounts) > maxMounts {
		d.add("mount", "%d mounts; a jail has at most %d", len(mounts), maxMounts)
	}
	seen := map[string]bool{}
	for i, m := range mounts {
		at := fmt.Sprintf("mount[%d]", i)
		switch {
		case m.Volume == "" && m.Source == "":
			d.add(at, "a mount needs volume = \"NAME\" or source = \"/directory\"")
		case m.Volume != "" && m.Source != "":
			d.add(at+".source", "volume and source are both given; a mount has one of them")
		case m.Volume != "":
			d.check(at+".volume", CheckName(m.Volume))
		default:
			d.check(at+".source", checkPath(m.Source))
		}
		d.oneOf(at+".mode", "mode", m.Mode, "ro", "rw")
		if m.At == "" {
			d.add(at, "a mount needs at = \"/directory\", where the jail sees it")
			continue
		}
		if err := checkPath(m.At); err != nil {
			d.add(at+".at", "%v", err)
			continue
		}
		switch top, _, _ := strings.Cut(m.At[1:], "/"); {
		case m.At == "/":
			d.add(at+".at", "a mount can not cover the jail's root")
		case top == "dev" || top == "proc":
			d.add(at+".at", "%s is made by jailmgr; mount elsewhere", "/"+top)
		case seen[m.At]:
			d.add(at+".at", "two mounts at %s", m.At)
		}
		seen[m.At] = true
	}
	for i, m := range mounts {
		if !seen[m.At] {
			continue
		}
		for dir := path.Dir(m.At); dir != "/"; dir = path.Dir(dir) {
			if seen[dir] {
				d.add(fmt.Sprintf("mount[%d].at", i), "%s lies in the mount at %s, where another jail or program could put a link in its way; mount it elsewhere", m.At, dir)
				break
			}
		}
	}
}

func (d *document) services(services []Service) {
	if len(services) > maxServices {
		d.add("service", "%d services; a jail has at most %d", len(services), maxServices)
		return
	}
	index := map[string]int{}
	names := make([]string, 0, len(services))
	for i := range services {
		s := &services[i]
		at := fmt.Sprintf("service[%d]", i)
		if s.Name == "" {
			d.add(at, "a service needs name = \"…\"")
		} else if err := CheckName(s.Name); err != nil {
			d.add(at+".name", "%v", err)
		} else if s.Name == "jail-init" || s.Name == "supervisor" || s.Name == "syslog" {
			d.add(at+".name", "a service can not be called %s: that is the name on %s's own log lines", s.Name, s.Name)
		} else if _, twice := index[s.Name]; twice {
			d.add(at+".name", "two services are called %q", s.Name)
		}
		index[s.Name] = i
		names = append(names, s.Name)
		d.service(at, s)
	}
	for i, s := range services {
		for j, a := range s.After {
			at := fmt.Sprintf("service[%d].after[%d]", i, j)
			on, until, err := ParseAfter(a)
			if err != nil {
				d.add(at, "%v", err)
			} else if k, ok := index[on]; !ok {
				d.add(at, "service %s waits for %q, which is no service of this jail%s", s.Name, on, meant(on, names))
			} else if other := &services[k]; until == "completed" && other.Type == "daemon" && other.Restart == "always" {
				d.add(at, "service %s waits for %s to complete, which is always restarted; make it type = \"oneshot\", or wait for \"%[2]s\"", s.Name, on)
			}
		}
	}
	cycle := service.Cycle(len(services), func(i int) (on []int) {
		for _, a := range services[i].After {
			name, _, _ := strings.Cut(a, ":")
			if j, ok := index[name]; ok {
				on = append(on, j)
			}
		}
		return on
	})
	if cycle != nil {
		err := &service.CycleError{}
		for _, i := range cycle {
			err.Services = append(err.Services, services[i].Name)
		}
		d.add(fmt.Sprintf("service[%d].after", cycle[0]), "%v", err)
	}
}

func (d *document) service(at string, s *Service) {
	d.command(at+".command", s.Command, "service "+s.Name+" has no command")
	if d.has(at + ".finish") {
		d.command(at+".finish", s.Finish, "finish is empty; leave it out")
	}
	d.user(at+".user", s.User)
	if s.Group != "" || d.has(at+".group") {
		d.user(at+".group", s.Group)
	}
	d.check(at+".directory", checkPath(s.Directory))
	for k, v := range s.Environment {
		if k == "" || strings.ContainsAny(k, "=\x00") || strings.ContainsRune(v, 0) {
			d.add(at+".environment."+k, "bad environment variable %q: a name has no \"=\", and neither name nor value a NUL", k)
		}
	}
	_, err := ParseUmask(s.Umask)
	d.check(at+".umask", err)
	d.oneOf(at+".type", "type", s.Type, "daemon", "oneshot")
	d.oneOf(at+".restart", "restart", s.Restart, "always", "on-failure", "never")
	if s.Type == "oneshot" && s.Restart == "always" {
		d.add(at+".restart", "a oneshot can not be restarted always; write \"on-failure\" or \"never\"")
	}
	ready, err := ParseReady(s.Ready)
	d.check(at+".ready", err)
	if d.has(at + ".watchdog") {
		switch {
		case s.Watchdog.Duration == 0:
			d.add(at+".watchdog", "a watchdog's time must be longer than nothing")
		case err == nil && ready.Kind != "fd":
			d.add(at+".watchdog", "a watchdog needs ready = \"fd:3\": that is where the service gives signs of life")
		}
	}
	if s.Health != nil {
		d.health(at+".health", s)
	}
	if s.Type == "oneshot" && s.Ready != "" {
		d.add(at+".ready", "a oneshot is ready when it has completed; leave ready out")
	}
	if s.MaxDelay.Duration < s.Delay.Duration {
		d.add(at+".max-delay", "max-delay %v is below delay %v", s.MaxDelay, s.Delay)
	}
	if s.Limit < 1 || s.Limit > 1000 {
		d.add(at+".limit", "limit is 1 to 1000 starts within the interval")
	}
	if s.Interval.Duration == 0 {
		d.add(at+".interval", "interval must be longer than nothing")
	}
	if _, err := ParseSignal(s.Stop.Signal); err != nil {
		d.add(at+".stop.signal", "%v", err)
	}
	s.Stop.Signal = strings.TrimPrefix(s.Stop.Signal, "SIG")
}

// serviceLimits checks that a service's limits are none above the jail's.
func (d *document) serviceLimits(at string, own, jail map[string]Limit) {
	for name, l := range own {
		if most, ok := jail[name]; ok && l.Hard > most.Hard {
			d.add(at+"."+name, "%s is above the jail's limit, %d", name, most.Hard)
		}
	}
}

func (d *document) health(at string, s *Service) {
	h := s.Health
	switch check, err := ParseReady(h.Check); {
	case s.Type == "oneshot":
		d.add(at, "a oneshot is never ready, and so not checked; leave health out")
	case h.Check == "" || err == nil && check.Kind == "fd":
		d.add(at+".check", "health needs check = \"tcp:8080\" or \"exec:/path\"")
	case err != nil:
		d.add(at+".check", "%s", strings.Replace(err.Error(), "bad ready", "bad check", 1))
	}
	if h.Interval.Duration == 0 {
		d.add(at+".interval", "interval must be longer than nothing")
	}
	if h.Timeout.Duration == 0 {
		d.add(at+".timeout", "timeout must be longer than nothing")
	}
	if h.Failures < 1 || h.Failures > 1000 {
		d.add(at+".failures", "failures is 1 to 1000")
	}
}

func (d *document) command(at string, words []string, empty string) {
	if len(words) == 0 || words[0] == "" {
		d.add(at, "%s", empty)
	} else if c := words[0]; strings.Contains(c, "/") && (c[0] != '/' || path.Clean(c) != c) {
		d.add(at, "command %q: write an absolute path, or a name found in PATH", c)
	}
	for i, a := range words {
		if strings.ContainsRune(a, 0) {
			d.add(fmt.Sprintf("%s[%d]", at, i), "an argument can not hold a NUL")
		}
	}
}

func (d *document) user(at, name string) {
	if name == "" || len(name) > 64 || strings.ContainsAny(name, ":/\x00\n\t ") || name[0] == '-' {
		d.add(at, "bad user or group %q: write a name or a number", name)
	}
}

func (d *document) checkLog(at string, l *Log) {
	if _, _, err := ParseKeep(l.Keep); err != nil {
		d.add(at+".keep", "%v", err)
	}
	d.oneOf(at+".full", "full", l.Full, "block", "drop")
	s := l.Syslog
	if s == nil {
		return
	}
	at += ".syslog"
	d.oneOf(at+".facility", "facility", s.Facility, facilities...)
	d.oneOf(at+".out", "level of syslog", s.Out, severities...)
	d.oneOf(at+".err", "level of syslog", s.Err, severities...)
	if len(s.Tag) > 48 || strings.IndexFunc(s.Tag, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' || r == '[' }) >= 0 {
		d.add(at+".tag", "bad tag %q: at most 48 printable characters, no space, \":\", \"[\"", s.Tag)
	}
}
