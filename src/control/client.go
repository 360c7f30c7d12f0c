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
type Refused struct{ Reason string }

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

// Service does one thing, OpStart, OpStop, OpRestart, OpKill (with a signal)
// or OpClear, to one service, and returns when that is done.
func (c *Client) Service(ctx context.Context, op, name string, signal int) (Service, error) {
	m, err := c.Ask(ctx, &Message{Op: op, Name: name, Signal: signal}, nil)
	if err != nil {
		return Service{}, err
	}
	if m.Service == nil {
		return Service{}, fmt.Errorf("%w: an answer without a service", ErrProtocol)
	}
	return *m.Service, nil
}

// Ask sends a request and waits for its answer. A connection that ends
// without one gives io.ErrUnexpectedEOF.
func (c *Client) Ask(ctx context.Context, m *Message, progress func(string)) (*Message, error) {
	stop := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c.last++
	m.ID = c.last
	frame, err := appendFrame(nil, m)
	if err != nil {
		return nil, err
	}
	// Whoever is turned away may find the connection closed, with the reason
	// in it.
	_, unsent := c.conn.Write(frame)
	buf := make([]byte, 4096)
	for {
		for {
			answer, rest, ok, err := cutFrame(c.in, MaxMessage)
			if err != nil {
				return nil, err
			}
			if !ok {
				break
			}
			c.in = rest
			switch {
			case answer.Op == OpError && (answer.ID == m.ID || answer.ID == 0):
				return nil, &Refused{answer.Error}
			case answer.ID != m.ID:
			case answer.Op == OpProgress:
				if progress != nil {
					progress(answer.Error)
				}
			default:
				return answer, nil
			}
		}
		n, err := c.conn.Read(buf)
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
