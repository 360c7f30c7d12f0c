package conformance

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() {
	siginfo := func() []byte {
		b := make([]byte, 128)
		b[0], b[8] = byte(unix.SIGURG), 0xff // of kind SI_QUEUE, -1
		b[9], b[10], b[11] = 0xff, 0xff, 0xff
		return b
	}
	register(
		attempt{name: "kill 0", rules: []string{"process signal"}, targets: true, do: func(pid int) error { return unix.Kill(pid, 0) }},
		attempt{name: "kill URG", rules: []string{"process signal"}, targets: true, do: func(pid int) error { return unix.Kill(pid, unix.SIGURG) }},
		// A group of which nobody can be signalled looks empty.
		attempt{name: "killpg", rules: []string{"process signal"}, targets: true, denied: []unix.Errno{unix.ESRCH}, do: func(pid int) error {
			return unix.Kill(-pid, unix.SIGURG)
		}},
		attempt{name: "tkill", rules: []string{"process signal"}, targets: true, do: func(pid int) error {
			return raw(unix.SYS_TKILL, uintptr(pid), uintptr(unix.SIGURG))
		}},
		attempt{name: "tgkill", rules: []string{"process signal"}, targets: true, do: func(pid int) error {
			return unix.Tgkill(pid, pid, unix.SIGURG)
		}},
		attempt{name: "rt_sigqueueinfo", rules: []string{"process signal"}, targets: true, do: func(pid int) error {
			info := siginfo()
			return raw(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(unix.SIGURG), uintptr(unsafe.Pointer(&info[0])))
		}},
		attempt{name: "rt_tgsigqueueinfo", rules: []string{"process signal"}, targets: true, do: func(pid int) error {
			info := siginfo()
			return raw(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(pid), uintptr(pid), uintptr(unix.SIGURG), uintptr(unsafe.Pointer(&info[0])))
		}},
		attempt{name: "pidfd_open", rules: []string{"process kevent"}, targets: true, denied: []unix.Errno{unix.ESRCH}, do: func(pid int) error {
			return withPidfd(pid, func(int) error { return nil })
		}},
		attempt{name: "pidfd_send_signal", rules: []string{"process kevent", "process signal"}, targets: true, do: func(pid int) error {
			return withPidfd(pid, func(fd int) error { return unix.PidfdSendSignal(fd, unix.SIGURG, nil, 0) })
		}},
		attempt{name: "pidfd_getfd", rules: []string{"process kevent", "process ptrace"}, targets: true, denied: []unix.Errno{unix.ESRCH}, do: func(pid int) error {
			return withPidfd(pid, func(fd int) error {
				got, err := unix.PidfdGetfd(fd, 0, 0)
				if err == nil {
					unix.Close(got)
				}
				return err
			})
		}},
		attempt{name: "ptrace", rules: []string{"process cansee.entry", "process ptrace"}, targets: true, denied: []unix.Errno{unix.ESRCH}, do: func(pid int) error {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if err := unix.PtraceAttach(pid); err != nil {
				return err
			}
			return detach(pid)
		}},
		attempt{name: "ptrace seize", rules: []string{"process cansee.entry", "process ptrace"}, targets: true, denied: []unix.Errno{unix.ESRCH}, do: func(pid int) error {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if err := unix.PtraceSeize(pid); err != nil {
				return err
			}
			if err := unix.PtraceInterrupt(pid); err != nil {
				return fmt.Errorf("interrupt: %v", err)
			}
			return detach(pid)
		}},
		attempt{name: "process_vm_readv", rules: []string{"process cansee.entry", "process ptrace"}, targets: true, denied: []unix.Errno{unix.ESRCH}, do: func(pid int) error {
			b := make([]byte, 1)
			_, err := unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &b[0], Len: 1}}, []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&unused)), Len: 1}}, 0)
			return err
		}},
		attempt{name: "process_vm_writev", rules: []string{"process cansee.entry", "process ptrace"}, targets: true, denied: []unix.Errno{unix.ESRCH}, do: func(pid int) error {
			b := make([]byte, 1)
			_, err := unix.ProcessVMWritev(pid, []unix.Iovec{{Base: &b[0], Len: 1}}, []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&unused)), Len: 1}}, 0)
			return err
		}},
		attempt{name: "kcmp", rules: []string{"process cansee.openfiles"}, targets: true, denied: []unix.Errno{unix.ESRCH}, do: func(pid int) error {
			return raw(unix.SYS_KCMP, uintptr(pid), uintptr(pid), 1)
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
		attempt{name: "setpriority of a group", rules: []string{"process nice"}, targets: true, do: func(pid int) error {
			return unix.Setpriority(unix.PRIO_PGRP, pid, niceness)
		}},
		attempt{name: "ioprio_set", rules: []string{"process nice", "process nice.raise"}, targets: true, do: func(pid int) error {
			return raw(unix.SYS_IOPRIO_SET, 1, uintptr(pid), 0)
		}},
		attempt{name: "sched_getparam", rules: []string{"process scheduler.getparam"}, targets: true, do: func(pid int) error {
			var priority int32
			return raw(unix.SYS_SCHED_GETPARAM, uintptr(pid), uintptr(unsafe.Pointer(&priority)))
		}},
		attempt{name: "sched_getscheduler", rules: []string{"process scheduler.getparam"}, targets: true, do: func(pid int) error {
			return raw(unix.SYS_SCHED_GETSCHEDULER, uintptr(pid))
		}},
		attempt{name: "sched_getattr", rules: []string{"process scheduler.getparam"}, targets: true, do: func(pid int) error {
			_, err := unix.SchedGetAttr(pid, 0)
			return err
		}},
		attempt{name: "sched_setparam", rules: []string{"process scheduler.setparam"}, targets: true, do: func(pid int) error {
			var priority int32
			return raw(unix.SYS_SCHED_SETPARAM, uintptr(pid), uintptr(unsafe.Pointer(&priority)))
		}},
		attempt{name: "sched_setscheduler", rules: []string{"process scheduler.setparam"}, targets: true, do: func(pid int) error {
			var priority int32
			return raw(unix.SYS_SCHED_SETSCHEDULER, uintptr(pid), 0, uintptr(unsafe.Pointer(&priority)))
		}},
		attempt{name: "sched_setattr", rules: []string{"process scheduler.setparam"}, targets: true, do: func(pid int) error {
			return unix.SchedSetAttr(pid, &unix.SchedAttr{Size: unix.SizeofSchedAttr}, 0)
		}},
		attempt{name: "sched_getaffinity", rules: []string{"process scheduler.getaffinity"}, targets: true, do: func(pid int) error {
			var set unix.CPUSet
			return unix.SchedGetaffinity(pid, &set)
		}},
		attempt{name: "sched_setaffinity", rules: []string{"process scheduler.setaffinity"}, targets: true, do: func(pid int) error {
			var set unix.CPUSet
			for i := range 1024 {
				set.Set(i) // all there are
			}
			return unix.SchedSetaffinity(pid, &set)
		}},
		attempt{name: "prlimit", rules: []string{"process rlimit.get"}, targets: true, do: func(pid int) error {
			var r unix.Rlimit
			return unix.Prlimit(pid, unix.RLIMIT_CORE, nil, &r)
		}},
		attempt{name: "prlimit set", rules: []string{"process rlimit.set"}, targets: true, do: func(pid int) error {
			return unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{Cur: 0, Max: 0}, nil)
		}},
		attempt{name: "setrlimit higher", rules: []string{"process rlimit.set", "process rlimit.raise"}, spoils: true, do: func(int) error {
			if err := unix.Prlimit(0, unix.RLIMIT_RTTIME, &unix.Rlimit{Cur: 1 << 40, Max: 1 << 40}, nil); err != nil {
				return fmt.Errorf("lower: %v", err)
			}
			return unix.Prlimit(0, unix.RLIMIT_RTTIME, &unix.Rlimit{Cur: 1 << 40, Max: 1 << 41}, nil)
		}},
		attempt{name: "fork", rules: []string{"process fork"}, do: func(int) error {
			_, err := forkExit()
			return err
		}},
	)
	verb("trace", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		runtime.LockOSThread() // the tracer is a thread
		return "", unix.PtraceSeize(n[0])
	})
}

// unused is written by those who may write another's memory.
var unused byte

func withPidfd(pid int, use func(fd int) error) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return use(fd)
}

func detach(pid int) error {
	var ws unix.WaitStatus
	if _, err := unix.Wait4(pid, &ws, unix.WALL, nil); err != nil {
		return fmt.Errorf("wait: %v", err)
	}
	return unix.PtraceDetach(pid)
}
