package supervise

import (
	"context"
	"time"

	"jails/src/audit"
	"jails/src/secmodel"
)

// Events is what a supervisor needs of a secmodel.Client of its own: one of
// them waits.
type Events interface {
	Events(id secmodel.ID, since uint64) ([]secmodel.Event, error)
	NextEvents(ctx context.Context, id secmodel.ID, since uint64) ([]secmodel.Event, error)
}

// How often a jail's denials are recorded while they go on: the first at once,
// then after rests that double, so that a jail can not fill the disk with them.
// The kernel keeps the latest 64, which are read more often.
const (
	readRest  = 100 * time.Millisecond
	writeRest = time.Second
	writeMost = time.Minute
)

// denials records in the audit trail what one jail is denied, in a goroutine.
// A nil one does nothing.
type denials struct {
	events Events
	trail  audit.Trail
	tally  audit.Tally
	since  uint64 // Seq
	note   func(format string, args ...any)
	cancel context.CancelFunc
	over   chan struct{}
	failed bool // the trail, and that was said
}

// watchDenials begins with those of the jail s.id, which was made then, as the
// kernel has it. What
// another supervisor has recorded is in the trail, and not recorded again.
func (s *supervisor) watchDenials(created time.Time) {
	if s.events == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &denials{
		events: s.events, trail: audit.Trail{Path: s.layout.Audit()}, tally: audit.Tally{Jail: s.name, ID: s.id, Created: created},
		cancel: cancel, over: make(chan struct{}),
		note: func(format string, args ...any) { s.loop.Post(func() { s.note(format, args...) }) },
	}
	s.denials = d
	go d.watch(ctx)
}

func (d *denials) watch(ctx context.Context) {
	defer close(d.over)
	number, err := audit.Recorded(d.trail.Path, d.tally.ID, d.tally.Created)
	if err != nil {
		d.note("denials that are recorded already may be recorded again: %v", err)
	}
	d.tally.Number = number
	rest, due := writeRest, time.Time{}
	for {
		waiting, cancel := ctx, context.CancelFunc(func() {})
		if !d.tally.Empty() {
			waiting, cancel = context.WithDeadline(ctx, due)
		}
		asked := time.Now()
		events, err := d.events.NextEvents(waiting, d.tally.ID, d.since)
		cancel()
		d.add(events)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil || waiting.Err() != nil:
		default:
			return // it dies; last has the rest, if there is one
		}
		if quiet := time.Since(asked); quiet > rest {
			rest = writeRest
		}
		if now := time.Now(); !d.tally.Empty() && !now.Before(due) {
			d.write()
			due, rest = now.Add(rest), min(2*rest, writeMost)
		}
		select {
		case <-time.After(readRest):
		case <-ctx.Done():
			return
		}
	}
}

func (d *denials) add(events []secmodel.Event) {
	for i := range events {
		d.since = max(d.since, events[i].Seq)
	}
	d.tally.Add(events)
}

func (d *denials) write() {
	err := d.tally.Write(d.trail)
	if err != nil && !d.failed {
		d.note("what the jail was denied is not recorded: %v", err)
	}
	d.failed = err != nil
}

// stop ends the watching; what was read is recorded.
func (d *denials) stop() {
	if d != nil {
		d.cancel()
		<-d.over
		d.write()
	}
}

// last is for when nothing is in the jail any more: it records all that there
// still is.
func (d *denials) last() {
	if d == nil {
		return
	}
	d.cancel()
	<-d.over
	events, err := d.events.Events(d.tally.ID, d.since)
	if err != nil {
		d.note("the last of what the jail was denied is not recorded: %v", err)
	}
	d.add(events)
	d.write()
}
