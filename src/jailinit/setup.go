// Package jailinit is a jail's first process. The supervisor starts it on the
// host; it opens what it needs, enters the jail, and goes on as root there:
// it starts the services in order, restarts and reaps them, and stops them
// in reverse order.
//
// It is a single event loop and does nothing unless something happens. It
// keeps to the system calls themselves where os or os/exec would set up
// Go's own poller or wait for children, and it imports little: its memory
// counts once for every jail.
package jailinit

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"jails/src/secmodel"
	"jails/src/service"
)

// The descriptors that the supervisor starts it with, beside 0 (an empty pipe)
// and 1 and 2 (its own log pipe).
const (
	supervisorFD = 3 // a connection to the supervisor
	listenFD     = 4 // the control socket
	ownLogFD     = 5 // the read end of its own log pipe
	firstFreeFD  = 6
)

// OwnName stands on its own log lines in place of a service's name.
const OwnName = "jail-init"

// Setup is what the supervisor tells a new jail-init.
type Setup struct {
	Jail     string
	ID       uint32 // the kernel's
	Services []Service
	Syslog   bool // with a syslog socket
}

// Service is what it runs and how.
type Service struct {
	service.Spec
	Command       []string
	FinishCommand []string
	User, Group   string
	Directory     string
	Environment   map[string]string
	Umask         int
	Limits        []secmodel.Limit // the jail's among them
	StopSignal    int
	Ready         Readiness
	Health        Health
	Watchdog      time.Duration // how long it may give no sign of life; 0: for ever
}

// Readiness is how a service is found to be ready, if not at once.
type Readiness struct {
	FD int // the service writes a newline there; 0 for none
	Check
}

// maxServices are twice those that a definition may have: some end while those of
// a reload begin.
const maxServices = 512

// Specs are what the machine knows of the services.
func (s *Setup) Specs() []*service.Spec {
	all := make([]*service.Spec, len(s.Services))
	for i := range s.Services {
		all[i] = &s.Services[i].Spec
	}
	return all
}

// Check guards against one of another version, and against what a jail-init may
// have become: the next one makes the services' pipes on the host.
func (s *Setup) Check() error {
	if s.Jail == "" || s.ID == 0 {
		return errors.New("the setup names no jail")
	}
	if len(s.Services) > maxServices {
		return errors.New("the setup has " + strconv.Itoa(len(s.Services)) + " services")
	}
	for i := range s.Services {
		v := &s.Services[i]
		switch {
		case len(v.Command) == 0 || v.Command[0] == "":
			return errors.New("service " + v.Name + " has no command")
		case v.Name == OwnName || v.Name == SyslogStream.Service:
			return errors.New("a service can not be called " + v.Name)
		case v.Ready.FD != 0 && (v.Ready.FD < 3 || v.Ready.FD > 63):
			return errors.New("service " + v.Name + " can not be ready on descriptor " + strconv.Itoa(v.Ready.FD))
		case v.Watchdog > 0 && v.Ready.FD == 0:
			return errors.New("service " + v.Name + " has a watchdog and no descriptor to give it signs on")
		case slices.ContainsFunc(v.Limits, func(l secmodel.Limit) bool { return l.Resource < 0 || l.Resource >= len(resources) }):
			return errors.New("service " + v.Name + " has a limit that is none")
		}
		v.Probed = v.Ready != Readiness{}
		v.Finish = len(v.FinishCommand) > 0
	}
	return nil
}
