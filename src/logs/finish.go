package logs

import (
	"time"

	"jails/src/event"
)

// finishing is a Finish that is under way.
type finishing struct {
	done func()
	drop bool         // what the Writer's was before
	late *event.Timer // when it gives up
}

// Finish reads all that is left in the pipes of services that have all ended,
// closes them, and then calls done. For so long as limit it waits for a file
// that takes nothing. What it does not take then, or at once where lines are
// dropped anyway, is counted as dropped; the count is told in the log as soon
// as there is room, also by the next who opens the spool.
func (w *Writer) Finish(limit time.Duration, done func()) {
	w.finish = &finishing{done: done, drop: w.drop}
	if limit <= 0 || w.drop {
		w.giveUp()
		return
	}
	w.finish.late = w.loop.After(limit, w.giveUp)
	w.goOnFinishing()
}

// giveUp waits no longer.
func (w *Writer) giveUp() {
	w.drop = true
	if w.paused() {
		w.put()
	}
	w.goOnFinishing()
}

// goOnFinishing does what is left to do, as far as the file takes it.
func (w *Writer) goOnFinishing() {
	f := w.finish
	if f == nil {
		return
	}
	w.finish = nil // what follows may lead to here again
	if !w.readRest() {
		w.finish = f
		return
	}
	f.late.Stop()
	if w.count.unsaid > 0 {
		w.again()
	}
	w.drop = f.drop
	w.retry.Stop()
	w.retry, w.blocked = nil, ""
	w.out = nil
	f.done()
}

// readRest ends all streams, and says whether the file has taken it all, or it
// was dropped.
func (w *Writer) readRest() bool {
	for _, s := range w.streams {
		if w.paused() {
			return false
		}
		all := w.drain(s)
		if w.paused() {
			return false
		}
		if !all {
			stream := w.spool.lanes[s.lane]
			w.Note(ownService, "the rest of "+stream.stream+" of "+stream.service+" is not kept: someone else still writes to it")
		}
		w.remove(s)
	}
	if !w.paused() {
		w.Settle(w.spool.jail)
	}
	if !w.paused() {
		w.tellNotes()
	}
	return !w.paused()
}
