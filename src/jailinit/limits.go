package jailinit

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

const fileLimit = 8 // the number of RLIMIT_NOFILE in NetBSD

// limits are jail-init's own, by NetBSD's numbers. The model leaves a jail's
// init out of the jail's limits: it is jail-init that starts the services with
// them, and those that it forks are guarded as it is until they execute.
type limits struct {
	given [len(resources)]unix.Rlimit // what it was started with
	own   [len(resources)]unix.Rlimit
	most  [len(resources)]uint64 // what it may give
}

// takeLimits is for the start, on the host.
func takeLimits() (l limits, err error) {
	// At start Go raised the soft limit of open files. It puts it back before
	// an exec, and before one that fails, too: nobody executes a directory.
	if err := syscall.Exec("/", []string{""}, nil); err != unix.EACCES {
		return l, fmt.Errorf("execute a directory: %w", err)
	}
	for i, n := range resources {
		if n < 0 {
			continue
		}
		if err := unix.Getrlimit(n, &l.given[i]); err != nil {
			return l, fmt.Errorf("limit %s: %w", secmodel.LimitName(i), err)
		}
		l.own[i], l.most[i] = l.given[i], l.given[i].Max
	}
	return l, l.set(fileLimit, unix.Rlimit{Cur: l.own[fileLimit].Max, Max: l.own[fileLimit].Max})
}

// raise makes room for the limits of services, as long as it is the host's
// root: in the jail nobody may raise one.
func (l *limits) raise(services []Service) error {
	for i := range services {
		for _, want := range services[i].Limits {
			r, hard := want.Resource, native(want.Hard)
			if resources[r] < 0 || hard <= l.most[r] {
				continue
			}
			if err := l.set(r, unix.Rlimit{Cur: l.own[r].Cur, Max: hard}); err != nil {
				return fmt.Errorf("service %s: limit %s of %d: %w", services[i].Name, secmodel.LimitName(r), hard, err)
			}
			l.most[r] = hard // the kernel may have a most of its own
		}
	}
	return nil
}

func (l *limits) set(r int, to unix.Rlimit) error {
	// Not by package unix: Go is told by this that it is on purpose.
	if err := syscall.Setrlimit(resources[r], &syscall.Rlimit{Cur: to.Cur, Max: to.Max}); err != nil {
		return err
	}
	return unix.Getrlimit(resources[r], &l.own[r])
}

// allow says why a jail that runs can not have services with such limits.
func (l *limits) allow(services []Service) error {
	for i := range services {
		for _, want := range services[i].Limits {
			if r, hard := want.Resource, native(want.Hard); resources[r] >= 0 && hard > l.most[r] {
				return errors.New("the limit " + secmodel.LimitName(r) + " of service " + services[i].Name + " is above jail-init's own, " +
					strconv.FormatUint(l.most[r], 10) + ", which is raised only when the jail starts")
			}
		}
	}
	return nil
}

// limit is one to be set.
type limit struct {
	resource int // NetBSD's number
	unix.Rlimit
}

// of are those that a process of a service does not have of itself.
func (l *limits) of(s *Service) (all []limit) {
	want := l.given
	for _, w := range s.Limits {
		most := l.own[w.Resource].Max
		want[w.Resource] = unix.Rlimit{Cur: min(native(w.Soft), most), Max: min(native(w.Hard), most)}
	}
	for r, n := range resources {
		if n >= 0 && want[r] != l.own[r] {
			all = append(all, limit{r, want[r]})
		}
	}
	return all
}

// native is a limit as the system has it.
func native(v uint64) uint64 { return min(v, unix.RLIM_INFINITY) }
