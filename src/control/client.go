package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// Client asks a jail-init or a supervisor, one request at a time.
type Client struct {
	conn net.Conn
	in   []byte
	last uint32
}

// ErrNotRunning says that nobody serves the socket.
var ErrNotRunning = errors.New("it is not running")

// Refused is the other side's own error.
type Refused struct {
	Reason string
	Code   int    // as package exit has it, if the other side says it
	Hint   string // what to do about it, or ""
}

func (e *Refused) Error() string { return e.Reason }

// Dial connects to the socket at path. The error is ErrNotRunning if there is
// none, or nobody serves it any more.
func Dial(ctx context.Context, path string) (*Client, error) {
	if _, err := address(path); err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("%s: %w", path, ErrNotRunning)
	}
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn}, nil
}

// Close ends the connection; what was asked for goes on.
func (c *Client) Close() error { return c.conn.Close() }

// Status of the jail and its services.
func (c *Client) Status(ctx context.Context) (Status, error) {
	m, err := c.Ask(ctx, &Message{Op: OpStatus}, nil)
	if err != nil {
		return Status{}, err
	}
	if m.Status == nil {
		return Status{}, fmt.Errorf("%w: an answer without a status", ErrProtocol)
	}
	return *m.Status, nil
}

// Stop stops all services, in order. timeout, if it is not 0, stands in
// place of each service's own. progress hears what is waited for.
func (c *Client) Stop(ctx context.Context, timeout time.Duration, progress func(string)) error {
	_, err := c.Ask(ctx, &Message{Op: OpStop, Timeout: timeout}, progress)
	return err
}

// Gone returns when the other side has closed the connection, as it does at its
// end, or with ctx's error.
func (c *Client) Gone(ctx context.Context) error {
	defer c.bound(ctx)()
	if _, err := io.Copy(io.Discard, c.conn); ctx.Err() != nil {
		return ctx.Err()
	} else if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		return err
	}
	return nil
}

// Result is what became of a request about one service.
type Result struct {
	Name    string
	Service *Service // how it is, once that was done
	Step    string   // what it waited for last, or ""
	Err     error    // nil if that was done
}

// Services does one thing, OpStart, OpStop, OpRestart, OpKill (with a signal)
// or OpClear, to services, to all of them at the same time, and returns when
// that is done or refused, or ctx ends; there is a result for each name.
func (c *Client) Services(ctx context.Context, op string, names []string, signal int) []Result {
	defer c.bound(ctx)()
	results := make([]Result, len(names))
	asked := make(map[uint32]*Result, len(names))
	var unsent error
	for i, name := range names {
		results[i].Name = name
		m := &Message{Op: op, Name: name, Signal: signal}
		if err := c.send(m); err != nil && unsent == nil {
			unsent = err
		}
		asked[m.ID] = &results[i]
	}
	for len(asked) > 0 {
		m, err := c.receive(ctx, unsent)
		if err == nil && m.Op == OpError && m.ID == 0 {
			err = &Refused{m.Error, m.Code, m.Hint}
		}
		if err != nil {
			for _, r := range asked {
				r.Err = err
			}
			break
		}
		r := asked[m.ID]
		switch {
		case r == nil:
		case m.Op == OpProgress:
			r.Step = m.Error
		default:
			delete(asked, m.ID)
			switch r.Service = m.Service; {
			case m.Op == OpError:
				r.Err = &Refused{m.Error, m.Code, m.Hint}
			case m.Service == nil:
				r.Err = fmt.Errorf("%w: an answer without a service", ErrProtocol)
			}
		}
	}
	return results
}

// Reload asks for a reload, see OpReload, and returns when it is done. What it
// changes is told even if it is not done to its end; failed is a service that
// failed after all was changed, and why.
func (c *Client) Reload(ctx context.Context, definition []byte, dry bool, progress func(string)) (changes []Change, failed string, err error) {
	defer c.bound(ctx)()
	m := &Message{Op: OpReload, Setup: definition, Dry: dry}
	unsent := c.send(m)
	for {
		answer, err := c.receive(ctx, unsent)
		switch {
		case err != nil:
			return changes, "", err
		case answer.Op == OpError && (answer.ID == m.ID || answer.ID == 0):
			return changes, "", &Refused{answer.Error, answer.Code, answer.Hint}
		case answer.ID != m.ID:
			continue
		}
		if answer.Changes != nil {
			changes = answer.Changes
		}
		switch answer.Op {
		case OpProgress:
			progress(answer.Error)
		case OpDone:
			return changes, answer.Error, nil
		}
	}
}

// Ask sends a request and waits for its answer. A connection that ends
// without one gives io.ErrUnexpectedEOF.
func (c *Client) Ask(ctx context.Context, m *Message, progress func(string)) (*Message, error) {
	defer c.bound(ctx)()
	unsent := c.send(m)
	for {
		answer, err := c.receive(ctx, unsent)
		switch {
		case err != nil:
			return nil, err
		case answer.Op == OpError && (answer.ID == m.ID || answer.ID == 0):
			return nil, &Refused{answer.Error, answer.Code, answer.Hint}
		case answer.ID != m.ID:
		case answer.Op == OpProgress:
			if progress != nil {
				progress(answer.Error)
			}
		default:
			return answer, nil
		}
	}
}

// bound ends what waits for the other side when ctx ends, until the function
// that it gives is called.
func (c *Client) bound(ctx context.Context) func() bool {
	return context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
}

// send numbers a request and sends it. An error is for receive: whoever is
// turned away may find the connection closed, with the reason in it.
func (c *Client) send(m *Message) error {
	c.last++
	m.ID = c.last
	frame, err := appendFrame(nil, m)
	if err == nil {
		_, err = c.conn.Write(frame)
	}
	return err
}

// receive gives the next frame.
func (c *Client) receive(ctx context.Context, unsent error) (*Message, error) {
	var buf [4096]byte
	for {
		m, rest, ok, err := cutFrame(c.in, MaxMessage)
		if err != nil {
			return nil, err
		}
		if ok {
			c.in = rest
			return m, nil
		}
		n, err := c.conn.Read(buf[:])
		c.in = append(c.in, buf[:n]...)
		if err != nil && n == 0 {
			if unsent != nil {
				err = unsent
			}
			return nil, c.failed(ctx, err)
		}
	}
}

func (c *Client) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return io.ErrUnexpectedEOF
	}
	return err
}
