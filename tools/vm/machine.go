package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"jails/tools/vm/plan"
)

// machine is the emulated one.
type machine struct {
	accel        string // auto, kvm, tcg
	cpus, memory int    // memory in megabytes
	verbose      bool
}

// errNoBoot is a guest whose init has not answered in time.
var errNoBoot = errors.New("the guest's init did not answer")

// accels are the accelerators to try, the best first.
func (m machine) accels() []string {
	if m.accel != "auto" {
		return []string{m.accel}
	}
	if f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0); err == nil {
		f.Close()
		// A /dev/kvm without the processor's support starts guests
		// and hangs them.
		if b, err := os.ReadFile("/proc/cpuinfo"); err == nil && regexp.MustCompile(`\b(vmx|svm)\b`).Match(b) {
			return []string{"kvm", "tcg"}
		}
	}
	return []string{"tcg"}
}

// runAny runs with the first accelerator that boots.
func (m machine) runAny(ctx context.Context, o *options, img, token string, out io.Writer) (int, error) {
	var failed error
	for _, accel := range m.accels() {
		status, err := m.run(ctx, o, accel, img, token, out)
		if !errors.Is(err, errNoBoot) {
			return status, err
		}
		failed = err
	}
	return exitSoftware, failed
}

// args is QEMU's command line.
func (m machine) args(o *options, accel, img string) []string {
	boot := "root=ld0a console=com"
	if !m.verbose {
		boot += " -z"
	}
	return []string{
		"-M", "q35", "-accel", accel, "-m", strconv.Itoa(m.memory),
		"-smp", fmt.Sprintf("%d,sockets=%d", m.cpus, m.cpus),
		"-kernel", o.kernel, "-append", boot,
		"-drive", "file=" + strings.ReplaceAll(img, ",", ",,") + ",if=none,id=root,format=raw,snapshot=on",
		"-device", "virtio-blk-pci,drive=root", "-nic", "none",
		"-serial", "stdio", "-monitor", "none", "-display", "none", "-no-reboot",
	}
}

// run boots, relays the console and returns the status that the guest says.
func (m machine) run(ctx context.Context, o *options, accel, img, token string, out io.Writer) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", m.args(o, accel, img)...)
	cmd.SysProcAttr = attributes()
	cmd.WaitDelay = 5 * time.Second
	console, err := cmd.StdoutPipe()
	if err != nil {
		return exitSoftware, err
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return exitSoftware, err
	}
	fmt.Fprintf(out, "vm: %s, %d cpus, %d MB, %s\n", o.kernel, m.cpus, m.memory, accel)
	w := &watch{token: token, out: out, up: make(chan struct{}), fatal: make(chan string, 1)}
	read := make(chan error, 1)
	go func() { read <- w.relay(console) }()

	booting := time.NewTimer(o.boot)
	defer booting.Stop()
	var ending error
	up := w.up
wait:
	for {
		select {
		case <-up:
			booting.Stop()
			up = nil
		case <-booting.C:
			ending = fmt.Errorf("%w within %v (%s)", errNoBoot, o.boot, accel)
			cancel()
		case said := <-w.fatal:
			ending = fmt.Errorf("the guest's kernel: %s", said)
			// Time for its trace, where it has a debugger.
			time.AfterFunc(5*time.Second, cancel)
		case err := <-read:
			if err != nil && ending == nil {
				ending = err
			}
			break wait
		}
	}
	err = cmd.Wait()
	switch {
	case ending != nil:
		return exitSoftware, ending
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return exitSoftware, fmt.Errorf("not done within %v", o.timeout)
	case ctx.Err() != nil:
		return exitSoftware, ctx.Err()
	case err != nil:
		return exitSoftware, fmt.Errorf("qemu: %w: %s", err, strings.TrimSpace(said.String()))
	case !w.done:
		return exitSoftware, errors.New("the guest ended without saying a status")
	}
	return w.status, nil
}

// watch reads the guest's console.
type watch struct {
	token  string
	out    io.Writer
	up     chan struct{} // closed when init answers
	fatal  chan string   // the kernel's last words
	done   bool
	status int
}

// fatals are what a NetBSD kernel says when it ends.
var fatals = regexp.MustCompile(`panic: |fatal (page|protection|breakpoint|trap)|Mutex error: |Reader / writer lock error: |Stopped in pid`)

// relay copies the console to out, its answers apart, until it ends.
func (w *watch) relay(console io.Reader) error {
	lines := bufio.NewReader(console)
	for {
		line, err := lines.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		if kind, words, ok := plan.Parse(w.token, line); ok {
			w.answer(kind, words)
		} else if line != "" || err == nil {
			fmt.Fprintln(w.out, line)
		}
		if fatals.MatchString(line) {
			select {
			case w.fatal <- line:
			default:
			}
		}
		if err == io.EOF || errors.Is(err, os.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (w *watch) answer(kind string, words []string) {
	switch kind {
	case plan.Up:
		select {
		case <-w.up:
		default:
			close(w.up)
		}
	case plan.Begin, plan.End:
		fmt.Fprintln(w.out, "vm:", kind, strings.Join(words, " "))
	case plan.Status:
		if len(words) != 1 {
			return
		}
		if n, err := strconv.Atoi(words[0]); err == nil {
			w.status, w.done = n, true
			fmt.Fprintln(w.out, "vm: status", n)
		}
	}
}
