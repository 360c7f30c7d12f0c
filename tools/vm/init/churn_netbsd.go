package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
	"jails/tools/vm/module"
	"jails/tools/vm/plan"
)

// The module comes and goes while processes of the host ask the kernel all
// that it listens to: init in another role makes them.

// loads are what such a process does, again and again, by name. None of it
// may fail, whether the module is there or not.
var loads = map[string]func() error{
	"fork": func() error {
		pid, err := syscall.ForkExec("/sbin/init", []string{role, "exit"}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}})
		if err != nil {
			return err
		}
		var ws unix.WaitStatus
		for {
			if _, err = unix.Wait4(pid, &ws, 0, nil); err != unix.EINTR {
				break
			}
		}
		if err == nil && ws != 0 {
			err = fmt.Errorf("a child ends with %#x", uint32(ws))
		}
		return err
	},
	"bind": func() error {
		for range 50 {
			for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM} {
				for _, port := range []int{0, 7000 + time.Now().Nanosecond()%1000} {
					s, err := unix.Socket(unix.AF_INET, kind, 0)
					if err != nil {
						return err
					}
					err = unix.Bind(s, &unix.SockaddrInet4{Port: port})
					if err := errors.Join(err, unix.Close(s)); err != nil && !errors.Is(err, unix.EADDRINUSE) {
						return err
					}
				}
			}
		}
		return nil
	},
	"kill": func() error {
		for range 500 {
			all := unix.Kill(-1, 0)
			if all == unix.ESRCH { // the others have yet to be made
				all = nil
			}
			if err := errors.Join(unix.Kill(1, 0), unix.Kill(os.Getpid(), 0), all); err != nil {
				return err
			}
		}
		return nil
	},
	// Each change of ids makes a credential, and ends one.
	"ids": func() error {
		for range 200 {
			for _, uid := range []uintptr{1, 0} {
				if _, _, errno := unix.RawSyscall(unix.SYS_SETEUID, uid, 0, 0); errno != 0 {
					return errno
				}
			}
		}
		return nil
	},
	"read": func() error {
		c, err := secmodel.Open()
		if gone(err) {
			return nil
		}
		if err != nil {
			return err
		}
		defer c.Close()
		for range 20 {
			_, err := c.Jails()
			if err == nil {
				_, err = c.Processes()
			}
			if err == nil {
				_, err = c.Events(0, 0)
			}
			if gone(err) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	},
	"open": func() error {
		for range 200 {
			fd, err := unix.Open("/dev/null", unix.O_RDWR, 0)
			if err != nil {
				return err
			}
			if err := unix.Close(fd); err != nil {
				return err
			}
		}
		return nil
	},
}

// gone says whether a reader finds no model, or one that is coming or going:
// its nodes do so one by one.
func gone(err error) bool {
	return errors.Is(err, secmodel.ErrNoModel) || errors.Is(err, unix.ENOENT) ||
		err != nil && strings.Contains(err.Error(), "has no node")
}

// role is the first word of init when it is one of these.
const role = "churn"

// play is such a process. It says nothing unless something fails.
func play(name string) int {
	if name == "exit" {
		return 0
	}
	for {
		if err := loads[name](); err != nil {
			fmt.Printf("init: while the module came and went: %s: %v\n", name, err)
			return 1
		}
	}
}

// churn loads and unloads the module that often, under load; it is not loaded
// in the end.
func churn(p *plan.Plan) error {
	var players []int
	defer func() {
		for _, pid := range players {
			if unix.Kill(pid, unix.SIGKILL) == nil {
				_, _ = unix.Wait4(pid, nil, 0, nil)
			}
		}
	}()
	for name := range loads {
		pid, err := syscall.ForkExec("/sbin/init", []string{role, name}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setsid: true}})
		if err != nil {
			return err
		}
		players = append(players, pid)
	}
	cpus, err := unix.SysctlUint32("hw.ncpuonline")
	if err != nil {
		return fmt.Errorf("hw.ncpuonline: %w", err)
	}
	begin := time.Now()
	var before map[string]uint64
	for i := range p.Loads {
		if i == p.Loads/10 { // by then all have filled their caches
			if before, err = pools(); err != nil {
				return err
			}
		}
		if err := module.Load(p.Module); err != nil {
			return fmt.Errorf("load %s, time %d: %w", p.Module, i+1, err)
		}
		// It is asked for a while.
		time.Sleep(time.Duration(i%5) * time.Millisecond)
		if err := module.Unload(p.Name); err != nil {
			return fmt.Errorf("unload %s, time %d: %w", p.Name, i+1, err)
		}
		if (i+1)%100 == 0 {
			fmt.Printf("init: loaded and unloaded %d times, in %v\n", i+1, time.Since(begin).Round(time.Millisecond))
		}
	}
	took := time.Since(begin)
	after, err := pools()
	if err != nil {
		return err
	}
	for _, pid := range players {
		got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
		if err != nil {
			return fmt.Errorf("wait: %w", err)
		}
		if got != 0 {
			return errors.New("a process that asked the kernel has ended")
		}
	}
	fmt.Printf("init: loaded and unloaded %d times in %v, on %d processors, while processes forked, bound, signalled, changed ids, read and opened\n",
		p.Loads, took.Round(time.Millisecond), cpus)
	return leaked(before, after, uint64(p.Loads-p.Loads/10))
}

// leaked says which pools of the kernel's memory have grown with each of so
// many loads; a few loads show nothing.
func leaked(before, after map[string]uint64, loads uint64) error {
	var grown []string
	for name, n := range after {
		if n > before[name]+loads/2 {
			grown = append(grown, fmt.Sprintf("%s by %d", name, n-before[name]))
		}
	}
	sort.Strings(grown)
	if loads < 500 || len(grown) == 0 {
		return nil
	}
	return fmt.Errorf("with %d loads there is more of the kernel's memory in use: %s", loads, strings.Join(grown, ", "))
}

// pools says how many items are in use of each of the kernel's pools that
// kmem_alloc(9) takes from, by sysctl kern.pool.
func pools() (map[string]uint64, error) {
	b, err := unix.SysctlRaw("kern.pool")
	if err != nil {
		return nil, fmt.Errorf("kern.pool: %w", err)
	}
	const size, out = 16 + 26*8, 16 + 5*8 // struct pool_sysctl, pr_nout
	all := map[string]uint64{}
	for ; len(b) >= size; b = b[size:] {
		name := unix.ByteSliceToString(b[:16])
		if strings.HasPrefix(name, "kmem-") || strings.HasPrefix(name, "kmem_") {
			all[name] += binary.LittleEndian.Uint64(b[out:])
		}
	}
	if len(all) < 5 {
		return nil, fmt.Errorf("kern.pool shows only %d pools of kmem", len(all))
	}
	return all, nil
}
