package supervise

import (
	"fmt"
	"slices"

	"jails/src/event"
	"jails/src/jail"
	"jails/src/jailinit"
	"jails/src/logs"
	"jails/src/secmodel"
	"jails/src/service"
)

// setup is what jail-init is told of a valid definition.
func setup(def *jail.Definition) (*jailinit.Setup, error) {
	s := &jailinit.Setup{Jail: def.Name, Syslog: def.Log.Socket != nil && *def.Log.Socket}
	for i := range def.Services {
		v, err := convert(&def.Services[i])
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", def.Services[i].Name, err)
		}
		if v.Limits, err = def.LimitsOf(&def.Services[i]); err != nil {
			return nil, fmt.Errorf("service %s: %w", v.Name, err)
		}
		s.Services = append(s.Services, v)
	}
	_, err := service.New(s.Specs(), nil)
	return s, err
}

// within is a setup in which no service has limits above the jail's. The
// kernel's word counts: it may have others than the definition, and a setup may
// have come from a jail-init.
func within(s *jailinit.Setup, jail []secmodel.Limit) *jailinit.Setup {
	out := *s
	out.Services = slices.Clone(s.Services)
	for i := range out.Services {
		limits := slices.Clone(out.Services[i].Limits)
		for _, most := range jail {
			k := slices.IndexFunc(limits, func(l secmodel.Limit) bool { return l.Resource == most.Resource })
			if k < 0 {
				limits = append(limits, most)
				continue
			}
			limits[k].Hard = min(limits[k].Hard, most.Hard)
			limits[k].Soft = min(limits[k].Soft, limits[k].Hard)
		}
		slices.SortFunc(limits, func(a, b secmodel.Limit) int { return a.Resource - b.Resource })
		out.Services[i].Limits = limits
	}
	return &out
}

func convert(d *jail.Service) (jailinit.Service, error) {
	s := jailinit.Service{
		Command: d.Command, FinishCommand: d.Finish, User: d.User, Group: d.Group,
		Watchdog:  d.Watchdog.Duration,
		Directory: d.Directory, Environment: d.Environment,
		Spec: service.Spec{
			Name: d.Name, Oneshot: d.Type == "oneshot",
			Delay: d.Delay.Duration, MaxDelay: d.MaxDelay.Duration, Healthy: d.Healthy.Duration,
			Limit: d.Limit, Interval: d.Interval.Duration,
			StopTimeout: d.Stop.Timeout.Duration, Finish: len(d.Finish) > 0,
		},
	}
	switch d.Restart {
	case "on-failure":
		s.Restart = service.OnFailure
	case "never":
		s.Restart = service.Never
	}
	for _, a := range d.After {
		on, state, err := jail.ParseAfter(a)
		if err != nil {
			return s, err
		}
		until := service.UntilReady
		switch state {
		case "started":
			until = service.UntilStarted
		case "completed":
			until = service.UntilCompleted
		}
		s.After = append(s.After, service.Dependency{Service: on, Until: until})
	}
	var err error
	if s.Umask, err = jail.ParseUmask(d.Umask); err != nil {
		return s, err
	}
	probe, err := jail.ParseReady(d.Ready)
	if err != nil {
		return s, err
	}
	s.Ready = jailinit.Readiness{FD: probe.FD, Check: jailinit.Check{Addr: probe.Addr, Path: probe.Path}}
	s.Probed = s.Ready != jailinit.Readiness{}
	if h := d.Health; h != nil {
		check, err := jail.ParseReady(h.Check)
		if err != nil {
			return s, err
		}
		s.Health = jailinit.Health{Check: jailinit.Check{Addr: check.Addr, Path: check.Path},
			Interval: h.Interval.Duration, Timeout: h.Timeout.Duration, Failures: h.Failures}
	}
	signal, err := jail.ParseSignal(d.Stop.Signal)
	if err != nil {
		return s, err
	}
	s.StopSignal = int(signal)
	return s, nil
}

// writer makes what the definition says of the log.
func writer(loop *event.Loop, dir string, l *jail.Log, spool *logs.Spool) (*logs.Writer, error) {
	s, err := settings(l)
	if err != nil {
		return nil, err
	}
	return logs.NewWriter(loop, &logs.File{Dir: dir, Keep: s.Keep, Size: s.Size, Compress: s.Compress}, s.Syslog, s.Drop, spool), nil
}

// settings are what the definition says of the log.
func settings(l *jail.Log) (logs.Settings, error) {
	keep, size, err := jail.ParseKeep(l.Keep)
	out := logs.Settings{Keep: keep, Size: int64(size), Compress: *l.Compress, Drop: l.Full == "drop"}
	if err != nil {
		return out, err
	}
	if s := l.Syslog; s != nil {
		lines, err := jail.Priority(s.Facility, s.Out)
		if err != nil {
			return out, err
		}
		errs, err := jail.Priority(s.Facility, s.Err)
		if err != nil {
			return out, err
		}
		out.Syslog = logs.NewSyslog(lines, errs, s.Tag)
	}
	return out, nil
}
