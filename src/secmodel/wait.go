package secmodel

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// exits tells when processes exit; each platform has its own.
type exits interface {
	// add watches a process. It fails with os.ErrProcessDone if there is
	// none of that id, or it is a zombie.
	add(pid int) error
	// next waits until a watched process has exited, the limit has passed (0
	// for none) or interrupt was called, and returns those that have.
	next(limit time.Duration) ([]int, error)
	interrupt()
	close()
}

// A zombie leaves when its parent asks for its status; no event tells that.
// Between two looks the wait doubles from the first to the last of these.
const (
	firstLook = time.Millisecond
	lastLook  = 100 * time.Millisecond
)

// Wait returns when the jail has no member left, zombies included, or does
// not exist, or with ctx's error. It sleeps until a member exits; only for
// zombies whose parents are slow it looks again, ten times a second at most.
func (c *Client) Wait(ctx context.Context, id ID) error {
	w, err := newExits()
	if err != nil {
		return err
	}
	defer w.close()
	stop := context.AfterFunc(ctx, w.interrupt)
	defer stop()

	watched := map[int]bool{} // false: has exited
	look := firstLook
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		members, gone, err := c.members(id)
		if err != nil || gone {
			return err
		}
		added, alive := false, false
		for _, m := range members {
			running, seen := watched[m.PID]
			// The number of one that is just being made is not known.
			if !seen && !m.Zombie && m.PID != 0 {
				err := w.add(m.PID)
				if err != nil && !errors.Is(err, os.ErrProcessDone) {
					if alive {
						break // too many to watch: those that are will do
					}
					return err
				}
				running = err == nil
				watched[m.PID] = running
				added = added || running
			}
			alive = alive || running && !m.Zombie
		}
		if added {
			continue // that the ids are still the members' is to be seen
		}
		limit := time.Duration(0)
		if !alive {
			limit, look = look, min(2*look, lastLook)
		} else {
			look = firstLook
		}
		exited, err := w.next(limit)
		if err != nil {
			return err
		}
		for _, pid := range exited {
			watched[pid] = false
		}
	}
}

// End kills what is in a jail, waits until it is gone, and destroys the jail.
// A jail that does not exist is as good.
func (c *Client) End(ctx context.Context, id ID) error {
	return c.EndAfter(ctx, id, func() {})
}

// EndAfter is End, but calls last when nothing is in the jail any more, which
// is still there to be asked.
func (c *Client) EndAfter(ctx context.Context, id ID, last func()) error {
	err := c.Kill(id, int(syscall.SIGKILL))
	if err == nil {
		err = c.Wait(ctx, id)
	}
	if err == nil {
		last()
		err = c.Destroy(id)
	}
	if errors.Is(err, ErrNoJail) {
		return nil
	}
	return err
}

// members returns the processes of a jail, and whether it has none, or is
// none itself.
func (c *Client) members(id ID) ([]Process, bool, error) {
	all, err := c.Processes()
	if err != nil {
		return nil, false, err
	}
	members := all[:0]
	for _, p := range all {
		if p.Jail == id {
			members = append(members, p)
		}
	}
	if len(members) > 0 {
		return members, false, nil
	}
	j, err := c.Lookup(id.String())
	if errors.Is(err, ErrNoJail) {
		return nil, true, nil
	}
	return nil, err == nil && j.Processes == 0, err
}
