// Package exit gives every error its exit code, those of sysexits(3), and its
// hint, in one place for all commands.
package exit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"jails/src/durable"
	"jails/src/jail"
	"jails/src/output"
	"jails/src/secmodel"
)

// The codes that the commands exit with.
const (
	OK          = 0
	Usage       = 64 // the command line is wrong
	Data        = 65 // input data is wrong
	NoInput     = 66 // a jail or a file that is named does not exist
	Unavailable = 69 // no kernel model is loaded, or not one of this release
	Software    = 70 // a fault in this program
	System      = 71 // the operating system refused something it should not
	CantCreate  = 73 // it exists already, or cannot be created
	IO          = 74 // reading or writing failed
	Temporary   = 75 // busy: the same may succeed later
	Permission  = 77 // not root
	Config      = 78 // a definition is not valid
)

// Error is an error with its code and what to do about it.
type Error struct {
	Code int
	Msg  string // without the cause
	Hint string // what to do, or ""
	Err  error  // the cause, or nil
}

// Error says what is wrong, without the hint.
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Msg
	case e.Msg == "":
		return e.Err.Error()
	}
	return e.Msg + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// ExitCode makes Error a Coder.
func (e *Error) ExitCode() int { return e.Code }

// Coder is an error of another package that knows its own code.
type Coder interface {
	error
	ExitCode() int
}

// Hinter is an error of another package that knows what to do about it.
type Hinter interface {
	error
	ExitHint() string
}

// Usagef is a mistake on the command line.
func Usagef(format string, args ...any) error {
	return &Error{Code: Usage, Err: fmt.Errorf(format, args...)}
}

// With gives err a code and a hint; nil stays nil.
func With(err error, code int, hint string) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Hint: hint, Err: err}
}

// Status is the exit status of another program, passed on without a message.
type Status int

func (s Status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// ExitCode makes Status a Coder.
func (s Status) ExitCode() int { return int(s) }

// Ended is what became of another program: err if it could not be run or
// waited for, else its status.
func Ended(status int, err error) error {
	switch {
	case err != nil:
		return With(err, System, "")
	case status != 0:
		return Status(status)
	}
	return nil
}

// Code maps an error to its exit code; nil is OK.
func Code(err error) int {
	if err == nil {
		return OK
	}
	if c, ok := errors.AsType[Coder](err); ok {
		return c.ExitCode()
	}
	for _, m := range codes {
		if errors.Is(err, m.err) {
			return m.code
		}
	}
	if _, ok := errors.AsType[*secmodel.UnknownWord](err); ok {
		return Usage
	}
	if _, ok := errors.AsType[*secmodel.ABIError](err); ok {
		return Unavailable
	}
	if r, ok := errors.AsType[*secmodel.Refused](err); ok {
		return refused(r)
	}
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		return System
	}
	return Software
}

// codes is a slice, not a map, so that nothing is built at start.
var codes = [...]struct {
	err  error
	code int
}{
	{secmodel.ErrNoModel, Unavailable},
	{secmodel.ErrNotRoot, Permission},
	{secmodel.ErrNoJail, NoInput},
	{secmodel.ErrExists, CantCreate},
	{secmodel.ErrBusy, Temporary},
	{secmodel.ErrDying, Temporary},
	{secmodel.ErrPortTaken, Temporary},
	{secmodel.ErrOlder, Unavailable},
	{jail.ErrInvalid, Config},
	{context.DeadlineExceeded, Temporary},
	{context.Canceled, Temporary},
	{fs.ErrNotExist, NoInput},
	{fs.ErrExist, CantCreate},
	{fs.ErrPermission, Permission},
	{syscall.ENOSPC, IO},
	{syscall.EDQUOT, IO},
	{syscall.EIO, IO},
	{syscall.EROFS, IO},
	{syscall.EPIPE, IO},
	{syscall.EAGAIN, Temporary},
	{syscall.EBUSY, Temporary},
	{io.ErrUnexpectedEOF, IO},
	{io.ErrShortWrite, IO},
}

// refused is the code of a command that the kernel refused for a reason that
// no sentinel covers.
func refused(r *secmodel.Refused) int {
	switch r.Reason {
	case secmodel.ReasonName, secmodel.ReasonWord, secmodel.ReasonLimit:
		return Usage
	case secmodel.ReasonRoot:
		return NoInput
	case secmodel.ReasonTooMany, secmodel.ReasonCap, secmodel.ReasonHasInit, secmodel.ReasonExec:
		return Temporary
	}
	return System
}

// Hint says what to do about an error, or "".
func Hint(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Hint != "" {
		return e.Hint
	}
	if h, ok := errors.AsType[Hinter](err); ok {
		return h.ExitHint()
	}
	switch {
	case errors.Is(err, secmodel.ErrNoModel):
		return secmodel.ModelHint
	case errors.Is(err, secmodel.ErrOlder):
		return secmodel.OlderHint
	case errors.Is(err, secmodel.ErrNoJail):
		return "see: jailctl list"
	case errors.Is(err, secmodel.ErrNotRoot):
		return "" // says it
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0:
		return "run it as root"
	case durable.Full(err):
		return "make room, and try again"
	}
	r, ok := errors.AsType[*secmodel.Refused](err)
	if !ok {
		if w, ok := errors.AsType[*secmodel.UnknownWord](err); ok && w.Nearest == "" {
			return "see: jailctl policy --words"
		}
		return ""
	}
	switch r.Reason {
	case secmodel.ReasonPort:
		return "see: jailctl ports"
	case secmodel.ReasonPortBound:
		if r.HolderID == 0 {
			return "to find it: sockstat -l"
		}
		return "see: jailctl ps " + r.Holder
	case secmodel.ReasonExists:
		return "see: jailctl show " + r.Jail
	case secmodel.ReasonMembers:
		return fmt.Sprintf("see: jailctl ps %s; to end them: jailctl destroy -k %s", r.Jail, r.Jail)
	case secmodel.ReasonDying:
		return fmt.Sprintf("to end it: jailctl destroy -k %s", r.Jail)
	case secmodel.ReasonWord:
		return "see: jailctl policy --words"
	case secmodel.ReasonCap:
		return "to raise it: jailctl set -p NUMBER " + r.Jail
	}
	return ""
}

// Report writes err to w as the named command's message, "command: what; what
// to do", and returns its code. nil and a Status are silent. Errors may hold
// names that a jail has chosen: what would steer a terminal is escaped.
func Report(w io.Writer, command string, err error) int {
	if err == nil {
		return OK
	}
	if s, ok := errors.AsType[Status](err); ok {
		return int(s)
	}
	text := err.Error()
	if h := Hint(err); h != "" {
		text += "; " + h
	}
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(w, "%s: %s\n", command, output.Text(line))
	}
	return Code(err)
}
