package jailinit

import "runtime/debug"

// jail-init collects its garbage by itself: Go's own collector would let as much
// gather as all of it has, and waits for no pause. It reckons what there is, in
// kilobytes, and rather too much. To ask Go's runtime would cost hundreds of
// them: package runtime/metrics has tables, and ReadMemStats files each span of
// memory away, with a page for each size of objects.
const (
	turnLitter   = 1 // of a turn of the loop
	startLitter  = 3 // of a process's start
	statusLitter = 1 // of a service's status, when it is asked for or told of
	setupLitter  = 4 // of each byte of a setup

	mostLitter = 64
)

// rest is a turn's end. Whoever waits for jail-init has been served.
func (p *process) rest() {
	p.litter += turnLitter
	p.tidy(mostLitter)
}

// tidy gives memory back to the system, if there is much of it.
func (p *process) tidy(much int) {
	if p.litter >= much {
		p.litter = 0
		debug.FreeOSMemory()
	}
}
