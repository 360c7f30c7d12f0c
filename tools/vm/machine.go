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
	count        bool   // the clock counts instructions
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
func (m machine) runAny(ctx context.Context, o *options, img, token string, terminal, record io.Writer) (int, error) {
	accels := m.accels()
	// With the last one twice: a boot may hang on a busy machine, with two
	// processors, long before there is anything to test.
	accels = append(accels, accels[len(accels)-1])
	var failed error
	for _, accel := range accels {
		if failed != nil {
			fmt.Fprintf(terminal, "vm: %v; once more\n", failed)
		}
		status, err := m.run(ctx, o, accel, img, token, terminal, record)
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
	args := []string{
		"-M", "q35", "-accel", accel, "-m", strconv.Itoa(m.memory),
		"-smp", fmt.Sprintf("%d,sockets=%d", m.cpus, m.cpus),
		"-kernel", o.kernel, "-append", boot,
		"-drive", "file=" + strings.ReplaceAll(img, ",", ",,") + ",if=none,id=root,format=raw,snapshot=on",
		"-device", "virtio-blk-pci,drive=root", "-nic", "none",
		"-serial", "stdio", "-monitor", "none", "-display", "none", "-no-reboot",
	}
	if m.count {
		args = append(args, "-icount", "shift=0,sleep=off")
	}
	return args
}

// run boots, relays the console and returns the status that the guest says.
func (m machine) run(ctx context.Context, o *options, accel, img, token string, terminal, record io.Writer) (int, error) {
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
	fmt.Fprintf(terminal, "vm: %s, %d cpus, %d MB, %s\n", o.kernel, m.cpus, m.memory, accel)
	w := newWatch(token, terminal, record)
	defer w.report.print()
	read := make(chan error, 1)
	go func() { read <- w.relay(console) }()

	booting := time.NewTimer(o.boot)
	defer booting.Stop()
	silent := time.NewTimer(o.silence)
	defer silent.Stop()
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
		case <-w.spoken:
			silent.Reset(o.silence)
		case <-silent.C:
			ending = fmt.Errorf("the guest hangs: it has said nothing for %v", o.silence)
			cancel()
		case said := <-w.fatal:
			ending = kernelSays(said)
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
	// A kernel that fails as it goes down has failed too.
	select {
	case said := <-w.fatal:
		ending = kernelSays(said)
	default:
	}
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

func kernelSays(words string) error { return fmt.Errorf("the guest's kernel: %s", words) }

// watch reads the guest's console.
type watch struct {
	token  string
	record io.Writer // of all
	report report
	up     chan struct{} // closed when init answers
	spoken chan struct{} // something was said
	fatal  chan string   // the kernel's last words
	done   bool
	status int
}

func newWatch(token string, terminal, record io.Writer) *watch {
	return &watch{
		token: token, record: record, report: report{terminal: terminal},
		up: make(chan struct{}), spoken: make(chan struct{}, 1), fatal: make(chan string, 1),
	}
}

// fatals are what a NetBSD kernel says when it ends, or should: a panic, a
// trap, the debugger, and what LOCKDEBUG has against a lock.
var fatals = regexp.MustCompile(`panic: |fatal .* in (supervisor|kernel) mode|[Ff]atal (page|protection|breakpoint|trap)|uvm_fault\(|` +
	`(Mutex|Reader / writer lock|Kernel lock|[Ll]ock) error: |Stopped in pid|^db(\{[0-9]+\})?>`)

// relay copies the console to out, its answers apart, until it ends.
func (w *watch) relay(console io.Reader) error {
	lines := bufio.NewReader(console)
	for {
		line, err := lines.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		if line != "" || err == nil {
			fmt.Fprintln(w.record, line)
		}
		if kind, words, ok := plan.Parse(w.token, line); ok {
			w.answer(kind, words)
		} else if line != "" {
			w.report.line(line)
		}
		select {
		case w.spoken <- struct{}{}:
		default:
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
	case plan.Begin:
		if len(words) == 1 {
			fmt.Fprintln(w.report.terminal, "vm: begin", words[0])
			w.report.begin(words[0])
		}
	case plan.End:
		if len(words) == 2 {
			w.report.end(words[1])
		}
	case plan.Status:
		if len(words) != 1 {
			return
		}
		if n, err := strconv.Atoi(words[0]); err == nil {
			w.status, w.done = n, true
		}
	}
}
