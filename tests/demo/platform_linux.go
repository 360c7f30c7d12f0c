package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// What the jails run: Debian's static busybox.
const (
	httpd  = "/bin/httpd -f -v"
	killer = "/bin/kill"
	idle   = "/bin/sleep 1000000"
)

func userland() (program, error) {
	for _, path := range []string{"/bin/busybox", "/usr/bin/busybox"} {
		if file, err := elf.Open(path); err == nil {
			libraries, err := file.ImportedLibraries()
			file.Close()
			if err == nil && len(libraries) == 0 {
				return program{path, "busybox", []string{"sh", "httpd", "kill", "sleep", "mkdir", "echo"}}, nil
			}
		}
	}
	return program{}, errors.New("no static busybox; install the package busybox-static")
}

// becomeRoot runs the demonstration again as the root of a user namespace,
// where it was started by an ordinary user; done says that it has.
func becomeRoot() (done bool, err error) {
	if os.Getuid() == 0 {
		return false, nil
	}
	fmt.Println("not root: going on in a user namespace, as its root")
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(max(exit.ExitCode(), 1)) // -1 is a signal
	}
	if err != nil {
		return true, fmt.Errorf("no user namespace for you here (%w); run it as root", err)
	}
	return true, nil
}

// startKernel starts hostkern, which is the kernel's model on Linux.
func (d *demo) startKernel() error {
	say("On Linux the kernel's model runs in hostkern")
	socket := filepath.Join(d.dir, "hostkern.sock")
	kernel, err := d.start("hostkern", "-s", socket)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; {
		if _, err := os.Stat(socket); err == nil {
			return nil
		}
		select {
		case <-kernel.ended:
			return errors.New(kernel.said())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("hostkern is not up after %s: %s", patience, kernel.said())
		}
	}
}

// leftovers names the mounts below dir and the processes that came of this
// run: each has dir in its environment or its root directory.
func leftovers(dir string) []string {
	var left []string
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return []string{err.Error()}
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], dir) {
			left = append(left, "mount "+f[4])
		}
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return append(left, err.Error())
	}
	for _, p := range processes {
		if p == fmt.Sprintf("/proc/%d", os.Getpid()) {
			continue
		}
		environ, _ := os.ReadFile(p + "/environ")
		root, _ := os.Readlink(p + "/root")
		if bytes.Contains(environ, []byte("JAILS_PREFIX="+dir)) || strings.HasPrefix(root, dir) {
			command, _ := os.ReadFile(p + "/comm")
			left = append(left, fmt.Sprintf("process %s %s", filepath.Base(p), strings.TrimSpace(string(command))))
		}
	}
	return left
}

// said is what the command has printed.
func (b *background) said() string {
	said, err := os.ReadFile(b.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(said))
}
