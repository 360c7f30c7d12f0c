package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/secmodel"
)

// crashed follows the death of jail-init: the rest of the jail is killed, and
// unless it is to stop anyway, started afresh.
func (s *supervisor) crashed() {
	if s.ending {
		return
	}
	why := s.last
	s.endReload(exit.Temporary, why+"; the jail is started afresh, see: jailmgr status "+s.name)
	s.last = ""
	if s.state == stopping {
		s.finish(nil)
		return
	}
	if !s.entered && !s.adopted && s.restarts == 0 {
		s.finish(&exit.Error{Code: exit.System, Msg: fmt.Sprintf("jail %s: %s", s.name, why)})
		return
	}
	if s.loop.Now()-s.begun >= healthyAfter {
		s.deaths = 0
	}
	s.deaths++
	if s.deaths > restartLimit {
		s.finish(&exit.Error{Code: exit.Software, Msg: fmt.Sprintf("jail %s: jail-init died %d times in a row: %s", s.name, s.deaths, why)})
		return
	}
	s.restarts++
	s.spool.Remember(s.restarts, time.Time{})
	s.enterState(restarting)
	s.note("%s; killing what is left of the jail, to start it afresh", why)
	s.notice.progress(why + "; starting the jail afresh")
	old, denials := s.id, s.denials
	var made secmodel.Jail
	s.work(func() error {
		id, err := recreate(s.kernel, s.name, old, denials.last)
		if err != nil {
			return err
		}
		if made, err = s.kernel.Lookup(id.String()); errors.Is(err, secmodel.ErrNoJail) {
			err = errKilled
		}
		made.ID = id
		return err
	}, func(err error) { s.finishLog(func() { s.recreated(made, err, why) }) })
}

// recreated follows when there is a new jail in the kernel, or none could be
// made.
func (s *supervisor) recreated(made secmodel.Jail, err error, why string) {
	if made.ID != 0 {
		s.id = made.ID
	}
	switch {
	case s.state == stopping:
		s.finish(nil)
	case errors.Is(err, errKilled):
		s.note("someone has killed the jail")
		s.finish(nil)
	case err != nil:
		s.finish(fmt.Errorf("jail %s could not be created anew after %s: %w", s.name, why, err))
	default:
		s.watchDenials(made.Created)
		s.restart = s.loop.After(s.backoff(), s.launch)
	}
}

// logGrace is how long a log that takes nothing is waited for at the jail's
// end.
const logGrace = 10 * time.Second

// finishLog has all read that is left in the pipes of a jail that has ended,
// and then calls done.
func (s *supervisor) finishLog(done func()) {
	over := false
	s.log.Finish(logGrace, func() {
		over = true
		done()
	})
	if c := s.log.Counters(); !over {
		s.progress("waiting for a log that takes nothing: " + c.Blocked)
	}
}

func (s *supervisor) backoff() time.Duration {
	if s.deaths <= 1 {
		return 0
	}
	return min(restartDelay<<(s.deaths-2), restartMost)
}

var errKilled = errors.New("the jail is gone or being killed")

// recreate replaces a jail by a new one of the same name, root and
// configuration, with no process left of the old one.
func recreate(k Kernel, name string, id secmodel.ID, last func()) (secmodel.ID, error) {
	j, err := k.Lookup(id.String())
	if errors.Is(err, secmodel.ErrNoJail) || err == nil && j.State == secmodel.Dying {
		return 0, errKilled
	}
	if err != nil {
		return 0, err
	}
	all, err := k.Ports()
	if err != nil {
		return 0, err
	}
	config := j.Config
	config.Ports = nil
	for _, p := range all {
		if p.Jail == id {
			config.Ports = append(config.Ports, p.Port)
		}
	}
	if err := k.EndAfter(context.Background(), id, last); err != nil {
		return 0, err
	}
	return k.Create(name, j.Root, config)
}

// stopMost is the longest that a jail-init is waited for, which may have become
// its jail's and have told of times without end.
const stopMost = 365 * 24 * time.Hour

// stop begins the orderly stop.
func (s *supervisor) stop(timeout time.Duration, why string) {
	if s.ending {
		return
	}
	if s.state != stopping {
		s.note("stopping the jail: %s", why)
		s.enterState(stopping)
		s.endReload(exit.Temporary, "jail "+s.name+" is stopping")
	} else if timeout == 0 {
		return
	}
	if s.init == nil {
		if s.restart.Armed() {
			s.restart.Stop()
			s.finish(nil)
		}
		return // the work in progress sees that it is to stop
	}
	s.init.Send(&control.Message{ID: stopID, Op: control.OpStop, Timeout: timeout})
	// Should jail-init not do it, the kernel will.
	wait := stopGrace
	for i := range s.setup.Services {
		one := timeout
		if one == 0 {
			one = s.setup.Services[i].StopTimeout
		}
		if s.setup.Services[i].Finish {
			one *= 2
		}
		wait = min(wait+min(max(one, 0), stopMost), stopMost)
	}
	s.deadline.Stop()
	s.deadline = s.loop.After(wait, func() {
		s.note("jail-init has not stopped its services after %s; killing the jail", wait)
		s.finish(nil)
	})
}

// finish kills and destroys what there is, and ends the supervisor with err.
func (s *supervisor) finish(err error) {
	if s.ending {
		return
	}
	s.ending = true
	s.enterState(stopping)
	s.endReload(exit.Temporary, "jail "+s.name+" is stopping")
	s.deadline.Stop()
	s.restart.Stop()
	if err != nil {
		s.note("%v", err)
	}
	s.progress("killing the jail's last processes")
	id, denials := s.id, s.denials
	s.work(func() error { return s.kernel.EndAfter(context.Background(), id, denials.last) }, func(removed error) {
		if s.init != nil {
			s.init.Close()
			s.init = nil
		}
		s.finishLog(func() { s.finished(err, removed) })
	})
}

// finished follows when there is no jail any more, and its log has all.
func (s *supervisor) finished(err, removed error) {
	if removed != nil {
		removed = fmt.Errorf("jail %s could not be destroyed: %w", s.name, removed)
		s.note("%v", removed)
	} else {
		s.note("the jail is destroyed")
	}
	s.end(errors.Join(err, removed))
}

// end gives back all files and answers those who waited. The spool stays if it
// holds anything.
func (s *supervisor) end(err error) {
	s.err = err
	for _, path := range []string{
		s.layout.ControlSocket(s.name), Socket(s.layout, s.name), filepath.Join(s.layout.Run(s.name), idName),
	} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			s.note("%v", err)
		}
	}
	s.server.Close()
	s.loop.Stop()
}

// startInit starts the process jail-init with its descriptors in place. None
// of them has a name in the host's file systems: root in the jail could change
// the mode of /dev/null itself through a descriptor of it.
func startInit(name string, supervisor, listener int) (pid int, err error) {
	file, err := program("jail-init")
	if err != nil {
		return 0, err
	}
	var log, empty [2]int
	if err := unix.Pipe2(log[:], unix.O_CLOEXEC); err != nil {
		return 0, err
	}
	defer unix.Close(log[0])
	defer unix.Close(log[1])
	if err := unix.Pipe2(empty[:], unix.O_CLOEXEC); err != nil {
		return 0, err
	}
	unix.Close(empty[1]) // who reads it is at its end
	defer unix.Close(empty[0])
	// For more processors Go's runtime takes more memory as it begins.
	environment := append(jail.Environment(), "GOMAXPROCS=1")
	attr := &syscall.ProcAttr{Dir: "/", Env: environment, Sys: &syscall.SysProcAttr{Setsid: true}}
	for _, fd := range []int{empty[0], log[1], log[1], supervisor, listener, log[0]} {
		attr.Files = append(attr.Files, uintptr(fd))
	}
	return syscall.ForkExec(file, []string{"jail-init", name}, attr)
}
