package logs

import (
	"runtime/debug"
	"sync/atomic"
	"time"

	"jails/src/event"
)

// packAfter is how long an old file stays as it is. In a flood most of them are
// removed within this time, and never compressed.
const packAfter = 5 * time.Second

// packer compresses old files beside the writing.
type packer struct {
	timer *event.Timer
	ended chan struct{} // not nil: it compresses, until this is closed
	stop  atomic.Bool
	said  string // of its last failure
}

// startPacking removes what one who was killed while he compressed has left,
// and goes on.
func (w *Writer) startPacking() {
	if err := sweep(w.file.Dir); err != nil {
		w.Note(ownService, err.Error())
	}
	w.file.plain = isPlain(w.file.Dir)
	w.packLater()
}

// packLater sees to it that old files are compressed.
func (w *Writer) packLater() {
	if w.file.plain && w.file.Compress && w.packer.ended == nil && w.packer.timer == nil {
		w.packer.timer = w.loop.After(packAfter, w.pack)
	}
}

func (w *Writer) pack() {
	w.packer.timer = nil
	w.file.plain = false
	if !w.file.Compress {
		return
	}
	ended, dir := make(chan struct{}), w.file.Dir
	w.packer.ended = ended
	go func() {
		defer close(ended)
		err := compress(dir, &w.packer.stop)
		w.loop.Post(func() { w.packed(err) })
	}()
}

// packed follows when all is compressed that could be.
func (w *Writer) packed(err error) {
	w.packer.ended = nil
	debug.FreeOSMemory() // the compressor takes some
	said := ""
	if err != nil {
		said = "an old log is not compressed: " + err.Error()
	}
	if said != w.packer.said && said != "" {
		w.Note(ownService, said)
	}
	w.packer.said = said
	w.packLater()
}

// stopPacking leaves the file as it is that is being compressed.
func (w *Writer) stopPacking() {
	w.packer.timer.Stop()
	w.packer.stop.Store(true)
	if w.packer.ended != nil {
		<-w.packer.ended
	}
}
