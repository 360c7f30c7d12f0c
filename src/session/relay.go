package session

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/jail"
	"jails/src/terminal"
)

// When the program has ended, what it left behind may hold its output open,
// and write on. So from then on reading ends when nothing comes for linger,
// or rest bytes have come, which is more than a pipe or a terminal holds.
const (
	linger = 50 * time.Millisecond
	rest   = 1 << 20
)

// relay is a child, and what is passed on to it and from it.
type relay struct {
	files   [3]uintptr     // the child's standard descriptors
	theirs  []*os.File     // those of them that are ours to close
	input   *input         // to it, or nil
	outputs []*output      // from it
	signals chan os.Signal // to pass on
	resize  func()         // on SIGWINCH
	restore func() error   // when it has ended, or nil
}

type input struct {
	to     *os.File
	closes bool   // to tell the end
	end    string // or this does, at the begin of a line

	// For a file, of which what the program does not read is given back.
	rest *os.File      // the program's end, or nil
	left int           // bytes that were read and not passed on
	done chan struct{} // closed when nothing more is read
}

type output struct {
	to, from *os.File
	ended    atomic.Bool // the program has
	done     chan struct{}
}

// Relay runs the program in a child, this program again, that calls Exec as
// the leader of a session of its own. It returns the program's status as a
// shell would: 128 more than the signal that ended it. Standard descriptors
// that may not come into a jail are replaced by pipes, or, with Terminal, all
// three by one new terminal.
func (p *Program) Relay() (status int, err error) {
	r := &relay{signals: make(chan os.Signal, 8)}
	defer func() {
		if r.restore != nil {
			err = errors.Join(err, r.restore())
		}
	}()
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("finding this program's own file: %w", err)
	}
	if p.Terminal {
		err = r.terminal()
	} else {
		err = r.pipes()
	}
	if err != nil {
		r.release()
		return 0, err
	}
	// Before the child runs, so that no signal is missed.
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	defer signal.Stop(ended)
	signal.Notify(r.signals, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2)
	defer signal.Stop(r.signals)
	// Without a reader of our output a write fails, in place of ending us:
	// the terminal is to be set back first.
	unread := make(chan os.Signal, 1)
	signal.Notify(unread, unix.SIGPIPE)
	defer signal.Stop(unread)

	pid, err := syscall.ForkExec(self, p.again(), &syscall.ProcAttr{Env: p.passed(), Files: r.files[:], Sys: &syscall.SysProcAttr{Setsid: true}})
	r.release()
	if err != nil {
		return 0, fmt.Errorf("starting %s: %w", self, err)
	}
	if r.input != nil {
		go r.input.feed()
	}
	for _, out := range r.outputs {
		go out.copy()
	}
	status, err = r.wait(pid, ended)
	for _, out := range r.outputs {
		out.finish()
	}
	if r.input != nil && r.input.rest != nil {
		err = errors.Join(err, r.input.giveBack())
	}
	return status, err
}

// again is the command line by which the child's jailctl comes to Exec.
func (p *Program) again() []string {
	args := []string{"jailctl", "exec", "--relayed"}
	if p.Terminal {
		args = append(args, "--terminal")
	}
	if p.User != "" {
		args = append(args, "--user="+p.User)
	}
	if p.Directory != "" {
		args = append(args, "--directory="+p.Directory)
	}
	// By its id: another jail of that name may have taken its place.
	return append(append(args, p.Jail.String(), "--"), p.Args...)
}

// passed is the child's environment. The child is in the jail for a moment before
// it is the program: nothing of the caller's is there to be read.
func (p *Program) passed() []string {
	env := jail.Environment()
	if term, ok := os.LookupEnv("TERM"); ok && p.Terminal {
		env = append(env, "TERM="+term)
	}
	return env
}

// release closes the child's ends.
func (r *relay) release() {
	for _, f := range r.theirs {
		f.Close()
	}
}

// give makes f the child's descriptor fd, blocking, as programs expect.
func (r *relay) give(fd int, f *os.File) error {
	r.theirs = append(r.theirs, f)
	r.files[fd] = f.Fd()
	return unix.SetNonblock(int(r.files[fd]), false)
}

// pipes stand in for what may not come into a jail; the rest goes to the child
// as it is.
func (r *relay) pipes() error {
	for fd, own := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		r.files[fd] = uintptr(fd)
		var st unix.Stat_t
		if harmless(fd, &st) {
			continue
		}
		// One pipe for both outputs, where they are one, keeps their order.
		if fd == 2 && r.files[1] != 1 && sameFile(1, &st) {
			r.files[2] = r.files[1]
			continue
		}
		read, write, err := os.Pipe()
		if err != nil {
			return err
		}
		if fd == 0 {
			r.input = &input{to: write, closes: true}
			if st.Mode&unix.S_IFMT == unix.S_IFREG {
				r.input.done = make(chan struct{})
				if r.input.rest, err = duplicate(read); err != nil {
					return err
				}
			}
			err = r.give(fd, read)
		} else {
			r.outputs = append(r.outputs, &output{to: own, from: read, done: make(chan struct{})})
			err = r.give(fd, write)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// terminal makes a new terminal, and lets an old one pass all that is typed.
func (r *relay) terminal() error {
	master, slave, err := terminal.Open()
	if err != nil {
		return err
	}
	if err := r.give(0, slave); err != nil {
		return err
	}
	r.files[1], r.files[2] = r.files[0], r.files[0]
	r.outputs = append(r.outputs, &output{to: os.Stdout, from: master, done: make(chan struct{})})
	if !terminal.Is(0) {
		r.input = &input{to: master, end: "\x04"} // ^D
		return terminal.NoEcho(int(r.files[0]))
	}
	r.input = &input{to: master}
	if err := terminal.CopySize(master, 0); err != nil {
		return err
	}
	r.resize = func() { _ = terminal.CopySize(master, 0) } // it may be gone
	signal.Notify(r.signals, unix.SIGWINCH)
	r.restore, err = terminal.Raw(0)
	return err
}

// feed copies our input to the child's. Nobody waits for it, except for a
// file's: it may still be reading when the child has ended.
func (in *input) feed() {
	if in.done != nil {
		defer close(in.done)
	}
	b := make([]byte, 32<<10)
	last := byte('\n')
	for {
		n, err := os.Stdin.Read(b)
		if n > 0 {
			written, err := in.to.Write(b[:n])
			if err != nil { // the child reads no more
				in.left = n - written
				return
			}
			last = b[n-1]
		}
		if err != nil {
			break
		}
	}
	if in.closes {
		in.to.Close()
		return
	}
	if last != '\n' { // within a line it ends the line only
		in.end += in.end
	}
	_, _ = in.to.WriteString(in.end) // the child may be gone
}

// giveBack sets a file's offset back to where the program ended to read, so
// that a shell's loop that reads the same file goes on from there.
func (in *input) giveBack() error {
	_ = in.to.SetWriteDeadline(time.Now()) // it is closed at the file's end
	<-in.done
	in.to.Close()
	unread, err := io.Copy(io.Discard, in.rest)
	in.rest.Close()
	if err != nil {
		return fmt.Errorf("reading what the program did not: %w", err)
	}
	_, err = os.Stdin.Seek(-int64(in.left)-unread, io.SeekCurrent)
	return err
}

// copy passes on the child's output until its end.
func (o *output) copy() {
	defer close(o.done)
	defer o.from.Close() // so that the child learns that nobody reads
	b := make([]byte, 64<<10)
	for left := rest; left > 0; {
		ended := o.ended.Load()
		if ended {
			_ = o.from.SetReadDeadline(time.Now().Add(linger))
		}
		n, err := o.from.Read(b)
		if n > 0 {
			if _, err := o.to.Write(b[:n]); err != nil {
				return
			}
		}
		if ended {
			left -= n
		}
		// A deadline that was set before ended was seen is not the end.
		if err != nil && (ended || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return
		}
	}
}

// finish waits until what the program wrote is passed on.
func (o *output) finish() {
	o.ended.Store(true)
	_ = o.from.SetReadDeadline(time.Now().Add(linger)) // wakes the reader
	<-o.done
}

// wait passes signals on until the child has ended. It does not block in
// wait4, where Go may hang on NetBSD (golang issue 57999).
func (r *relay) wait(pid int, ended <-chan os.Signal) (int, error) {
	for {
		var status unix.WaitStatus
		got, err := unix.Wait4(pid, &status, unix.WNOHANG, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, fmt.Errorf("waiting for the program: %w", err)
		case got == pid && status.Signaled():
			return 128 + int(status.Signal()), nil
		case got == pid && status.Exited():
			return status.ExitStatus(), nil
		}
		select {
		case <-ended:
		case s := <-r.signals:
			if s == unix.SIGWINCH {
				r.resize()
			} else {
				// To all of its group, as a terminal would. It may have
				// ended, or not have begun its session yet.
				if unix.Kill(-pid, s.(unix.Signal)) != nil {
					_ = unix.Kill(pid, s.(unix.Signal))
				}
			}
		}
	}
}
