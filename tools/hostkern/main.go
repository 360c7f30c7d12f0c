// Copyright (c) 2026 The Jails for NetBSD contributors.
// SPDX-License-Identifier: BSD-2-Clause

//go:build linux && cgo && amd64

// hostkern runs NetBSD's jail model on Linux, for development and CI: it
// compiles sys/secmodel/jail as it is, turns system calls of processes that
// entered a jail into the questions that NetBSD's kernel would ask, and
// gives them the model's answers. It is no security boundary.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"jails/tools/hostkern/kern"
)

const usage = `usage: hostkern [-v] [-s SOCKET] [--ready-fd N] [--kill-leftovers]
                [--no-connector] [--no-opens]

Runs the jail model of NetBSD on Linux, for development and CI. It is no
security boundary.

  -s SOCKET         where clients connect ($HOSTKERN_SOCKET, or
                    /run/hostkern/hostkern.sock)
  -v                say each question
  --ready-fd N      write a newline to descriptor N when ready
  --kill-leftovers  first kill what an earlier hostkern has left in jails
  --no-connector    do without Linux's process events
  --no-opens        do not ask about devices when they are opened: faster
`

// Exit codes of sysexits(3).
const (
	exUsage       = 64
	exDataErr     = 65
	exUnavailable = 69 // the machine forbids it
	exSoftware    = 70
	exOSErr       = 71
	exCantCreate  = 73
	exNoPerm      = 77
)

func main() {
	os.Exit(run(os.Args[1:], os.Stderr))
}

type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }

// options are those of the usage.
type options struct {
	socket        string
	verbose       bool
	ready         int // a descriptor, or -1
	killLeftovers bool
	noConnector   bool
	noOpens       bool
}

func run(args []string, stderr io.Writer) int {
	var o options
	f := flag.NewFlagSet("hostkern", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.socket, "s", os.Getenv("HOSTKERN_SOCKET"), "")
	f.BoolVar(&o.verbose, "v", false, "")
	f.IntVar(&o.ready, "ready-fd", -1, "")
	f.BoolVar(&o.killLeftovers, "kill-leftovers", false, "")
	f.BoolVar(&o.noConnector, "no-connector", false, "")
	f.BoolVar(&o.noOpens, "no-opens", false, "")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Print(usage)
			return 0
		}
		fmt.Fprintf(stderr, "hostkern: %v\n%s", err, usage)
		return exUsage
	}
	if f.NArg() > 0 {
		fmt.Fprintf(stderr, "hostkern: no argument is expected: %q\n%s", f.Arg(0), usage)
		return exUsage
	}
	if o.socket == "" {
		o.socket = "/run/hostkern/hostkern.sock"
	}
	err := daemon(&o)
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "hostkern: %v\n", err)
	var e *exitError
	if errors.As(err, &e) {
		return e.code
	}
	return exOSErr
}

func daemon(o *options) error {
	if err := checkSeccomp(); err != nil {
		return &exitError{exUnavailable, err}
	}
	if unix.Geteuid() != 0 {
		return &exitError{exNoPerm, errors.New("not root; as an ordinary user: unshare -Ur hostkern")}
	}
	if err := unix.Chroot("/"); err != nil {
		return &exitError{exUnavailable, fmt.Errorf("nothing can enter a jail, as chroot(2) is not allowed: %w; run as root with CAP_SYS_CHROOT", err)}
	}
	var fds unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &fds) == nil && fds.Cur < fds.Max {
		fds.Cur = fds.Max
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &fds)
	}
	listener, lock, err := listen(o.socket)
	if err != nil {
		return &exitError{exCantCreate, err}
	}
	defer lock.Close()
	defer listener.Close() // removes the socket
	path := o.socket + ".state"
	old, err := readState(path)
	if err != nil {
		return &exitError{exDataErr, fmt.Errorf("%w; remove it to start anew", err)}
	}
	if err := kern.Boot(old.LastID); err != nil {
		return &exitError{exSoftware, fmt.Errorf("the model does not load: %w", err)}
	}
	h, err := newHost(path)
	if err != nil {
		return err
	}
	h.verbose, h.opens = o.verbose, !o.noOpens
	h.say("for development and CI; this is no security boundary")
	if o.killLeftovers {
		n, err := killLeftovers(&old)
		if err != nil {
			return fmt.Errorf("leftovers: %w", err)
		}
		h.say("killed %d processes that an earlier hostkern had left", n)
	} else if h.left = old.still(); len(h.left.Procs) > 0 {
		h.say("an earlier hostkern left processes in jails; what they ask for fails (ENOSYS) now, exit_group(2) too, at which Go programs spin:%s\n  remedy: start hostkern with --kill-leftovers", old.describe(h.left.Procs))
	}
	h.sayLimits(o.noConnector)
	if _, err := h.ensure(1); err != nil {
		return fmt.Errorf("process 1: %w", err)
	}
	if h.conn != nil {
		if err := h.watch(h.conn.fd, pollConnector, -1); err != nil {
			return err
		}
	}
	h.saveState()

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	failed := make(chan error, 2)
	go h.run(failed)
	h.receive(failed)
	go func() { failed <- h.accept(listener) }()
	if o.ready >= 0 {
		w := os.NewFile(uintptr(o.ready), "ready")
		if _, err := w.WriteString("\n"); err != nil {
			return fmt.Errorf("--ready-fd %d: %w", o.ready, err)
		}
		w.Close()
	}
	select {
	case err := <-failed:
		return err
	case <-stop:
	}
	h.sync(false)
	h.saveState()
	s, err := readState(h.state)
	if err == nil && len(s.Procs) > 0 {
		h.say("stops while processes are in jails; what they ask for fails (ENOSYS) from now on, exit_group(2) too, at which Go programs spin:%s\n  remedy: start hostkern with --kill-leftovers", s.describe(s.Procs))
	}
	return nil
}

// listen makes the socket, for one hostkern at a time.
func listen(path string) (*net.UnixListener, *os.File, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, err
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, nil, fmt.Errorf("%s: another hostkern serves there", path)
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		lock.Close()
		return nil, nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		lock.Close()
		return nil, nil, err
	}
	// Everybody may ask; the model says what whom.
	if err := os.Chmod(path, 0o666); err != nil {
		l.Close()
		lock.Close()
		return nil, nil, err
	}
	return l, lock, nil
}

func (h *host) accept(l *net.UnixListener) error {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
				h.say("a connection: %v", err)
				time.Sleep(100 * time.Millisecond) // it stays in the queue
				continue
			}
			return err
		}
		go h.serve(conn)
	}
}

// sayLimits says, one line each, what is not possible here.
func (h *host) sayLimits(noConnector bool) {
	if noConnector {
		h.say("process events: not used; forks are followed by their calls and by /proc, and short-lived processes counted late")
	} else if c, err := openConnector(); err != nil {
		h.say("process events: %v (only root of the first namespaces has them); forks are followed by their calls and by /proc, and short-lived processes counted late", err)
	} else {
		h.conn = c
	}
	if !h.opens {
		h.say("opening devices is not asked about (--no-opens)")
	}
	if _, ok := seccompFlags(); !ok {
		h.say("this kernel can't wait killably for notifications (before Linux 5.19): a signal may repeat a call that hostkern does for its caller")
	}
	if err := h.calls.hurry(); err != nil {
		h.say("real-time priority: %v: a signal may break into a call that hostkern has not received, above all on a busy machine: EINTR; run as root, or with a limit (ulimit -r) of 1 or more", err)
	}
	if _, _, e := unix.Syscall6(unix.SYS_KCMP, uintptr(hostkernPID), uintptr(hostkernPID), kcmpVM, 0, 0, 0); e != 0 {
		h.say("kcmp(2): %v: what a process that enters shares with others is not seen", e)
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&hdr, &caps[0]); err != nil {
		h.say("capabilities: %v", err)
		return
	}
	for _, c := range []struct {
		bit  int
		name string
		what string
	}{
		{unix.CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "who has changed its user and not executed a program since can't be served: its binds fail; nor can one with more capabilities than hostkern"},
		{unix.CAP_KILL, "CAP_KILL", "a jail's kill reaches processes of root only"},
		{unix.CAP_SETUID, "CAP_SETUID", "users other than root can't bind unix sockets"},
		{unix.CAP_NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE", "ports below 1024 can't be bound"},
		{unix.CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE", "limits of a jail can't be above those of hostkern"},
	} {
		if caps[c.bit/32].Effective&(1<<(c.bit%32)) == 0 {
			h.say("without %s: %s", c.name, c.what)
		}
	}
}
