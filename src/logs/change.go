package logs

// Settings are what may be changed while a Writer writes.
type Settings struct {
	Keep     int   // files
	Size     int64 // bytes of each
	Compress bool  // old ones
	Syslog   *Syslog
	Drop     bool // lines, where the services would else have to wait
}

// Configure changes the settings. The lines that syslogd did not take stay
// counted.
func (w *Writer) Configure(s Settings) {
	w.file.Keep, w.file.Size, w.file.Compress = s.Keep, s.Size, s.Compress
	if w.syslog != nil {
		w.syslog.Close()
	}
	if s.Syslog != nil {
		s.Syslog.Dropped = w.Counters().SyslogDropped
	}
	w.syslog = s.Syslog
	w.drop = s.Drop
	if w.drop && w.paused() {
		w.put()
	}
}

// End is for a service that is no more: what is left in its pipes is read, its
// last line ended, and its streams are forgotten; then done is called. While
// the file takes nothing, and lines are not dropped, that has to wait.
func (w *Writer) End(service string, done func()) {
	e := &ending{done: done}
	for _, s := range w.streams {
		if w.spool.lanes[s.lane].service == service {
			s.ending = e
			e.left++
		}
	}
	if e.left == 0 {
		done()
		return
	}
	w.endStreams()
}

// ending is what becomes of a service that is no more.
type ending struct {
	left int // streams
	done func()
}

// Keep takes End back for a stream, and says whether that is read still.
func (w *Writer) Keep(service, stream string) bool {
	s := w.reading(service, stream)
	if s == nil || s.ending == nil {
		return false
	}
	s.ending = nil
	return true
}

// endStreams ends those that are to end, if it may read.
func (w *Writer) endStreams() {
	for _, s := range w.streams {
		e := s.ending
		if e == nil || w.paused() {
			continue
		}
		all := w.drain(s)
		if w.paused() || s.ending != e { // the file takes lines again, and it was done below
			continue
		}
		s.ending = nil
		if !all {
			l := w.spool.lanes[s.lane]
			w.Note(ownService, "the rest of "+l.stream+" of "+l.service+" is not kept: someone else still writes to it")
		}
		w.remove(s)
		if e.left--; e.left == 0 {
			e.done()
		}
	}
}
