// Package session runs a program in a jail, in a session of its own: nothing
// of the caller's goes with it, neither terminal nor descriptors nor
// environment.
//
// Where it can, the calling process itself becomes the program. A process
// that leads its group already, as an interactive shell's children do, can
// not begin a session. Nor may everything that the caller's standard
// descriptors are come into the jail: a terminal could be fed with commands
// for the caller's shell, and of a file or a device of the host's whoever is
// root in the jail could change owner and mode. Then a child becomes the
// program, and the parent passes on bytes, signals and status.
package session

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"jails/src/account"
	"jails/src/exit"
	"jails/src/secmodel"
	"jails/src/terminal"
)

// Program is what to run.
type Program struct {
	Jail      secmodel.ID
	Args      []string // the first is looked up in the jail's PATH
	User      string   // name or number, of the jail's own; "" for root
	Directory string   // in the jail; "" for the user's home, or else /

	// Terminal gives the program's session a terminal of its own. Relay
	// makes it; to Exec it is descriptor 0.
	Terminal bool

	// Leaving, if it is not nil, is called by Exec just before this process
	// enters the jail, and with false if it then could not. It must not make
	// an event queue.
	Leaving func(into bool)
}

// What a shell exits with when it can't run a command.
const (
	notRunnable = 126
	notFound    = 127
)

// Begin makes the calling process the leader of a session without a terminal,
// and says whether it can become a program in the jail of that root directory:
// else see Relay.
func Begin(root string) bool {
	for fd := range 3 {
		var st unix.Stat_t
		if !harmless(fd, &st) && !(isNull(&st) && hasNull(root)) {
			return false
		}
	}
	if session, err := unix.Getsid(0); err == nil && session == os.Getpid() {
		return !controlled()
	}
	_, err := unix.Setsid()
	return err == nil
}

// controlled says whether the process has a controlling terminal.
func controlled() bool {
	fd, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

// Exec enters the jail and becomes the program. Begin has been called, and
// said yes. It returns only if it fails; then the process may be in the jail,
// and should end. Its errors are the shell's 126 and 127 where the program
// can't be run, or has no such user.
func (p *Program) Exec(k *secmodel.Client) error {
	// The collector would use a timer, and so an event queue, which must not
	// exist at entry; and there is nothing to collect for so short a time.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(math.MaxInt64)
	// On NetBSD the thread that entered must be the one that execs.
	runtime.LockOSThread()

	if err := closeInherited(); err != nil {
		return fmt.Errorf("closing descriptors: %w", err)
	}
	groups := account.MayRegroup()
	nulls := nullDescriptors()
	if p.Leaving != nil {
		p.Leaving(true)
	}
	if err := k.Enter(p.Jail, secmodel.EnterExec); err != nil {
		if p.Leaving != nil {
			p.Leaving(false)
		}
		return err
	}
	if err := replaceNull(nulls); err != nil {
		return &exit.Error{Code: notRunnable, Msg: "in the jail: /dev/null", Err: err}
	}
	who, err := account.Find(p.User, "")
	if err != nil {
		return &exit.Error{Code: notRunnable, Err: err, Hint: "give a user of the jail's, or a number"}
	}
	if p.Terminal {
		if err := terminal.Control(0); err != nil {
			return err
		}
		// For programs that open or change it; without it they still work.
		_ = unix.Fchown(0, int(who.UID), -1)
	}
	if err := become(who, groups); err != nil {
		return fmt.Errorf("becoming user %s: %w", who.Name, err)
	}
	unix.Umask(0o022)
	if err := p.chdir(who.Home); err != nil {
		return err
	}
	return p.exec(who)
}

func (p *Program) chdir(home string) error {
	if p.Directory != "" {
		if err := unix.Chdir(p.Directory); err != nil {
			return &exit.Error{Code: notRunnable, Msg: "in the jail: " + p.Directory, Err: err}
		}
		return nil
	}
	if unix.Chdir(home) == nil {
		return nil
	}
	return os.NewSyscallError("chdir", unix.Chdir("/"))
}

// environment is all that the program gets.
func (p *Program) environment(who account.Identity) []string {
	env := []string{"PATH=" + path(who), "HOME=" + who.Home, "USER=" + who.Name, "LOGNAME=" + who.Name, "SHELL=" + who.Shell}
	if p.Terminal {
		if term := os.Getenv("TERM"); term != "" {
			env = append(env, "TERM="+term)
		}
	}
	return env
}

func path(who account.Identity) string {
	if who.UID == 0 {
		return "/sbin:/usr/sbin:/bin:/usr/bin:/usr/pkg/sbin:/usr/pkg/bin:/usr/local/sbin:/usr/local/bin"
	}
	return "/bin:/usr/bin:/usr/pkg/bin:/usr/local/bin"
}

// exec tries the program where a shell would.
func (p *Program) exec(who account.Identity) error {
	env := p.environment(who)
	name := p.Args[0]
	if strings.Contains(name, "/") {
		return unrunnable(name, unix.Exec(name, p.Args, env))
	}
	refused := error(unix.ENOENT)
	if name != "" {
		for dir := range strings.SplitSeq(path(who), ":") {
			err := unix.Exec(dir+"/"+name, p.Args, env)
			if err != unix.ENOENT && err != unix.ENOTDIR {
				refused = err
			}
		}
	}
	return unrunnable(name, refused)
}

func unrunnable(name string, err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return &exit.Error{Code: notFound, Msg: "not in the jail: " + name}
	}
	return &exit.Error{Code: notRunnable, Msg: "in the jail: " + name, Err: err}
}

// closeInherited closes what the caller left open beyond descriptor 2. What
// this program opened is closed on exec, and stays for now.
func closeInherited() error {
	return eachDescriptor(func(fd int) {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	})
}
