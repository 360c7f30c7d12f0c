// Package control is what a supervisor, jail-init and those who ask them say
// to each other over a Unix socket: frames of a length and JSON, some with
// descriptors. A jail's supervisor and its jail-init each have such a socket.
package control

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// What a Message asks for, tells or answers, by its Op.
const (
	// Requests to jail-init and to the supervisor.
	OpStatus = "status" // answered with Status; by jail-init, with a Name, with that Service
	OpStop   = "stop"   // all services, in order; answered when that is done

	// OpReload makes the services those of Setup, which is jailinit's for
	// jail-init, and for the supervisor, which changes the jail and its log
	// too, a jail.Definition. First OpAccepted tells of the Changes, which are
	// in force from then on; OpDone follows when all that they touch has come
	// to rest, with what failed as Error. Before OpAccepted an OpError has
	// changed nothing. With Dry there is an OpDone with the Changes only.
	OpReload   = "reload"
	OpAccepted = "accepted"

	// Requests to jail-init. Those on one service are answered when it has
	// come to rest in its new state; until then OpProgress tells what it
	// waits for.
	OpStart   = "start"
	OpRestart = "restart"
	OpKill    = "kill"  // sends Signal to the service's process
	OpClear   = "clear" // a failed service is down again
	OpAdopt   = "adopt" // the asker is the supervisor from now on

	// Answers, with the request's ID. An error without one is about the
	// whole connection, which ends.
	OpDone  = "done"
	OpError = "error"

	// From jail-init to its supervisor, not asked for.
	OpEntered  = "entered"  // it is in the jail
	OpStreams  = "streams"  // the read ends of pipes, in the order of Streams
	OpState    = "state"    // Service is in another state
	OpSettled  = "settled"  // the start has come to its end; Error says what failed
	OpProgress = "progress" // Error says what is waited for, in one clause
	OpStopped  = "stopped"  // all services are down, jail-init exits

	// From the supervisor to a new jail-init.
	OpSetup = "setup" // Setup is jailinit's

	// From the supervisor, ID being that of the OpState that told it of a
	// service that is gone: all that was in its pipes is read.
	OpDrained = "drained"
)

// Message is one frame.
type Message struct {
	ID      uint32          `json:"id,omitempty"` // a request's number; 0 is no request
	Op      string          `json:"op"`
	Name    string          `json:"name,omitempty"` // a service
	Signal  int             `json:"signal,omitempty"`
	Timeout time.Duration   `json:"timeout,omitempty"` // of a stop, in place of the services' own
	Error   string          `json:"error,omitempty"`
	Service *Service        `json:"service,omitempty"`
	Status  *Status         `json:"status,omitempty"`
	Streams []Stream        `json:"streams,omitempty"`
	Setup   json.RawMessage `json:"setup,omitempty"`
	Dry     bool            `json:"dry,omitempty"`
	Changes []Change        `json:"changes,omitempty"`
	Code    int             `json:"code,omitempty"` // of an OpError, as package exit has it
	Hint    string          `json:"hint,omitempty"` // and what to do about it
}

// Change is what a reload does to a service, or, without one, to the jail.
type Change struct {
	Service string   `json:"service,omitempty"`
	What    What     `json:"what"`
	Keys    []string `json:"keys,omitempty"` // of the definition, that are others
}

// What a reload does.
type What string

const (
	Unchanged What = "unchanged"
	Changed   What = "changed" // in place, or from its next start on
	Restarted What = "restarted"
	Added     What = "added"
	Removed   What = "removed"
)

// Stream names a pipe's read end.
type Stream struct {
	Service string `json:"service"`
	Name    string `json:"name"` // out, err
}

// Status of a jail as jail-init or its supervisor sees it.
type Status struct {
	Jail     string    `json:"jail"`
	ID       uint32    `json:"id"`    // the kernel's
	PID      int       `json:"pid"`   // of the process that answers
	State    string    `json:"state"` // starting, running, failed, restarting, stopping
	Reason   string    `json:"reason,omitempty"`
	Since    time.Time `json:"since"`
	Restarts int       `json:"restarts"` // of jail-init; the supervisor knows
	Services []Service `json:"services,omitempty"`
	Logs     *Logs     `json:"logs,omitempty"` // of the supervisor
}

// Service is one service's status.
type Service struct {
	Name     string    `json:"name"`
	State    string    `json:"state"` // down, waiting, starting, ready, stopping, finishing, backoff, failed, completed, gone
	PID      int       `json:"pid,omitempty"`
	Since    time.Time `json:"since"`
	Restarts int       `json:"restarts"`
	Last     *Exit     `json:"last,omitempty"` // how its process before ended
	WaitsFor string    `json:"waits_for,omitempty"`
	Reason   string    `json:"reason,omitempty"` // why it is in its state, one clause
	Deaths   []Death   `json:"deaths,omitempty"` // the last ones, the newest last; where it was asked for alone
}

// Death is how a service's process ended, or a start failed.
type Death struct {
	Time time.Time     `json:"time"`
	Ran  time.Duration `json:"ran"`
	PID  int           `json:"pid,omitempty"` // 0: it did not start
	Exit Exit          `json:"exit"`
	Why  string        `json:"why,omitempty"` // why jail-init ended it, one clause
}

// Exit is how a process ended.
type Exit struct {
	Code   int    `json:"code"`
	Signal int    `json:"signal,omitempty"`
	Error  string `json:"error,omitempty"` // why it did not even start
}

// Logs counts what the supervisor read, wrote and had to drop.
type Logs struct {
	Lines         uint64 `json:"lines"`
	Bytes         uint64 `json:"bytes"`
	Dropped       uint64 `json:"dropped"`        // lines, for want of disk space
	SyslogDropped uint64 `json:"syslog_dropped"` // lines that syslogd did not take
	Blocked       string `json:"blocked,omitempty"`
}

const (
	headerSize = 4
	// maxRequest bounds the frames that a server takes from those who ask.
	maxRequest = 64 << 10
	// MaxMessage bounds all frames.
	MaxMessage = 4 << 20
	// maxDescriptors go with one frame, fewer than any system's limit.
	maxDescriptors = 32
)

// ErrProtocol is what the other side did wrong; the connection is of no use
// after it.
var ErrProtocol = errors.New("control protocol violated")

// appendFrame adds m as a frame to b.
func appendFrame(b []byte, m *Message) ([]byte, error) {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	data, err := json.Marshal(m)
	if err != nil {
		return b[:at], err
	}
	if len(data) > MaxMessage {
		return b[:at], fmt.Errorf("a message of %d bytes is too long", len(data))
	}
	binary.BigEndian.PutUint32(b[at:], uint32(len(data)))
	return append(b, data...), nil
}

// cutFrame takes the first frame off b. ok is false if b does not hold all of
// it yet.
func cutFrame(b []byte, limit int) (m *Message, rest []byte, ok bool, err error) {
	if len(b) < headerSize {
		return nil, b, false, nil
	}
	size := binary.BigEndian.Uint32(b)
	if uint64(size) > uint64(limit) {
		return nil, b, false, fmt.Errorf("%w: a frame of %d bytes, at most %d are taken", ErrProtocol, size, limit)
	}
	end := headerSize + int(size)
	if len(b) < end {
		return nil, b, false, nil
	}
	m = new(Message)
	if err := json.Unmarshal(b[headerSize:end], m); err != nil {
		return nil, b, false, fmt.Errorf("%w: %v", ErrProtocol, err)
	}
	return m, b[end:], true, nil
}
