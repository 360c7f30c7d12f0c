package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

// Doing is an act that has begun. A nil one is not recorded, and takes all
// calls.
type Doing struct {
	mu      sync.Mutex
	trail   Trail
	act     Act
	jails   []string
	begun   time.Time
	over    bool // its end is recorded
	failure io.Writer
}

// Start records that an act begins: the verb of a command, with all the
// arguments as they were given, to those jails. Where the trail takes nothing
// the act goes on all the same, and warnings say so.
func Start(trail Trail, command, verb string, args, jails []string, warnings io.Writer) *Doing {
	d := &Doing{trail: trail, jails: jails, begun: time.Now(), failure: warnings}
	// A process begins one act at a time.
	id := fmt.Sprintf("%x-%x", d.begun.UnixNano(), os.Getpid())
	d.act = Act{ID: id, Command: command, Verb: verb, Args: []string{}}
	room := maxArgs
	for _, a := range args {
		if len(a) > room {
			d.act.ArgsCut += len(a) - room
			a = a[:room]
		}
		room -= len(a)
		d.act.Args = append(d.act.Args, safe(a, maxArgs))
	}
	d.act.identify()
	d.write(Begin)
	return d
}

func (d *Doing) write(event string) {
	act := d.act
	r := &Record{Event: event, Act: &act}
	for _, name := range d.jails {
		r.Jails = append(r.Jails, safe(name, maxClaim))
	}
	if err := d.trail.Write(r); err != nil {
		fmt.Fprintf(d.failure, "%s: WARNING: the %s of this act is not in the audit trail: %v\n", d.act.Command, event, err)
	}
}

// Concerns tells which jail the act turned out to be about; its other names
// are told no more.
func (d *Doing) Concerns(jails ...string) {
	if d != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.jails = slices.Clone(jails)
	}
}

// File tells what a file held before the act and after it, nil where it was not
// there.
func (d *Doing) File(path string, before, after []byte) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.act.Files = append(d.act.Files, File{safe(path, maxClaim), digest(before), digest(after)})
}

func digest(b []byte) string {
	if b == nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Failed tells what went wrong with one of several jails.
func (d *Doing) Failed(jail string, err error) {
	if d == nil || err == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.act.Failed == nil {
		d.act.Failed = map[string]string{}
	}
	d.act.Failed[jail] = message(err, maxClaim)
}

// Leaving records that this process is about to become a program in the jail:
// what follows is not the host's to record. With false it has stayed on the
// host after all.
func (d *Doing) Leaving(into bool) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over, d.act.Became = into, into; into {
		d.end()
	}
}

// End records what came of it: the exit code, and the error if there is one. The
// first End counts.
func (d *Doing) End(code int, err error) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return
	}
	d.over = true
	d.act.Code = &code
	if err != nil {
		d.act.Error = message(err, maxError)
	}
	d.end()
}

func (d *Doing) end() {
	seconds := float64(time.Since(d.begun).Round(time.Microsecond)) / float64(time.Second)
	d.act.Seconds = &seconds
	d.write(End)
}

type key struct{}

// With gives those below the act that they do a part of.
func With(ctx context.Context, d *Doing) context.Context { return context.WithValue(ctx, key{}, d) }

// From is that act, or nil.
func From(ctx context.Context) *Doing {
	d, _ := ctx.Value(key{}).(*Doing)
	return d
}
