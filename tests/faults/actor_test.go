package faults

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// actor is this program's name in the jails; its first argument is its role.
const actor = "actor"

// check is its name as a check of a service's health.
const check = "check"

const program = "/bin/" + actor

// roles are how services behave. One that returns exits 0.
var roles = map[string]func(args []string){
	"cell":    cellRole,
	"count":   countRole,
	"orphans": orphansRole,
	"total":   totalRole,
	"idle":    func([]string) { idle() },
	"crash":   func([]string) { os.Exit(1) },
	"deaf": func([]string) {
		signal.Ignore(unix.SIGTERM)
		unix.Write(3, []byte("\n"))
		idle()
	},
	"silent": func([]string) {
		for fd := range 3 {
			unix.Close(fd)
		}
		idle()
	},
	"daemon": func([]string) { spawn("idle", true) },
	// Signs of life, until it may give none.
	"dog": func([]string) {
		for {
			unix.Write(3, []byte("\n"))
			time.Sleep(50 * time.Millisecond)
		}
	},
	"bomb": func([]string) {
		for {
			if !spawn("idle", false) {
				time.Sleep(time.Millisecond)
			}
		}
	},
	// A line with its number now and then.
	"steady": func([]string) {
		for n := 1; ; n++ {
			fmt.Println(n)
			time.Sleep(10 * time.Millisecond)
		}
	},
}

func act(role string, args []string) {
	roles[role](args)
	os.Exit(0)
}

func idle() {
	for {
		time.Sleep(time.Hour)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}

// spawn starts another actor, and leaves it.
func spawn(role string, session bool) bool {
	_, err := syscall.ForkExec(program, []string{actor, role}, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setsid: session},
	})
	return err == nil
}

// cellRole is one of the programs of a cell: DIRECTORY GATE, or of a daemon
// DIRECTORY NAME daemon.
func cellRole(args []string) {
	p := &player{dir: args[0]}
	if len(args) == 2 {
		p.hold(args[1])
		return
	}
	name := args[1]
	term := make(chan os.Signal, 1)
	signal.Notify(term, unix.SIGTERM)
	go func() {
		<-term
		p.hold(name + " stops")
		os.Exit(0)
	}()
	p.hold(name + " starts")
	unix.Write(3, []byte("\n"))
	idle()
}

// burst is how many lines a program writes before it comes to a gate.
const burst = 40

// player numbers its lines.
type player struct {
	dir string
	mu  sync.Mutex
	n   int
}

// hold comes to a gate, and waits until it is open.
func (p *player) hold(gate string) {
	p.mu.Lock()
	for range burst {
		p.n++
		fmt.Println(os.Getpid(), p.n)
	}
	n := p.n
	p.mu.Unlock()
	at := open(p.dir+"/at", unix.O_WRONLY)
	if _, err := unix.Write(at, fmt.Appendf(nil, "%s:%d:%d\n", gate, os.Getpid(), n)); err != nil {
		fail(err)
	}
	unix.Close(at)
	fd := open(p.dir+"/"+gate, unix.O_RDONLY)
	for {
		if n, err := unix.Read(fd, make([]byte, 1)); n == 1 {
			break
		} else if err != unix.EINTR {
			fail(fmt.Errorf("gate %s: %d %v", gate, n, err))
		}
	}
	unix.Close(fd)
}

func open(path string, flags int) int {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err == nil {
			return fd
		}
		if err != unix.EINTR {
			fail(fmt.Errorf("%s: %w", path, err))
		}
	}
}

// countRole numbers lines of standard output and standard error, each by its
// format; "-" is none. A line whose format has a blank is written in two parts.
func countRole(args []string) {
	for i, format := range args {
		if format == "-" {
			continue
		}
		go func() {
			f := []*os.File{os.Stdout, os.Stderr}[i]
			w := bufio.NewWriterSize(f, 4096)
			head, tail, parts := strings.Cut(format, " ")
			for n := 1; ; n++ {
				var err error
				if parts {
					_, err = f.WriteString(head)
					if err == nil {
						_, err = fmt.Fprintf(f, " "+tail+"\n", n)
					}
				} else {
					_, err = fmt.Fprintf(w, format+"\n", n)
				}
				if err != nil {
					fail(err)
				}
			}
		}()
	}
	idle()
}

// totalRole writes numbered lines, each in one piece, and when it is told to
// stop, how many they were to the file that it is given; one that waits for room
// may come, too.
func totalRole(args []string) {
	var n atomic.Int64
	var stop atomic.Bool
	term := make(chan os.Signal, 1)
	signal.Notify(term, unix.SIGTERM)
	go func() {
		<-term
		stop.Store(true)
		time.Sleep(200 * time.Millisecond)
		if err := os.WriteFile(args[0], fmt.Append(nil, n.Load()), 0o600); err != nil {
			fail(err)
		}
		os.Exit(0)
	}()
	for !stop.Load() {
		if _, err := fmt.Println(n.Load() + 1); err != nil {
			fail(err)
		}
		n.Add(1)
	}
	idle()
}

// orphansRole makes so many processes whose parents end before them, says how
// many at each thousand and at the end, and stays.
func orphansRole(args []string) {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		fail(err)
	}
	for n := 1; n <= count; n++ {
		pid, err := fork()
		for err == unix.EAGAIN { // a limit of processes
			time.Sleep(time.Millisecond)
			pid, err = fork()
		}
		if err != nil {
			fail(err)
		}
		if pid == 0 {
			// Nothing but system calls from here on: there is one thread. And
			// no look at the stack's bound, where the runtime may have asked
			// for the processor, in what is called.
			parent, _, _ := unix.RawSyscall(unix.SYS_GETPID, 0, 0, 0)
			if pid, _ := fork(); pid == 0 {
				for now := parent; now == parent; {
					now, _, _ = unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
				}
			}
			exitNow()
		}
		for {
			if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
				break
			}
		}
		if n%1000 == 0 || n == count {
			fmt.Println(n, "orphans")
		}
	}
	idle()
}

//go:nosplit
func exitNow() {
	for {
		unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
}
