package exit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"jails/src/jail"
	"jails/src/secmodel"
)

func TestCode(t *testing.T) {
	refused := func(r secmodel.Reason, errno syscall.Errno) error {
		return fmt.Errorf("x: %w", &secmodel.Refused{Command: "create", Jail: "web", Reason: r, Errno: errno})
	}
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("anything"), Software},
		{&Error{Code: 66, Msg: "x"}, 66},
		{fmt.Errorf("x: %w", &Error{Code: 66}), 66},
		{With(secmodel.ErrBusy, 70, ""), 70},
		{With(nil, 70, ""), 0},
		{Usagef("no %d", 1), Usage},
		{Status(7), 7},
		{secmodel.ErrNoModel, Unavailable},
		{fmt.Errorf("x: %w", secmodel.ErrNotRoot), Permission},
		{&secmodel.ABIError{Kernel: 2}, Unavailable},
		{&secmodel.UnknownWord{Word: "x"}, Usage},
		{refused(secmodel.ReasonNoJail, syscall.ENOENT), NoInput},
		{refused(secmodel.ReasonExists, syscall.EEXIST), CantCreate},
		{refused(secmodel.ReasonMembers, syscall.EBUSY), Temporary},
		{refused(secmodel.ReasonDying, syscall.EBUSY), Temporary},
		{refused(secmodel.ReasonPort, syscall.EADDRINUSE), Temporary},
		{refused(secmodel.ReasonNotRoot, syscall.EPERM), Permission},
		{refused(secmodel.ReasonNotHost, syscall.EPERM), Permission},
		{refused(secmodel.ReasonName, syscall.EINVAL), Usage},
		{refused(secmodel.ReasonRoot, syscall.EINVAL), NoInput},
		{refused(secmodel.ReasonCap, syscall.EAGAIN), Temporary},
		{refused(secmodel.ReasonFDDirectory, syscall.EBADF), System},
		{refused(secmodel.ReasonField, syscall.EINVAL), Unavailable},
		{&jail.Invalid{}, Config},
		{context.DeadlineExceeded, Temporary},
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOENT}, NoInput},
		{&fs.PathError{Op: "write", Path: "/x", Err: syscall.ENOSPC}, IO},
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.EROFS}, IO},
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES}, Permission},
		{syscall.EXDEV, System},
	} {
		if got := Code(c.err); got != c.want {
			t.Errorf("Code(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

func TestReport(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{Status(7), ""},
		{&Error{Code: 64, Msg: "no verb", Hint: "see: x --help"}, "jailctl: no verb; see: x --help\n"},
		{&Error{Code: 64, Msg: "reading", Err: errors.New("cause")}, "jailctl: reading: cause\n"},
		{&secmodel.Refused{Jail: "web", Reason: secmodel.ReasonNoJail}, "jailctl: no jail \"web\"; see: jailctl list\n"},
		{&secmodel.Refused{Jail: "web", Reason: secmodel.ReasonMembers, Detail: 2},
			"jailctl: jail \"web\" still has 2 processes; see: jailctl ps web; to end them: jailctl destroy -k web\n"},
		{errors.Join(errors.New("one"), errors.New("two")), "jailctl: one\njailctl: two\n"},
		{errors.New("no \x1b[2J\u202e user"), `jailctl: no \x1b[2J\u202e user` + "\n"},
	} {
		var b bytes.Buffer
		if code := Report(&b, "jailctl", c.err); b.String() != c.want || code != Code(c.err) {
			t.Errorf("Report(%v) writes %q, returns %d", c.err, b.String(), code)
		}
	}
	for _, err := range []error{&secmodel.ABIError{Kernel: 2}, &secmodel.Refused{Command: "enter", Jail: "web", Reason: secmodel.ReasonField, Detail: 8},
		fmt.Errorf("%w: it has no node", secmodel.ErrOlder)} {
		var b bytes.Buffer
		if Report(&b, "jailctl", err); !strings.Contains(b.String(), "older than this program") || !strings.HasSuffix(b.String(), "; "+secmodel.OlderHint+"\n") {
			t.Error(b.String())
		}
	}
	var b bytes.Buffer
	Report(&b, "jailctl", fmt.Errorf("%w: here", secmodel.ErrNoModel))
	if !strings.HasPrefix(b.String(), "jailctl: no kernel model is loaded: here; ") {
		t.Error(b.String())
	}
}
