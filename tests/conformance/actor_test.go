package conformance

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
	"jails/tests/host"
)

// An actor is a child of the suite, the same program in another role: it
// becomes who it shall be, then does what it is asked to and answers how that
// went. It speaks over two pipes, by plain read(2) and write(2): before it is
// in a jail it may open nothing that would keep it out, Go's poller included.

const (
	actorVariable = "CONFORMANCE_ACTOR"
	requestFD     = 3
	replyFD       = 4
)

// replyTime is how long anything may take: emulators are slow. A test of the
// tests, which knows that something never comes, says less.
var replyTime = func() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("CONFORMANCE_REPLY")); err == nil {
		return d
	}
	return 60 * time.Second
}()

// part says who an actor becomes, in this order.
type part struct {
	Before  []string    // verbs, before all else
	Observe bool        // Linux: let hostkern answer, as for a host process
	Jail    secmodel.ID // 0: stay on the host
	Entry   secmodel.Entry
	Root    string // of a host process: where to chroot(2) to
	UID     int
	Follow  bool // in the suite's session, not in one of its own
	Known   bool // open the model before entering, for the own-record tests
}

// request is a verb with its words; see verbs.
type request struct {
	Verb string
	Args []string
}

// answer is how it went.
type answer struct {
	Errno  int    // 0: done
	Error  string // in words
	Reason int    // JAIL_REASON_*, of a refused command
	Value  string
}

func (a answer) errno() syscall.Errno { return syscall.Errno(a.Errno) }

func (a answer) String() string {
	switch {
	case a.Error == "":
		return "done"
	case a.Errno == 0:
		return a.Error
	}
	return errnoName(a.errno())
}

// say makes an answer of what a verb returned.
func say(value string, err error) answer {
	a := answer{Value: value}
	if err == nil {
		return a
	}
	a.Error = err.Error()
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		a.Errno = int(errno)
	}
	if refused, ok := errors.AsType[*secmodel.Refused](err); ok {
		a.Reason = int(refused.Reason)
		a.Errno = int(refused.Errno)
	}
	return a
}

// known is the actor's connection to the model from before it entered.
var known *secmodel.Client

// act is the actor's main program.
func act(begin string) {
	// What the actor starts does not keep the suite waiting.
	unix.CloseOnExec(requestFD)
	unix.CloseOnExec(replyFD)
	var p part
	err := json.Unmarshal([]byte(begin), &p)
	if err == nil {
		err = p.become()
	}
	reply(say(strconv.Itoa(os.Getpid()), err))
	if err != nil {
		os.Exit(1)
	}
	in := bufio.NewReader(descriptor(requestFD))
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			os.Exit(0)
		}
		var r request
		if err == nil {
			err = json.Unmarshal(line, &r)
		}
		if err != nil {
			reply(say("", err))
			os.Exit(1)
		}
		verb, ok := verbs[r.Verb]
		if !ok {
			reply(say("", fmt.Errorf("no verb %q", r.Verb)))
			continue
		}
		reply(say(verb(r.Args)))
	}
}

// become turns the process into what its part says.
func (p part) become() error {
	for _, name := range p.Before {
		verb, ok := verbs[name]
		if !ok {
			return fmt.Errorf("no verb %q", name)
		}
		if _, err := verb(nil); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if p.Observe {
		if err := observe(); err != nil {
			return err
		}
	}
	if p.Known {
		c, err := secmodel.Open()
		if err != nil {
			return err
		}
		known = c
	}
	if p.Jail != 0 {
		if err := enter(p.Jail, p.Entry); err != nil {
			return err
		}
	}
	if p.Root != "" {
		if err := errors.Join(unix.Chroot(p.Root), unix.Chdir("/")); err != nil {
			return err
		}
	}
	if p.UID != 0 {
		return becomeUser(p.UID)
	}
	return nil
}

func enter(id secmodel.ID, how secmodel.Entry) error {
	c, err := secmodel.Open()
	if err != nil {
		return err
	}
	return c.Enter(id, how)
}

// descriptor reads and writes a descriptor without Go's poller.
type descriptor int

func (d descriptor) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(int(d), b)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// reply tells the suite; without it the actor is of no use.
func reply(a answer) {
	b, err := json.Marshal(a)
	if err != nil {
		os.Exit(2)
	}
	b = append(b, '\n')
	for len(b) > 0 {
		n, err := unix.Write(replyFD, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			os.Exit(2)
		}
		b = b[n:]
	}
}

// actor is the suite's side of one.
type actor struct {
	part part
	pid  int
	cmd  *exec.Cmd
	to   *os.File
	from *os.File
	in   *bufio.Reader
	said *host.Text // its standard output and error
	once sync.Once
}

// launch starts an actor and returns its first answer: whether it became what
// it should.
func launch(p part) (*actor, answer, error) {
	begin, err := json.Marshal(p)
	if err != nil {
		return nil, answer{}, err
	}
	a := &actor{part: p, said: new(host.Text)}
	theirIn, to, err := os.Pipe()
	if err != nil {
		return nil, answer{}, err
	}
	defer theirIn.Close()
	from, theirOut, err := os.Pipe()
	if err != nil {
		to.Close()
		return nil, answer{}, err
	}
	defer theirOut.Close()
	a.to, a.from, a.in = to, from, bufio.NewReader(from)
	a.cmd = exec.Command(self)
	a.cmd.Env = append(os.Environ(), actorVariable+"="+string(begin))
	a.cmd.Dir = "/"
	a.cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	a.cmd.Stdout, a.cmd.Stderr = a.said, a.said
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: !p.Follow}
	a.cmd.WaitDelay = time.Second
	if err := a.cmd.Start(); err != nil {
		to.Close()
		from.Close()
		return nil, answer{}, err
	}
	// Else an actor that dies is waited for.
	theirIn.Close()
	theirOut.Close()
	a.pid = a.cmd.Process.Pid
	got, err := a.read()
	if err != nil {
		a.end()
		return nil, answer{}, err
	}
	if got.Error != "" {
		a.end()
		return nil, got, nil
	}
	return a, got, nil
}

// start is launch for actors that must become what they should.
func start(t testing.TB, p part) *actor {
	t.Helper()
	if p.UID != 0 {
		needUser(t)
	}
	a, got, err := launch(p)
	if err != nil {
		t.Fatalf("actor %+v: %v", p, err)
	}
	if a == nil {
		t.Fatalf("actor %+v: %s (%s)", p, got, got.Error)
	}
	t.Cleanup(a.end)
	return a
}

// end ends the actor and reaps it.
func (a *actor) end() {
	a.once.Do(func() {
		a.to.Close()
		// It has ended already, or ends now; either way Wait reaps it.
		_ = a.cmd.Process.Kill()
		_ = a.cmd.Wait()
		a.from.Close()
	})
}

// do asks the actor; an actor that does not answer fails the test.
func (a *actor) do(t testing.TB, verb string, args ...string) answer {
	t.Helper()
	got, err := a.ask(verb, args...)
	if err != nil {
		t.Fatalf("actor %d, %s %q: %v", a.pid, verb, args, err)
	}
	return got
}

func (a *actor) ask(verb string, args ...string) (answer, error) {
	b, err := json.Marshal(request{verb, args})
	if err != nil {
		return answer{}, err
	}
	if _, err := a.to.Write(append(b, '\n')); err != nil {
		return answer{}, fmt.Errorf("%w: %s", err, a.said)
	}
	return a.read()
}

func (a *actor) read() (answer, error) {
	var got answer
	if err := a.from.SetReadDeadline(time.Now().Add(replyTime)); err != nil {
		return got, err
	}
	line, err := a.in.ReadBytes('\n')
	if err != nil {
		return got, fmt.Errorf("no answer: %w: %s", err, a.said)
	}
	return got, json.Unmarshal(line, &got)
}
