// Command init is the first process of a virtual machine that tests the
// kernel model: it makes the root writable, mounts what programs expect, runs
// the plan's first steps, loads and unloads the module again and again while
// no jail has existed, and loads it, runs the other steps, wants its unloading
// refused, for now jails have existed, and halts. It answers on the console; see package plan.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"jails/tools/vm/module"
	"jails/tools/vm/plan"
)

func main() {
	if len(os.Args) == 2 && os.Args[0] == role {
		os.Exit(play(os.Args[1]))
	}
	openConsole()
	p, err := plan.Read(plan.Path)
	if err != nil {
		fmt.Println("init:", err)
		halt()
	}
	fmt.Print(plan.Line(p.Token, plan.Up))
	status := 0
	if err := run(p); err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			fmt.Println("init:", line)
		}
		status = 1
	}
	fmt.Print(plan.Line(p.Token, plan.Status, strconv.Itoa(status)))
	halt()
}

// openConsole gives process 1 its descriptors 0 to 2, which start closed.
func openConsole() {
	fd, err := unix.Open("/dev/console", unix.O_RDWR, 0)
	if err != nil {
		halt()
	}
	for i := range 3 {
		if fd != i {
			// Nowhere to say an error.
			_ = unix.Dup2(fd, i)
		}
	}
	if fd > 2 {
		unix.CloseOnExec(fd)
	}
}

// halt ends the machine; without the emulator's -no-reboot it would start
// again. Nothing is written any more: the image is a snapshot, and the last
// flush of a virtio disk can crash NetBSD (ld_virtio_vq_done1).
func halt() {
	const noSync = 4 // RB_NOSYNC
	_, _, errno := unix.Syscall(unix.SYS_REBOOT, noSync, 0, 0)
	fmt.Println("init: reboot:", errno)
	select {}
}

// run does the plan; its error says all that was not as planned.
func run(p *plan.Plan) error {
	if err := mountAll(); err != nil {
		return err
	}
	failed := steps(p, true)
	if p.Module == "" {
		return errors.Join(append(failed, steps(p, false)...)...)
	}
	if err := loadModule(p); err != nil {
		return errors.Join(append(failed, err)...)
	}
	failed = append(failed, steps(p, false)...)
	return errors.Join(append(failed, unloadAs(p))...)
}

// loadModule loads the module. Before any jail has existed, it comes and goes
// as often as one likes.
func loadModule(p *plan.Plan) error {
	if err := churn(p); err != nil {
		return err
	}
	if err := module.Load(p.Module); err != nil {
		return fmt.Errorf("load %s: %w", p.Module, err)
	}
	return nil
}

// steps runs those before the module is loaded, or the others.
func steps(p *plan.Plan, before bool) []error {
	var failed []error
	for _, s := range p.Steps {
		if s.Before != before {
			continue
		}
		fmt.Print(plan.Line(p.Token, plan.Begin, s.Name))
		status, err := step(s)
		fmt.Print(plan.Line(p.Token, plan.End, s.Name, strconv.Itoa(status)))
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s.Name, err))
		}
	}
	return failed
}

// unloadAs unloads the module and wants what the plan says of it.
func unloadAs(p *plan.Plan) error {
	err := module.Unload(p.Name)
	switch {
	case p.Unload == plan.Busy && errors.Is(err, unix.EBUSY):
		fmt.Println("init: unload refused, as it should be: jails have existed")
		return nil
	case p.Unload == plan.Unloads && err == nil:
		fmt.Println("init: unloaded", p.Name)
		return nil
	case err == nil:
		return fmt.Errorf("unload %s: it went, wanted it %s", p.Name, p.Unload)
	}
	return fmt.Errorf("unload %s: %w, wanted it %s", p.Name, err, p.Unload)
}

// step runs a command, in a session of its own, and reaps whatever is
// orphaned meanwhile.
func step(s plan.Step) (int, error) {
	in, err := os.Open("/dev/null")
	if err != nil {
		return 1, err
	}
	defer in.Close()
	pid, err := syscall.ForkExec(s.Argv[0], s.Argv, &syscall.ProcAttr{
		Dir:   filepath.Join("/", s.Dir),
		Env:   append([]string{"PATH=/sbin:/bin:/tests", "HOME=/root"}, s.Env...),
		Files: []uintptr{in.Fd(), 1, 2},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 1, err
	}
	late := time.AfterFunc(s.Timeout, func() {
		fmt.Printf("init: %s: not done after %v, killed\n", s.Name, s.Timeout)
		if err := unix.Kill(-1, unix.SIGKILL); err != nil {
			fmt.Println("init: kill:", err)
		}
	})
	defer late.Stop()
	for {
		var ws unix.WaitStatus
		got, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 1, fmt.Errorf("wait: %w", err)
		case got == pid && ws.Signaled():
			return 128 + int(ws.Signal()), fmt.Errorf("ended by %v", ws.Signal())
		case got == pid && ws.ExitStatus() != 0:
			return ws.ExitStatus(), fmt.Errorf("exit status %d", ws.ExitStatus())
		case got == pid:
			return 0, nil
		}
	}
}
