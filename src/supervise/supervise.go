// Package supervise is the host's side of one running jail: the process
// jailctl supervise NAME.
//
// The supervisor holds a lock, so that a jail has one only. It starts
// jail-init, which enters the jail and runs the services; it reads what they
// write, and keeps it (package logs). It waits for events only.
//
// It owns the life of the kernel's jail from the moment it takes it on:
//
//   - The jail of that name must exist in the kernel; whoever created it also
//     prepared its root directory.
//   - At an orderly stop the services are stopped in order, then the jail is
//     killed, so that no process remains, and destroyed. The order to stop may
//     come through the supervisor's socket (Stop), as TERM or INT to the
//     supervisor, or as TERM to jail-init.
//   - When jail-init dies without that, whatever is left of the jail is killed,
//     the jail is destroyed, and created anew with the same name, root and
//     configuration, as the kernel had it last; then jail-init is started
//     again, at first at once, then with a growing delay. When that has failed
//     too often in a row, the jail is destroyed and the supervisor ends.
//   - A reload changes the kernel's jail, the log and the services to those of
//     another definition (Reload). After an adoption these are what jail-init
//     has, whatever the definition says by then.
//   - When someone else kills or destroys the jail, the supervisor cleans up
//     and ends.
//   - When the supervisor dies, nothing happens to the services: their output
//     waits in the pipes. The next supervisor finds jail-init by its control
//     socket, and goes on reading. What the one before had read and not written
//     it finds in the spool, see logs.Spool.
package supervise

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/control"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/lock"
)

// ErrNotRunning says that neither a supervisor nor a jail-init runs.
var ErrNotRunning = control.ErrNotRunning

// ServiceError says that the jail runs, but not all of its services do.
type ServiceError struct {
	Jail   string
	Reason string // "smtpd failed: exited 1; started 5 times in 10 s"
}

func (e *ServiceError) Error() string { return e.Reason }

// ExitCode makes it an exit.Coder.
func (e *ServiceError) ExitCode() int { return exit.Temporary }

// StepError says what Start or Stop was waiting for when its time was over, or
// when it was interrupted. What was asked for goes on.
type StepError struct {
	Jail string
	Step string // "httpd is starting: is not ready yet"
	Err  error  // the context's
}

func (e *StepError) Error() string {
	if errors.Is(e.Err, context.Canceled) {
		return fmt.Sprintf("jail %s: interrupted, what was asked for goes on; %s", e.Jail, e.Step)
	}
	return fmt.Sprintf("jail %s: time is over; %s", e.Jail, e.Step)
}

// ExitHint makes it an exit.Hinter.
func (e *StepError) ExitHint() string { return "see: jailmgr service " + e.Jail + " why" }

func (e *StepError) Unwrap() error { return e.Err }

// ExitCode makes it an exit.Coder.
func (e *StepError) ExitCode() int { return exit.Temporary }

// notifyVar carries the number of the descriptor to tell the starter
// through.
const notifyVar = "JAILS_NOTIFY_FD"

// notifyFD is that descriptor.
const notifyFD = 3

// program is the file to execute for one of this program's commands: the link
// of that name beside the program, because ps(1) shows a file's name, or else
// the program itself.
func program(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	return beside(self, name), nil
}

func beside(self, name string) string {
	link := filepath.Join(filepath.Dir(self), name)
	mine, err1 := os.Stat(self)
	there, err2 := os.Stat(link)
	if err1 == nil && err2 == nil && os.SameFile(mine, there) {
		return link
	}
	return self
}

// Start starts a supervisor for a jail that exists in the kernel, in a
// session of its own, and returns when its services are ready or completed:
// nil, or a *ServiceError when the jail runs but a service failed. After any
// other error there is no supervisor, and no such jail in the kernel any
// more; except after ctx's own end, which gives a *StepError and leaves all
// as it is. progress, which may be nil, hears of each step.
//
// A jail whose supervisor was killed is adopted.
func Start(ctx context.Context, name string, progress func(string)) error {
	if progress == nil {
		progress = func(string) {}
	}
	return start(ctx, name, false, progress)
}

// start is Start; with adopted it returns as soon as the supervisor has taken
// on the jail that runs.
func start(ctx context.Context, name string, adopted bool, progress func(string)) error {
	r, err := spawn(name)
	if err != nil {
		return fmt.Errorf("start the supervisor of jail %s: %w", name, err)
	}
	defer r.Close()
	// A supervisor that has not begun would end if we went now.
	var begun atomic.Bool
	stop := context.AfterFunc(ctx, func() {
		end := time.Now()
		if !begun.Load() {
			end = end.Add(startPatience + time.Second)
		}
		r.SetReadDeadline(end)
	})
	defer stop()
	step := "the supervisor is starting"
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line == "begun\n" {
			begun.Store(true)
		}
		if ctx.Err() != nil && err != io.EOF && (err != nil || begun.Load()) {
			if now := pending(name); now != "" {
				step = now // what was heard last may be of a service that is well
			}
			return &StepError{name, step, ctx.Err()}
		}
		if err == io.EOF {
			return fmt.Errorf("jail %s: the supervisor ended without a word; see %s", name, jail.Paths().Current(name))
		}
		if err != nil {
			return err
		}
		verb, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch verb {
		case "adopted":
			step = "the supervisor took on the running jail"
			if adopted {
				return nil
			}
			progress(step)
		case "progress":
			step = rest
			progress(rest)
		case "ready":
			return nil
		case "failed":
			return &ServiceError{name, rest}
		case "error":
			code, text, _ := strings.Cut(rest, " ")
			n, err := strconv.Atoi(code)
			if err != nil {
				n = exit.Software
			}
			return &exit.Error{Code: n, Msg: text}
		}
	}
}

// pending is which of a jail's services is not at rest, and why: the first one,
// rather one that waits for no other. It is "" if none is, or that is not told
// at once.
func pending(name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := control.Dial(ctx, jail.Paths().ControlSocket(name))
	if err != nil {
		return ""
	}
	defer c.Close()
	st, err := c.Status(ctx)
	if err != nil {
		return ""
	}
	for _, waiting := range []bool{false, true} {
		for i := range st.Services {
			switch v := &st.Services[i]; v.State {
			case "ready", "completed", "down", "failed":
			default:
				if (v.State == "waiting") == waiting {
					return clause(v)
				}
			}
		}
	}
	return ""
}

// clause is "httpd is starting: is not ready yet".
func clause(v *control.Service) string {
	text := v.Name + " is " + v.State
	if v.Reason != "" {
		text += ": " + v.Reason
	}
	return text
}

// spawn starts the supervisor, detached, and gives the pipe it tells through.
func spawn(name string) (*os.File, error) {
	file, err := program("jailctl")
	if err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	defer unix.Close(fds[1])
	files := []uintptr{null.Fd(), null.Fd(), null.Fd(), notifyFD: uintptr(fds[1])}
	// One word, as it is to be shown; see dispatch.
	_, err = syscall.ForkExec(file, []string{"jailctl: supervise " + name}, &syscall.ProcAttr{
		Dir: "/", Env: append(jail.Environment(), notifyVar+"="+strconv.Itoa(notifyFD)), Files: files,
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err == nil {
		err = unix.SetNonblock(fds[0], true)
	}
	if err != nil {
		unix.Close(fds[0])
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "supervisor"), nil
}

// Stop stops a jail: its services in order, then whatever is left, and
// returns when the jail is destroyed and its supervisor gone. timeout, if it
// is not 0, stands in place of the services' own. A jail whose supervisor was
// killed, as is one that does not answer, is adopted first, or, where it can not
// be, stopped and left to the caller to kill, with an *UnloggedError. When ctx
// ends first, a *StepError names the step that was waited for; the stop goes on.
// progress, which may be nil, hears of each step.
func Stop(ctx context.Context, name string, timeout time.Duration, progress func(string)) error {
	layout := jail.Paths()
	step := ""
	waits := func(s string) {
		if step = s; progress != nil {
			progress(s)
		}
	}
	for adopted := false; ; adopted = true {
		c, err := control.Dial(ctx, Socket(layout, name))
		if err == nil {
			waits("its supervisor is to answer")
			if err = answers(ctx, c, name); err == nil {
				step = "the supervisor was asked to stop"
				err = c.Stop(ctx, timeout, waits)
			}
			if err == nil {
				// The connection is one of what keeps the jails' file system busy.
				waits("the supervisor has stopped, and ends")
				err = c.Gone(ctx)
			}
			c.Close()
			switch {
			case err == nil:
				return nil
			case ctx.Err() != nil:
				return &StepError{name, step, ctx.Err()}
			case !errors.Is(err, io.ErrUnexpectedEOF) || adopted:
				return fmt.Errorf("stop jail %s: %w", name, err)
			}
			// It died in the midst of it: another one is to finish.
		} else if !errors.Is(err, ErrNotRunning) || adopted {
			return fmt.Errorf("stop jail %s: %w", name, err)
		}
		fd, err := control.Connect(layout.ControlSocket(name))
		if err != nil {
			return fmt.Errorf("jail %s: %w", name, ErrNotRunning)
		}
		unix.Close(fd)
		waits("another supervisor is to take on the jail")
		// Its services may never be ready.
		err = start(ctx, name, true, func(string) {})
		var failed *ServiceError
		if err != nil && !errors.As(err, &failed) {
			return stopWithout(ctx, name, timeout, progress, err)
		}
	}
}

// hungAfter is how long a supervisor may take to say how it is.
var hungAfter = 10 * time.Second

// answers kills a supervisor that does not, so that another one can take its
// place; that is an io.ErrUnexpectedEOF.
func answers(ctx context.Context, c *control.Client, name string) error {
	limited, cancel := context.WithTimeout(ctx, hungAfter)
	defer cancel()
	_, err := c.Status(limited)
	if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if held := lock.Holder(jail.Paths().SupervisorLock(name)); held != nil && held.PID > 1 {
		if err := unix.Kill(held.PID, unix.SIGKILL); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return io.ErrUnexpectedEOF
}

// stopWithout has the services of a jail stopped that can have no supervisor,
// perhaps because its definition is not valid by now.
func stopWithout(ctx context.Context, name string, timeout time.Duration, progress func(string), why error) error {
	c, err := control.Dial(ctx, jail.Paths().ControlSocket(name))
	if err != nil {
		return why
	}
	defer c.Close()
	if err := c.Stop(ctx, timeout, progress); err != nil {
		return errors.Join(why, err)
	}
	return &UnloggedError{why}
}

// UnloggedError is why a jail could not have a supervisor; its services were
// stopped in order all the same.
type UnloggedError struct{ Err error }

func (e *UnloggedError) Error() string {
	return "stopped in order, but what was written last is not in the log: " + e.Err.Error()
}

func (e *UnloggedError) Unwrap() error { return e.Err }
