package jailinit

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jails/src/service"
)

const closedFD = ^uintptr(0)

// spawn starts the process of service i in a session of its own.
func (p *process) spawn(i int) (int, error) {
	p.litter += startLitter
	s := p.services[i]
	p.jobs[i].runs = s
	out, errfd := p.outputs(i)
	files := []uintptr{0, uintptr(out), uintptr(errfd)}
	notify := -1
	if s.Ready.FD > 0 {
		w, err := p.openNotify(i)
		if err != nil {
			return 0, err
		}
		notify = w
		for len(files) < s.Ready.FD {
			files = append(files, closedFD)
		}
		files = append(files, uintptr(w))
	}
	pid, err := p.system.start(s, s.Command, nil, files)
	if notify >= 0 {
		unix.Close(notify)
		if err != nil {
			p.endProbe(i)
		}
	}
	return pid, err
}

// startFinish runs a service's finish command, with how its process ended in
// the environment.
func (p *process) startFinish(i int, a service.Action) {
	p.litter += startLitter
	s := p.jobs[i].runs
	finished := func(exit service.Exit) {
		p.jobs[i].finish = 0
		if !exit.OK() {
			p.say(s.Name, "its finish command: "+exit.String())
		}
		p.happen(service.Event{Kind: service.Finished, Service: i, Exit: exit})
	}
	more := map[string]string{"JAIL_SERVICE": s.Name, "JAIL_PID": strconv.Itoa(a.PID), "JAIL_EXIT": "", "JAIL_SIGNAL": ""}
	if a.Exit.Signal != 0 {
		more["JAIL_SIGNAL"] = strings.TrimPrefix(unix.SignalName(unix.Signal(a.Exit.Signal)), "SIG")
	} else {
		more["JAIL_EXIT"] = strconv.Itoa(a.Exit.Code)
	}
	out, errfd := p.outputs(i)
	pid, err := p.system.start(s, s.FinishCommand, more, []uintptr{0, uintptr(out), uintptr(errfd)})
	if err != nil {
		finished(service.Exit{Error: err.Error()})
		return
	}
	p.jobs[i].finish = pid
	p.children[pid] = func(exit service.Exit) {
		p.kill(-pid, unix.SIGKILL) // what it left behind
		finished(exit)
	}
}

// noRoom says whether a start may succeed later without anyone's doing.
func noRoom(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)
}
