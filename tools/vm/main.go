// Command vm boots a NetBSD/amd64 kernel under QEMU, with the kernel model
// as a module and this tree's programs, runs commands there, and exits with
// their status.
//
//	go run ./tools/vm -kernel PATH -module PATH [-before PACKAGES]... [-test PACKAGES]... [-file GUEST=HOST]... [-step 'NAME=COMMAND ARG...']...
//
// The kernel needs a PVH entry (options XENPVHVM, XEN) and virtio-blk, and
// modules of the same version; GENERIC has them.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"jails/tools/vm/plan"
)

// options are the command line's.
type options struct {
	kernel, module, work, unload string
	jails                        string
	loads                        int
	before, tests                []string // packages
	testFlags                    string
	files                        []file
	steps                        []plan.Step
	timeout, boot, silence       time.Duration
	machine                      machine
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	status, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
	}
	os.Exit(status)
}

const (
	exitUsage       = 64
	exitUnavailable = 69
	exitSoftware    = 70
)

// run returns the exit status: 0 if all went as planned, 1 if the guest
// says that something did not.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	o, err := parse(args, stderr)
	if err != nil {
		return exitUsage, err
	}
	if missing := lacking(o); len(missing) > 0 {
		return exitUnavailable, errors.New(strings.Join(missing, "\nvm: "))
	}
	if err := os.MkdirAll(o.work, 0o755); err != nil {
		return exitSoftware, err
	}
	files, err := build(ctx, o, stderr)
	if err != nil {
		return exitSoftware, err
	}
	p := &plan.Plan{Token: rand.Text(), Loads: o.loads, Unload: o.unload, Steps: o.steps}
	if o.module != "" {
		p.Module, p.Name = "/modules/"+filepath.Base(o.module), strings.TrimSuffix(filepath.Base(o.module), ".kmod")
	}
	img, err := image(o.work, files, p)
	if err != nil {
		return exitSoftware, err
	}
	record, err := os.Create(filepath.Join(o.work, "console.log"))
	if err != nil {
		return exitSoftware, err
	}
	defer record.Close()
	status, err := o.machine.runAny(ctx, o, img, p.Token, stdout, record)
	if err != nil {
		return exitSoftware, fmt.Errorf("%w; the whole console: %s", err, record.Name())
	}
	return status, nil
}

// environment is that of the steps: nothing in the guest is of value, and
// temporary files are on a real file system.
var environment = []string{"CONFORMANCE_DISPOSABLE=1", "TMPDIR=/root", "JAILS_BIN=/sbin"}

// parse reads the command line.
func parse(args []string, stderr io.Writer) (*options, error) {
	o := new(options)
	f := flag.NewFlagSet("vm", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.kernel, "kernel", "", "`path` of a NetBSD/amd64 kernel")
	f.StringVar(&o.module, "module", "", "`path` of secmodel_jail.kmod, built for that kernel")
	f.StringVar(&o.jails, "jails", "", "`path` of the netbsd/amd64 binary jails; compiled if not given")
	f.StringVar(&o.work, "work", "build/vm", "`directory` for the image and the console's record")
	f.IntVar(&o.loads, "loads", 0, "how `often` the module is loaded and unloaded, under load, before it is loaded; if not given 20, or 1000 with JAILS_LONG in the environment")
	f.StringVar(&o.unload, "unload", plan.Busy, "what unloading does after the steps: busy or unloads")
	f.Func("before", "run the tests of these `packages` before the module is loaded; repeated", func(s string) (err error) {
		o.before, err = packages(o.before, s)
		return err
	})
	f.Func("test", "run the tests of these `packages`, before the other steps; repeated", func(s string) (err error) {
		o.tests, err = packages(o.tests, s)
		return err
	})
	f.StringVar(&o.testFlags, "test-flags", "-test.v", "`flags` for the tests")
	f.Func("file", "put a host's file in the guest: `GUEST=HOST`, repeated", func(s string) error {
		guest, host, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("want GUEST=HOST")
		}
		st, err := os.Stat(host)
		if err != nil {
			return err
		}
		o.files = append(o.files, file{guest, host, st.Mode().Perm()})
		return nil
	})
	f.Func("step", "run a command in the guest: `'NAME=COMMAND ARG...'`, repeated", func(s string) error {
		name, command, ok := strings.Cut(s, "=")
		if !ok || len(strings.Fields(command)) == 0 {
			return errors.New("want NAME=COMMAND")
		}
		o.steps = append(o.steps, plan.Step{Name: name, Argv: strings.Fields(command)})
		return nil
	})
	f.DurationVar(&o.timeout, "timeout", 60*time.Minute, "for the whole run")
	f.DurationVar(&o.silence, "silence", 10*time.Minute, "for the guest to say something")
	f.DurationVar(&o.boot, "boot", 60*time.Second, "for the boot until init answers")
	f.StringVar(&o.machine.accel, "accel", "auto", "kvm, tcg, or auto: kvm where it works")
	f.IntVar(&o.machine.cpus, "cpus", 2, "of the guest")
	f.IntVar(&o.machine.memory, "memory", 768, "of the guest, in megabytes")
	f.BoolVar(&o.machine.count, "count", false, "let the guest's clock count its instructions, a nanosecond each: what it measures is the same however busy this machine is; by tcg, with one processor")
	f.BoolVar(&o.machine.verbose, "verbose", false, "let the kernel say all it says")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case f.NArg() > 0:
		return nil, fmt.Errorf("unexpected %q", f.Arg(0))
	case o.kernel == "":
		return nil, errors.New("which kernel? give -kernel PATH (make: KERNEL=PATH)")
	case o.unload != plan.Busy && o.unload != plan.Unloads:
		return nil, fmt.Errorf("-unload %q: want %s or %s", o.unload, plan.Busy, plan.Unloads)
	}
	env := environment
	if m := &o.machine; m.count {
		if m.accel == "kvm" {
			return nil, errors.New("-count: kvm counts no instructions; leave out -accel kvm")
		}
		m.accel, m.cpus = "tcg", 1
		env = append(env, "VM_CLOCK=instructions")
	}
	var tests []plan.Step
	for i, pkg := range slices.Concat(o.before, o.tests) {
		dir := guestDir(pkg)
		argv := append([]string{dir + "/test"}, strings.Fields(o.testFlags)...)
		tests = append(tests, plan.Step{Name: filepath.Clean(pkg), Argv: argv, Dir: dir, Before: i < len(o.before)})
	}
	o.steps = append(tests, o.steps...)
	often := 20
	if long := os.Getenv("JAILS_LONG"); long != "" {
		env = append(env, "JAILS_LONG="+long)
		often = 1000
	}
	if o.loads == 0 {
		o.loads = often
	}
	for i := range o.steps {
		o.steps[i].Timeout = o.timeout
		o.steps[i].Env = env
	}
	return o, nil
}

// packages adds those of this tree that a pattern names and that have tests
// for NetBSD, by their directories.
func packages(have []string, pattern string) ([]string, error) {
	cmd := exec.Command("go", "list", "-f", "{{if .TestGoFiles}}{{.Dir}}{{end}}", pattern)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=netbsd", "GOARCH=amd64")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", pattern, err)
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for dir := range strings.Lines(string(out)) {
		if dir, err = filepath.Rel(here, strings.TrimSpace(dir)); err != nil {
			return nil, err
		}
		have = append(have, "./"+dir)
	}
	return have, nil
}

// guestDir is where the guest has a package's tests.
func guestDir(pkg string) string { return filepath.Join("/tests", pkg) }

// lacking says what the machine or the command line lacks, with the remedy.
func lacking(o *options) []string {
	var out []string
	for _, need := range []struct{ command, remedy string }{
		{"qemu-system-x86_64", "apt-get install qemu-system-x86"},
		{"makefs", "apt-get install makefs"},
		{"go", "install Go"},
	} {
		if _, err := exec.LookPath(need.command); err != nil {
			out = append(out, fmt.Sprintf("no %s; %s", need.command, need.remedy))
		}
	}
	for _, path := range []string{o.kernel, o.module} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			out = append(out, err.Error())
		}
	}
	return out
}

// links are the names by which the binary jails is called.
var links = []string{"jailctl", "jailmgr", "jail-init"}

// build compiles what the guest holds, and lists it with the files given.
func build(ctx context.Context, o *options, stderr io.Writer) ([]file, error) {
	files := o.files
	compile := func(out string, args ...string) (string, error) {
		path := filepath.Join(o.work, out)
		// The package comes last.
		n := len(args) - 1
		args = append(args[:n:n], "-o", path, args[n])
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=netbsd", "GOARCH=amd64")
		cmd.Stdout, cmd.Stderr = stderr, stderr
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
		}
		return path, nil
	}
	first, err := compile("init", "build", "-trimpath", "./tools/vm/init")
	if err != nil {
		return nil, err
	}
	jails := o.jails
	if jails == "" {
		if jails, err = compile("jails", "build", "-trimpath", "-tags", "urfave_cli_no_docs", "./src"); err != nil {
			return nil, err
		}
	}
	exporter, err := compile("jail-exporter", "build", "-trimpath", "-tags", "urfave_cli_no_docs", "./src/jail-exporter")
	if err != nil {
		return nil, err
	}
	files = append(files, file{"sbin/init", first, 0o755}, file{"sbin/jails", jails, 0o755},
		file{"sbin/jail-exporter", exporter, 0o755})
	for _, name := range links {
		files = append(files, file{"sbin/" + name, "jails", os.ModeSymlink})
	}
	tested := slices.Concat(o.before, o.tests)
	slices.Sort(tested)
	for _, pkg := range slices.Compact(tested) {
		program, err := compile(filepath.Join("tests", pkg, "test"), "test", "-c", "-trimpath", "-tags", "urfave_cli_no_docs", pkg)
		if err != nil {
			return nil, err
		}
		files = append(files, file{guestDir(pkg) + "/test", program, 0o755})
		data := filepath.Join(pkg, "testdata")
		if err := filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			files = append(files, file{filepath.Join("/tests", path), path, 0o644})
			return nil
		}); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	if o.module != "" {
		files = append(files, file{"modules/" + filepath.Base(o.module), o.module, 0o644})
	}
	return files, nil
}
