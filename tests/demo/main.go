// Demo runs the worked example of the README on real processes, printing
// each command and its output as a person at a terminal would see them. It
// ends with a verdict and status 0, or fails at the first step that is not
// as it should be.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience bounds each command, and each wait for something to come true.
const patience = 2 * time.Minute

// demo is one run, in a directory of its own.
type demo struct {
	dir        string
	env        []string
	background []*background
	steps      int
}

// background is a command that goes on while others run.
type background struct {
	*exec.Cmd
	log   string
	ended chan error
}

func main() {
	bin := flag.String("bin", "build", "the directory with the commands")
	keep := flag.Bool("keep", false, "leave the directory of the run behind")
	flag.Parse()
	if err := demonstrate(*bin, *keep); err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo: FAILED: %v\n", err)
		os.Exit(1)
	}
}

func demonstrate(bin string, keep bool) (err error) {
	bin, err = filepath.Abs(bin)
	if err != nil {
		return err
	}
	if done, err := becomeRoot(); done || err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "jails-demo.")
	if err != nil {
		return err
	}
	d, begun := &demo{dir: dir}, false
	d.env = append(os.Environ(),
		"JAILS_PREFIX="+dir,
		"HOSTKERN_SOCKET="+filepath.Join(dir, "hostkern.sock"),
		"PATH="+bin+":"+os.Getenv("PATH"))
	if err := os.Setenv("PATH", bin+":"+os.Getenv("PATH")); err != nil {
		return err
	}
	defer func() {
		if begun && err != nil {
			d.abandon()
		}
		d.stopBackground()
		if left := leftovers(dir); len(left) > 0 && err == nil {
			err = fmt.Errorf("left behind: %s", strings.Join(left, ", "))
		}
		if keep || begun && err != nil {
			fmt.Fprintln(os.Stderr, "demo: see", dir)
			return
		}
		if e := os.RemoveAll(dir); e != nil && err == nil {
			err = e
		}
		if err == nil {
			fmt.Printf("\ndemo: PASSED: %d commands did what they should, and nothing is left\n", d.steps)
		}
	}()
	sets := filepath.Join(dir, "sets")
	if err := errors.Join(need("curl", "kill"), makeSets(sets)); err != nil {
		return err
	}
	if err := d.startKernel(); err != nil {
		return err
	}
	begun = true
	return d.story(sets)
}

// need says which of the programs are not installed.
func need(programs ...string) (err error) {
	for _, p := range programs {
		if _, e := exec.LookPath(p); e != nil {
			err = errors.Join(err, fmt.Errorf("no %s; install it", p))
		}
	}
	return err
}

// story is the worked example, in order.
func (d *demo) story(sets string) error {
	port, err := freePort(8080)
	if err != nil {
		return err
	}
	metrics, err := freePort(19867)
	if err != nil {
		return err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d/", port)

	say("A base file system, shared by all jails, from a set whose checksum is verified")
	if err := d.run(expect{out: `base demo`}, "jailmgr", "bootstrap", "--sets", sets, "--name", "demo"); err != nil {
		return err
	}

	say("A jail with a web server, and port %d reserved for it", port)
	if err := d.all(
		step{expect{out: `Created jail web`}, "", words("jailmgr create web --level medium --autostart --port %d --service", port, fmt.Sprintf("httpd=%s -p %d -h /var/www", httpd, port))},
		step{expect{}, "mkdir -p /var/www\necho '<html>Hello NetBSD!</html>' > /var/www/index.html\n", words("jailmgr provision web")},
		step{expect{out: `Started jail web`}, "", words("jailmgr start --all")},
		step{expect{out: `Hello NetBSD!`, within: patience}, "", words("curl -s %s", url)},
		step{expect{out: `httpd`}, "", words("jailctl ps")},
		step{expect{out: `web`}, "", words("jailctl stats")},
	); err != nil {
		return err
	}

	say("Its metrics, for Prometheus")
	if _, err := d.start("jail-exporter", fmt.Sprintf("--web.listen-address=127.0.0.1:%d", metrics)); err != nil {
		return err
	}
	if err := d.run(expect{out: `jail_processes\{.*jail="web"`, within: patience, show: `jail="web"`}, "curl", "-s", fmt.Sprintf("http://127.0.0.1:%d/metrics", metrics)); err != nil {
		return err
	}

	say("A second jail can neither take the port nor kill the web server")
	server, err := d.processOf("web", "httpd", 0)
	if err != nil {
		return err
	}
	if err := d.all(
		step{expect{out: `Created jail other`}, "", words("jailmgr create other --level high --service", fmt.Sprintf("idle=%s", idle))},
		step{expect{out: `Started jail other`}, "", words("jailmgr start other")},
		step{expect{status: failure, out: `(?i)permission denied|not permitted`}, "", words("jailctl exec other -- %s -p %d -h /", httpd, port)},
		step{expect{status: failure, out: `(?i)not permitted|no such process|can't kill`}, "", words("jailctl exec other -- %s -9 %d", killer, server)},
		step{expect{out: `(?s)other`}, "", words("jailctl stats -v")},
	); err != nil {
		return err
	}
	if err := d.denied("other", "port", "process"); err != nil {
		return err
	}

	say("The web server is killed, and comes back")
	if err := d.run(expect{}, "kill", "-9", strconv.Itoa(server)); err != nil {
		return err
	}
	if _, err := d.processOf("web", "httpd", server); err != nil {
		return err
	}
	if err := d.all(
		step{expect{out: `Hello NetBSD!`, within: patience}, "", words("curl -s %s", url)},
		step{expect{out: `web +running`}, "", words("jailmgr status")},
		step{expect{out: `httpd +ready .* 1 +killed by KILL`}, "", words("jailmgr service web")},
		step{expect{out: `^Restarted httpd`}, "", words("jailmgr service web restart httpd")},
		step{expect{out: `Hello NetBSD!`, within: patience}, "", words("curl -s %s", url)},
	); err != nil {
		return err
	}

	say("What both wrote")
	if err := d.all(
		step{expect{out: `httpd`}, "", words("jailmgr logs web")},
		step{expect{}, "", words("jailmgr logs other")},
	); err != nil {
		return err
	}

	say("Stopped and destroyed, nothing stays")
	return d.all(
		step{expect{out: `(?s)Stopped jail`}, "", words("jailmgr stop --all")},
		step{expect{out: `Destroyed jail`}, "", words("jailmgr destroy --yes web other")},
		step{expect{not: `web|other`}, "", words("jailctl list")},
		step{expect{not: `web|other`}, "", words("jailmgr list")},
	)
}

// expect is what a command must do: exit with status, print out, not print
// not. With within, it is tried again until it does or that time is over.
// With show, only the lines that match are printed.
type expect struct {
	status int
	out    string
	not    string
	show   string
	within time.Duration
}

// failure is any status but 0.
const failure = -1

type step struct {
	expect expect
	stdin  string
	argv   []string
}

// words splits a command line that is known to hold no quotes; more are
// appended whole.
func words(format string, args ...any) []string {
	n := strings.Count(format, "%")
	argv := strings.Fields(fmt.Sprintf(format, args[:n]...))
	for _, a := range args[n:] {
		argv = append(argv, fmt.Sprint(a))
	}
	return argv
}

func say(format string, args ...any) {
	fmt.Printf("\n== "+format+"\n\n", args...)
}

func (d *demo) all(steps ...step) error {
	for _, s := range steps {
		if err := d.runWith(s); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) run(e expect, argv ...string) error {
	return d.runWith(step{e, "", argv})
}

func (d *demo) runWith(s step) error {
	fmt.Println("#", quote(s.argv))
	if s.stdin != "" {
		for line := range strings.Lines(s.stdin) {
			fmt.Print("> ", line)
		}
	}
	deadline := time.Now().Add(s.expect.within)
	for {
		out, status, err := d.output(s)
		if err != nil {
			return err
		}
		problem := s.expect.judge(out, status)
		if problem != nil && time.Now().Before(deadline) {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		fmt.Print(s.expect.shown(out))
		if problem != nil {
			return fmt.Errorf("%s: %w", quote(s.argv), problem)
		}
		d.steps++
		return nil
	}
}

func (d *demo) output(s step) (string, int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.argv[0], s.argv[1:]...)
	cmd.Env = d.env
	cmd.Stdin = strings.NewReader(s.stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", 0, fmt.Errorf("%s: no end after %s; so far: %s", quote(s.argv), patience, out.String())
	case errors.As(err, &exit):
		return out.String(), exit.ExitCode(), nil
	case err != nil:
		return "", 0, fmt.Errorf("%s: %w", quote(s.argv), err)
	}
	return out.String(), 0, nil
}

func (e expect) judge(out string, status int) error {
	switch {
	case e.status == failure && status == 0:
		return errors.New("succeeded, and must not")
	case e.status != failure && status != e.status:
		return fmt.Errorf("exit status %d, expected %d", status, e.status)
	case e.out != "" && !regexp.MustCompile(e.out).MatchString(out):
		return fmt.Errorf("did not print %q", e.out)
	case e.not != "" && regexp.MustCompile(e.not).MatchString(out):
		return fmt.Errorf("printed %q", e.not)
	}
	return nil
}

func (e expect) shown(out string) string {
	if e.show != "" {
		re, kept := regexp.MustCompile(e.show), ""
		for line := range strings.Lines(out) {
			if re.MatchString(line) {
				kept += line
			}
		}
		out = kept
	}
	if out != "" && !strings.HasSuffix(out, "\n") {
		out += "\n"
	}
	return out
}

// quote shows a command as it would be typed.
func quote(argv []string) string {
	shown := make([]string, len(argv))
	for i, a := range argv {
		if strings.ContainsAny(a, " '\"$&|<>*?") {
			a = "'" + a + "'"
		}
		shown[i] = a
	}
	return strings.Join(shown, " ")
}

// start runs a command in the background.
func (d *demo) start(argv ...string) (*background, error) {
	fmt.Println("#", quote(argv), "&")
	log, err := os.Create(filepath.Join(d.dir, filepath.Base(argv[0])+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	b := &background{exec.Command(argv[0], argv[1:]...), log.Name(), make(chan error, 1)}
	b.Env, b.Stdout, b.Stderr = d.env, log, log
	if err := b.Start(); err != nil {
		return nil, err
	}
	go func() { b.ended <- b.Wait() }()
	d.background = append(d.background, b)
	d.steps++
	return b, nil
}

// stopBackground ends what start began, the last first.
func (d *demo) stopBackground() {
	for i := len(d.background) - 1; i >= 0; i-- {
		b := d.background[i]
		if b.Process.Signal(syscall.SIGTERM) != nil { // it has ended
			continue
		}
		timer := time.AfterFunc(patience, func() { _ = b.Process.Kill() })
		<-b.ended
		timer.Stop()
	}
	d.background = nil
}

// abandon takes down what a failed run left, and shows what it may have said.
func (d *demo) abandon() {
	for _, argv := range [][]string{{"jailmgr", "stop", "--all"}, {"jailmgr", "destroy", "--yes", "web", "other"}} {
		if out, status, err := d.output(step{argv: argv}); err != nil || status != 0 {
			fmt.Fprintf(os.Stderr, "demo: cleaning up: %s: status %d: %v %s\n", quote(argv), status, err, out)
		}
	}
}

// processOf waits for a process of the jail whose command has that name and
// that is not the process other, and returns its id.
func (d *demo) processOf(jail, command string, other int) (int, error) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		out, status, err := d.output(step{argv: words("jailctl ps --json")})
		if err != nil || status != 0 {
			return 0, fmt.Errorf("jailctl ps: status %d: %w", status, err)
		}
		var processes []struct {
			Jail    string
			PID     int
			Init    bool
			Command string
		}
		if err := json.Unmarshal([]byte(out), &processes); err != nil {
			return 0, fmt.Errorf("jailctl ps --json: %w", err)
		}
		for _, p := range processes {
			if p.Jail == jail && !p.Init && p.PID != other && strings.Contains(p.Command, command) {
				return p.PID, nil
			}
		}
	}
	return 0, fmt.Errorf("jail %s has no new process %s after %s", jail, command, patience)
}

// denied checks that refusals were counted in each of the scopes.
func (d *demo) denied(jail string, scopes ...string) error {
	out, status, err := d.output(step{argv: words("jailctl show --json %s", jail)})
	if err != nil || status != 0 {
		return fmt.Errorf("jailctl show: status %d: %w", status, err)
	}
	var record struct {
		Denials map[string]uint64
	}
	if err := json.Unmarshal([]byte(out), &record); err != nil {
		return fmt.Errorf("jailctl show --json: %w", err)
	}
	for _, s := range scopes {
		if record.Denials[s] == 0 {
			return fmt.Errorf("no denial counted in scope %s of jail %s: %v", s, jail, record.Denials)
		}
	}
	return nil
}

// freePort returns the first port from want on that nothing listens at.
func freePort(want int) (int, error) {
	for port := want; port < want+100; port++ {
		l, err := net.Listen("tcp4", fmt.Sprintf(":%d", port))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, fmt.Errorf("no free port from %d to %d", want, want+99)
}
