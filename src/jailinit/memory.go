package jailinit

import (
	"runtime"
	"runtime/debug"
)

// garbage is how many bytes of it may gather. Go's own collector would let a
// megabyte gather at least.
const garbage = 256 << 10

// tidy gives memory back to the system, when there is enough of it.
func (p *process) tidy() {
	var m runtime.MemStats
	if runtime.ReadMemStats(&m); m.HeapAlloc < p.lived+garbage {
		return
	}
	debug.FreeOSMemory()
	runtime.ReadMemStats(&m)
	p.lived = m.HeapAlloc
}
