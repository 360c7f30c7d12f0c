package jailinit

import "runtime/debug"

// jail-init collects its garbage by itself: Go's own collector would let as much
// gather as all of it has, and waits for no pause. It reckons how much there is,
// about, in kilobytes. To ask Go's runtime would cost hundreds of them: package
// runtime/metrics has tables, and ReadMemStats files each span of memory away,
// with a page for each size of objects.
const (
	turnLitter   = 1 // of a turn of the loop
	startLitter  = 2 // of a process's start
	statusLitter = 1 // of a service's status, when it is asked for or told of
	setupLitter  = 1 // of a service of a setup

	// How much may gather. The collector's own first turns take half a megabyte
	// for good, which few services never need.
	mostLitter  = 48
	firstLitter = 256
	firstTurns  = 2
)

// rest is a turn's end. Whoever waits for jail-init has been served.
func (p *process) rest() {
	p.litter += turnLitter
	p.tidy(1)
}

// tidy gives memory back to the system, if there is so many times too much.
func (p *process) tidy(times int) {
	most := mostLitter
	if p.tidied < firstTurns {
		most = firstLitter
	}
	if p.litter >= times*most {
		p.litter = 0
		p.tidied++
		debug.FreeOSMemory()
	}
}
