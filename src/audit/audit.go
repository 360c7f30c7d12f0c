// Package audit is the trail of what administrators did to jails and of what
// jails were denied: one file of JSON lines, which is only ever appended to,
// and the same lines through syslogd.
//
// An act has two records, one when it begins and one when it ends, with the
// same id; the second has all that the first had. An act without a second one
// was killed, or goes on.
//
// It uses neither os.File nor timers: a process that is about to enter a jail
// must not have the event queue that the runtime would make for them.
package audit

import (
	"encoding/json"
	"time"

	"jails/src/logs"
	"jails/src/output"
)

// What a Record tells of, by its Event.
const (
	Begin  = "begin"
	End    = "end"
	Denied = "denied"

	// Damaged is what a reader makes of a line that is no record.
	Damaged = "damaged"
)

// AllJails stands in Record.Jails for those that the act chooses itself.
const AllJails = "*"

// Record is a line of the trail. Text in it is safe on a terminal.
type Record struct {
	Time  time.Time `json:"time"` // when it was written, in UTC
	Event string    `json:"event"`
	Jails []string  `json:"jails"` // by name, or as they were named
	*Act
	*Denial
	Text string `json:"text,omitempty"` // of what is damaged
}

// Act is what someone did, or tries to do.
type Act struct {
	ID        string   `json:"id"`
	Command   string   `json:"command"` // jailctl, jailmgr
	Verb      string   `json:"verb"`
	Args      []string `json:"args"` // all that stood behind the command
	ArgsCut   int      `json:"args_cut,omitempty"`
	UID       uint32   `json:"uid"`   // the real user's
	User      string   `json:"user"`  // of that id, "" if it has no name
	Login     string   `json:"login"` // who logged in, as the kernel remembers it; "" if nobody
	TTY       string   `json:"tty"`   // the controlling terminal, "" without one
	PID       int      `json:"pid"`
	Parent    int      `json:"ppid"`
	Directory string   `json:"directory"`
	// Hearsay is what the environment claims: whoever runs the command
	// chooses it.
	Hearsay map[string]string `json:"hearsay,omitempty"`

	// At its end.
	Code    *int              `json:"code,omitempty"`    // the exit code; none if it became a program in the jail
	Became  bool              `json:"became,omitempty"`  // that program
	Error   string            `json:"error,omitempty"`   // of the whole
	Failed  map[string]string `json:"failed,omitempty"`  // errors by jail, where there are several
	Files   []File            `json:"files,omitempty"`   // that it changed, or that said what to do
	Seconds *float64          `json:"seconds,omitempty"` // from begin to end
}

// File is a file's content before and after an act, as SHA-256 in hexadecimal;
// "" where it was not there. One that was only read has the same for both.
type File struct {
	Path   string `json:"path"` // "-": standard input
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Denial is what one jail was denied, in sum.
type Denial struct {
	JailID  uint32    `json:"jail_id"`
	Created time.Time `json:"jail_created"` // as the kernel says it of that jail, whatever the clock says since
	Result  string    `json:"result"`       // refused, observed
	Scope   string    `json:"scope"`
	Action  string    `json:"action"` // as in jailctl policy; "" where only lost ones are told of
	Count   uint64    `json:"count"`
	Lost    uint64    `json:"lost"`  // of any action, that the kernel counted and no more had
	First   time.Time `json:"first"` // of those that are counted here
	Last    time.Time `json:"last"`
	Number  uint64    `json:"number"`       // the kernel's, of the jail's latest that this or an earlier record has
	Program string    `json:"program"`      // of the latest
	Process int       `json:"process"`      // of the latest
	User    uint32    `json:"process_user"` // of the latest
}

// The most of what a record holds of what others chose, in bytes.
const (
	maxArgs  = 16 << 10
	maxError = 2 << 10
	maxClaim = 256
)

// safe is text as a record holds it: of at most so many bytes of it, and so
// that all of them can be told again.
func safe(text string, most int) string {
	cut := ""
	if len(text) > most {
		text, cut = text[:most], "…"
	}
	return string(logs.AppendSafe(nil, []byte(text))) + cut
}

// message is an error's text, as it is shown to people.
func message(err error, most int) string {
	text := err.Error()
	if len(text) > most {
		text = text[:most] + "…"
	}
	return output.Text(text)
}

// line is the record as it stands in the file, its newline included.
func (r *Record) line() ([]byte, error) {
	if r.Jails == nil {
		r.Jails = []string{}
	}
	b, err := json.Marshal(r)
	return append(b, '\n'), err
}
