package conformance

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	sysPtrace         = 26
	sysSetlogin       = 50
	sysKtrace         = 45
	sysSetparam       = 346
	sysGetparam       = 347
	sysSetaffinity    = 348
	sysGetaffinity    = 349
	ctlProc           = 10 // CTL_PROC
	kernProc2         = 47
	kernProcArgs      = 48
	kernFile2         = 77
	procSize          = 640 // more than a struct kinfo_proc2
	traceFlag         = 288 // of p_traceflag in it
	procCorename      = 1
	procLimit         = 2
	procStopfork      = 3
	limitCore         = 5 // RLIMIT_CORE + 1
	ptAttach          = 9
	ptDetach          = 10
	ktropSet          = 0
	ktropClear        = 1
	ktraceSyscalls    = 2
	ktracePersistent  = 0x80000000
	resourceProcesses = 7
)

// hidden is what a target that can't be seen gives.
var hidden = []unix.Errno{unix.ESRCH, unix.ENOENT}

func init() {
	register(
		// The list lacks what the caller may not see.
		attempt{name: "kern.proc2", rules: []string{"process cansee.eproc"}, quiet: []string{"process cansee.kptr"}, targets: true, do: func(pid int) error {
			_, err := kinfo(pid)
			return err
		}},
		attempt{name: "kern.proc_args argv", rules: []string{"process cansee.args"}, targets: true, do: func(pid int) error {
			return procArgs(pid, 1)
		}},
		attempt{name: "kern.proc_args env", rules: []string{"process cansee.env"}, targets: true, do: func(pid int) error {
			return procArgs(pid, 3)
		}},
		attempt{name: "kern.file2", rules: []string{"process cansee.openfiles"}, targets: true, do: func(pid int) error {
			const size = 128
			n, err := sysctl([]int32{unix.CTL_KERN, kernFile2, 2, int32(pid), size, 1000}, make([]byte, 1000*size), nil)
			if err == nil && n == 0 {
				return unix.EPERM
			}
			return err
		}},
		attempt{name: "proc.N.corename", rules: []string{"process cansee.entry", "process corename.get"}, targets: true, do: func(pid int) error {
			_, err := sysctl([]int32{ctlProc, int32(pid), procCorename}, make([]byte, 1024), nil)
			return err
		}},
		attempt{name: "proc.N.corename write", rules: []string{"process cansee.entry", "process corename.get", "process corename.set"}, targets: true, do: func(pid int) error {
			_, err := sysctl([]int32{ctlProc, int32(pid), procCorename}, make([]byte, 1024), append([]byte("%n.core"), 0))
			return err
		}},
		attempt{name: "proc.N.stopfork write", rules: []string{"process cansee.entry", "process stopflag"}, targets: true, do: func(pid int) error {
			_, err := sysctl([]int32{ctlProc, int32(pid), procStopfork}, nil, make([]byte, 4))
			return err
		}},
		attempt{name: "proc.N.rlimit", rules: []string{"process cansee.entry", "process rlimit.get"}, targets: true, do: func(pid int) error {
			_, err := sysctl([]int32{ctlProc, int32(pid), procLimit, limitCore, 1}, make([]byte, 8), nil)
			return err
		}},
		attempt{name: "proc.N.rlimit write", rules: []string{"process cansee.entry", "process rlimit.get", "process rlimit.set"}, targets: true, do: func(pid int) error {
			_, err := sysctl([]int32{ctlProc, int32(pid), procLimit, limitCore, 1}, nil, make([]byte, 8))
			return err
		}},
		attempt{name: "setrlimit", rules: []string{"process rlimit.set"}, do: func(int) error {
			var r syscall.Rlimit
			if err := syscall.Getrlimit(unix.RLIMIT_CORE, &r); err != nil {
				return err
			}
			if r.Cur++; r.Cur > 1 { // only what differs is asked about
				r.Cur = 0
			}
			return syscall.Setrlimit(unix.RLIMIT_CORE, &r)
		}},
		attempt{name: "setrlimit higher", rules: []string{"process rlimit.set", "process rlimit.raise"}, spoils: true, do: func(int) error {
			if err := syscall.Setrlimit(unix.RLIMIT_CORE, &syscall.Rlimit{Cur: 0, Max: 4096}); err != nil {
				return fmt.Errorf("lower: %v", err)
			}
			return syscall.Setrlimit(unix.RLIMIT_CORE, &syscall.Rlimit{Cur: 0, Max: 8192})
		}},
		// Too many processes look like no resources.
		attempt{name: "fork above the limit", rules: []string{"process rlimit.bypass"}, spoils: true, denied: []unix.Errno{unix.EAGAIN}, do: func(int) error {
			if err := syscall.Setrlimit(resourceProcesses, &syscall.Rlimit{Cur: 1, Max: 160}); err != nil {
				return fmt.Errorf("lower: %v", err)
			}
			_, err := forkExit()
			return err
		}},
		attempt{name: "kill 0", rules: []string{"process signal"}, targets: true, do: func(pid int) error {
			return unix.Kill(pid, 0)
		}},
		attempt{name: "kill URG", rules: []string{"process signal"}, targets: true, do: func(pid int) error {
			return unix.Kill(pid, unix.SIGURG)
		}},
		// A group of which nobody can be signalled looks empty.
		attempt{name: "killpg", rules: []string{"process signal"}, targets: true, denied: hidden, do: func(pid int) error {
			return unix.Kill(-pid, unix.SIGURG)
		}},
		attempt{name: "ptrace", rules: []string{"process cansee.entry", "process ptrace"}, targets: true, denied: hidden, do: func(pid int) error {
			if err := call(sysPtrace, ptAttach, uintptr(pid), 0, 0); err != nil {
				return err
			}
			var ws unix.WaitStatus
			if _, err := unix.Wait4(pid, &ws, 0, nil); err != nil {
				return fmt.Errorf("wait: %v", err)
			}
			return call(sysPtrace, ptDetach, uintptr(pid), 1, 0)
		}},
		// ktrace says done where it was refused; the flags tell.
		attempt{name: "ktrace", rules: []string{"process ktrace"}, quiet: []string{"process ktrace.persistent", "process cansee.kptr"}, targets: true, do: func(pid int) error {
			return ktrace(pid, ktraceSyscalls)
		}},
		attempt{name: "ktrace persistent", rules: []string{"process ktrace", "process ktrace.persistent"}, quiet: []string{"process cansee.kptr"}, targets: true, do: func(pid int) error {
			return ktrace(pid, ktraceSyscalls|ktracePersistent)
		}},
		attempt{name: "procfs read", rules: []string{"process cansee.entry", "process procfs.read"}, targets: true, denied: hidden, do: func(pid int) error {
			return openFile(fmt.Sprintf("/proc/%d/status", pid), unix.O_RDONLY)
		}},
		attempt{name: "procfs write only", rules: []string{"process cansee.entry", "process procfs.write"}, targets: true, denied: hidden, do: func(pid int) error {
			return openFile(fmt.Sprintf("/proc/%d/mem", pid), unix.O_WRONLY)
		}},
		attempt{name: "procfs write", rules: []string{"process cansee.entry", "process procfs.rw"}, targets: true, denied: hidden, do: func(pid int) error {
			return openFile(fmt.Sprintf("/proc/%d/mem", pid), unix.O_RDWR)
		}},
		attempt{name: "kevent", rules: []string{"process kevent"}, targets: true, denied: hidden, do: func(pid int) error {
			kq, err := unix.Kqueue()
			if err != nil {
				return err
			}
			defer unix.Close(kq)
			var e unix.Kevent_t
			unix.SetKevent(&e, pid, unix.EVFILT_PROC, unix.EV_ADD)
			e.Fflags = unix.NOTE_EXIT
			_, err = unix.Kevent(kq, []unix.Kevent_t{e}, nil, &unix.Timespec{})
			return err
		}},
		attempt{name: "setpriority", rules: []string{"process nice"}, targets: true, do: func(pid int) error {
			return unix.Setpriority(unix.PRIO_PROCESS, pid, niceness)
		}},
		attempt{name: "setpriority higher", rules: []string{"process nice", "process nice.raise"}, targets: true, do: func(pid int) error {
			if err := unix.Setpriority(unix.PRIO_PROCESS, pid, niceness-1); err != nil {
				return err
			}
			return unix.Setpriority(unix.PRIO_PROCESS, pid, niceness)
		}},
		attempt{name: "sched_getparam", rules: []string{"process scheduler.getparam"}, targets: true, do: func(pid int) error {
			policy, _ := buffer(8)
			param, _ := buffer(8)
			return call(sysGetparam, uintptr(pid), 0, policy, param)
		}},
		attempt{name: "sched_setparam", rules: []string{"process scheduler.setparam"}, targets: true, do: func(pid int) error {
			param, b := buffer(8)
			binary.LittleEndian.PutUint32(b, ^uint32(0)) // PRI_NONE
			return call(sysSetparam, uintptr(pid), 0, 0, param)
		}},
		attempt{name: "sched_setparam real-time", rules: []string{"process scheduler.setparam"}, targets: true, do: func(pid int) error {
			const fifo, other = 1, 0
			param, b := buffer(8)
			if err := call(sysSetparam, uintptr(pid), 0, fifo, param); err != nil {
				return err
			}
			binary.LittleEndian.PutUint32(b, ^uint32(0)) // PRI_NONE
			return call(sysSetparam, uintptr(pid), 0, other, param)
		}},
		attempt{name: "sched_getaffinity", rules: []string{"process scheduler.getaffinity"}, targets: true, do: func(pid int) error {
			set, _ := buffer(32)
			return call(sysGetaffinity, uintptr(pid), 0, 32, set)
		}},
		attempt{name: "sched_setaffinity", rules: []string{"process scheduler.setaffinity"}, targets: true, do: func(pid int) error {
			set, _ := buffer(32) // no processor: anywhere
			return call(sysSetaffinity, uintptr(pid), 0, 32, set)
		}},
		attempt{name: "setgroups", rules: []string{"process setid"}, do: func(int) error {
			return syscall.Setgroups(nil)
		}},
		attempt{name: "seteuid", rules: []string{"process setid"}, do: thereAndBack(unix.Seteuid, os.Geteuid)},
		attempt{name: "setegid", rules: []string{"process setid"}, do: thereAndBack(unix.Setegid, os.Getegid)},
		attempt{name: "setreuid", rules: []string{"process setid"}, do: thereAndBack(func(id int) error { return unix.Setreuid(-1, id) }, os.Geteuid)},
		attempt{name: "setregid", rules: []string{"process setid"}, do: thereAndBack(func(id int) error { return unix.Setregid(-1, id) }, os.Getegid)},
		attempt{name: "setlogin", rules: []string{"process setid"}, do: func(int) error {
			return call(sysSetlogin, text("conformance"))
		}},
		attempt{name: "fork", rules: []string{"process fork", "vnode isexec"}, quiet: []string{"process rlimit.bypass"}, do: func(int) error {
			_, err := forkExit()
			return err
		}},
	)
}

// thereAndBack changes an id for a moment.
func thereAndBack(set func(int) error, get func() int) func(int) error {
	return func(int) error {
		const other = 7
		before := get()
		if err := set(other); err != nil {
			return err
		}
		if err := set(before); err != nil {
			return fmt.Errorf("back to %d: %v", before, err)
		}
		return nil
	}
}

// kinfo is what the kernel tells of a process: EPERM if it tells nothing.
func kinfo(pid int) ([]byte, error) {
	b := make([]byte, procSize)
	n, err := sysctl([]int32{unix.CTL_KERN, kernProc2, 1, int32(pid), procSize, 1}, b, nil)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, unix.EPERM
	}
	return b, nil
}

// ktrace traces a process for a moment: EPERM if it does not get all flags.
func ktrace(pid int, want uint32) error {
	file := "/tmp/trace" + strconv.Itoa(os.Geteuid())
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	defer os.Remove(file)
	if err := call(sysKtrace, text(file), ktropSet, ktraceSyscalls, uintptr(pid)); err != nil {
		return err
	}
	info, err := kinfo(pid)
	if err != nil {
		return err
	}
	if err := call(sysKtrace, text(file), ktropClear, ktraceSyscalls, uintptr(pid)); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(info[traceFlag:])&want != want {
		return unix.EPERM
	}
	return nil
}

func procArgs(pid int, what int32) error {
	_, err := sysctl([]int32{unix.CTL_KERN, kernProcArgs, int32(pid), what}, make([]byte, 64<<10), nil)
	return err
}
