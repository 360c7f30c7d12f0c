package jailservice

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
	"go.uber.org/goleak"

	"jails/src/command"
	"jails/src/control"
	"jails/src/event"
	"jails/src/exit"
	"jails/src/jail"
	"jails/src/output"
	"jails/src/supervise"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stub answers as jail-init does, from a list of services.
type stub struct {
	services []control.Service
	silent   bool // it does not answer at all

	mu       sync.Mutex
	requests []string // what was asked, in order
}

func (s *stub) message(p *control.Peer, m *control.Message) {
	if s.silent {
		return
	}
	if m.Op == control.OpStatus && m.Name == "" {
		p.Send(&control.Message{ID: m.ID, Op: control.OpDone, Status: &control.Status{Jail: "web", Services: s.services}})
		return
	}
	if m.Op == control.OpStatus && m.Name != "" {
		for _, v := range s.services {
			if v.Name == m.Name {
				v.Deaths = deaths
				p.Send(&control.Message{ID: m.ID, Op: control.OpDone, Service: &v})
			}
		}
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, fmt.Sprintf("%s %s %d", m.Op, m.Name, m.Signal))
	s.mu.Unlock()
	state := map[string]string{control.OpStart: "ready", control.OpRestart: "ready", control.OpStop: "down", control.OpClear: "down", control.OpKill: "ready"}[m.Op]
	answer := &control.Message{ID: m.ID, Op: control.OpDone, Service: &control.Service{Name: m.Name, State: state}}
	switch m.Name {
	case "db":
		answer = &control.Message{ID: m.ID, Op: control.OpError, Error: "service db is failed: exited 1"}
	case "slow":
		answer = &control.Message{ID: m.ID, Op: control.OpProgress, Error: "slow is starting: is not ready yet"}
	}
	p.Send(answer)
}

// start serves the jail web; it returns when nobody asks any more.
func start(t *testing.T, s *stub) {
	dir, err := os.MkdirTemp("", "js") // short: sockets' paths are
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("JAILS_PREFIX", dir)
	loop, err := event.New()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := control.Listen(jail.Paths().ControlSocket("web"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := control.Serve(loop, fd, control.ServerOptions{
		Message: s.message, Closed: func(*control.Peer) {}, Failed: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- loop.Run() }()
	t.Cleanup(func() {
		loop.Post(func() { server.Close(); loop.Stop() })
		if err := errors.Join(<-done, loop.Close()); err != nil {
			t.Error(err)
		}
	})
}

// run types "tool service ARGS".
func typed(args ...string) (code int, stdout, stderr string) {
	app := &cli.App{Name: "tool", Commands: []*cli.Command{Command(Jails{
		Find: func(_ *cli.Context, arg string) (string, error) {
			if arg == "7" {
				arg = "web"
			}
			return arg, nil
		},
		Absent: func(name string) error {
			return &exit.Error{Code: exit.NoInput, Msg: "jail " + name + " does not run"}
		},
		Complete: func(c *cli.Context) { fmt.Fprintln(c.App.Writer, "web") },
	})}}
	var out, errs bytes.Buffer
	code = command.Run(app, append([]string{"tool", "service"}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

var deaths = []control.Death{
	{Time: time.Unix(1000, 0), Exit: control.Exit{Error: "no such user"}},
	{Time: time.Unix(2000, 0), Ran: 3 * time.Second, PID: 70, Exit: control.Exit{Code: 1}},
	{Time: time.Unix(3000, 0), Ran: time.Minute, PID: 71, Exit: control.Exit{Signal: 15}, Why: "3 checks failed"},
}

func ago(d time.Duration) time.Time { return time.Now().Add(-d) }

func services() []control.Service {
	return []control.Service{
		{Name: "setup", State: "completed", Since: ago(time.Hour), Last: &control.Exit{}},
		{Name: "db", State: "failed", Since: ago(3 * time.Minute), Restarts: 4, Last: &control.Exit{Code: 1}, Reason: "exited 1; started 5 times in 10 s"},
		{Name: "app", State: "waiting", Since: ago(12 * time.Second), WaitsFor: "db", Reason: "waits for db to be ready, which is failed"},
		{Name: "httpd", State: "waiting", Since: ago(11 * time.Second), WaitsFor: "app", Reason: "waits for app to be ready"},
		{Name: "sshd", State: "ready", Since: ago(5 * time.Second), PID: 77, Restarts: 1, Last: &control.Exit{Signal: 9}},
		{Name: "mail", State: "backoff", Since: ago(2 * time.Second), Last: &control.Exit{Error: "no such user"}, Reason: "no such user; next try in 3.2 s"},
		{Name: "sick", State: "ready", Since: ago(5 * time.Second), PID: 79, Reason: "1 of 3 health checks failed: /bin/check exited 9"},
		{Name: "forker", State: "failed", Since: ago(3 * time.Minute), Last: &control.Exit{}, Reason: "exited 0; started 5 times in 10 s"},
		{Name: "slow", State: "starting", Since: ago(4 * time.Second), PID: 78, Reason: "is not ready yet"},
		{Name: "off", State: "down", Since: ago(9 * time.Second)},
	}
}

func TestVerbs(t *testing.T) {
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string
		asked          string
	}{
		{"web why", 0, `setup completed 1h ago
db failed 3m ago: exited 1; started 5 times in 10 s; to start it: tool service web start db
app waits for db to be ready, which is failed, since 12s; db failed 3m ago: exited 1; started 5 times in 10 s; to start it: tool service web start db
httpd waits for app to be ready, since 11s; db failed 3m ago: exited 1; started 5 times in 10 s; to start it: tool service web start db
sshd is ready since 5s
mail ended 2s ago: no such user; next try in 3.2 s
sick is ready since 5s; 1 of 3 health checks failed: /bin/check exited 9
forker failed 3m ago: exited 0; started 5 times in 10 s; if it went into the background: it must stay in the foreground; to start it: tool service web start forker
slow is starting since 4s: is not ready yet
off is down since 9s; to start it: tool service web start off
`, "", ""},
		{"7 why sshd", 0, "sshd is ready since 5s\n", "", ""},
		{"web start off", 0, "Started off\n", "", "start off 0"},
		{"web start sshd", 0, "sshd is ready already\n", "", ""},
		{"web start off sshd off", 0, "Started off\nsshd is ready already\n", "", "start off 0"},
		{"web start db", 75, "", "tool: service db is failed: exited 1; see: tool service web why\n", "start db 0"},
		{"web restart db sshd", 75, "Restarted sshd\n",
			"db: service db is failed: exited 1; see: tool service web why\ntool: 1 of 2 services restarted (75)\n", "restart db 0,restart sshd 0"},
		{"--timeout 2s web start slow off", 75, "Started off\n",
			"slow: service slow: time is over; slow is starting: is not ready yet\ntool: 1 of 2 services started (75)\n", "start slow 0,start off 0"},
		{"web stop sshd off", 0, "Stopped sshd\noff is down already\n", "", "stop sshd 0"},
		{"web kill sshd", 0, "Sent TERM to sshd\n", "", "kill sshd 15"},
		{"-s hup web kill sshd", 0, "Sent HUP to sshd\n", "", "kill sshd 1"},
		{"web clear sshd", 0, "sshd has not failed, it is ready\n", "", ""},

		{"", 64, "", "tool: needs JAIL [list|status|why [SERVICE]... | start|stop|restart|kill|clear SERVICE...]; see: tool service --help\n", ""},
		{"web strat db", 64, "", "tool: nothing called \"strat\" can be done to services; did you mean \"start\"?; see: tool service --help\n", ""},
		{"web start", 64, "", "tool: start needs the name of a service; see: tool service --help\n", ""},
		{"-s HUP web start db", 64, "", "tool: --signal goes with kill only; see: tool service --help\n", ""},
		{"-s NONE web kill sshd", 64, "", "tool: no signal \"NONE\"; see: tool service --help\n", ""},
		{"-w -1s web start sshd", 64, "", "tool: --timeout: a time can not be negative; see: tool service --help\n", ""},
		{"web kill -s HUP sshd", 64, "", "tool: option \"-s\" must come before \"web\"; see: tool service --help\n", ""},
		{"web start off shd", 66, "", "tool: jail web has no service \"shd\"; did you mean \"sshd\"?; see: tool service web\n", ""},
		{"mail", 66, "", "tool: jail mail does not run\n", ""},
	} {
		t.Run(c.args, func(t *testing.T) {
			s := &stub{services: services()}
			start(t, s)
			code, stdout, stderr := typed(strings.Fields(c.args)...)
			if code != c.code || stdout != c.stdout || stderr != c.stderr {
				t.Errorf("%d\n%s%s", code, stdout, stderr)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if asked := strings.Join(s.requests, ","); asked != c.asked {
				t.Errorf("asked for %q, want %q", asked, c.asked)
			}
		})
	}
}

func TestShown(t *testing.T) {
	start(t, &stub{services: services()})
	_, stdout, _ := typed("web")
	for _, want := range []string{
		"SERVICE  STATE      SINCE  PID  RESTARTS  LAST END       REASON\n",
		"db       failed        3m    -         4  exited 1       exited 1; started 5 times in 10 s\n",
		"sshd     ready         5s   77         1  killed by KILL  -\n",
	} {
		// How wide the columns are is package output's.
		if !strings.Contains(squeeze(stdout), squeeze(want)) {
			t.Errorf("the list has no %q:\n%s", want, stdout)
		}
	}
	_, stdout, _ = typed("web", "status", "sshd", "db")
	for _, want := range []string{"name sshd\nstate ready since ", ", 5s ago\nwhy sshd is ready since 5s\nprocess 77\nrestarts 1\n" +
		"ends " + time.Unix(3000, 0).Format(time.DateTime) + " process 71 killed by TERM after 1m; 3 checks failed\n" +
		time.Unix(2000, 0).Format(time.DateTime) + " process 70 exited 1 after 3s\n" +
		time.Unix(1000, 0).Format(time.DateTime) + " no such user\n\nname db\n"} {
		if !strings.Contains(squeeze(stdout), want) {
			t.Errorf("the status has no %q:\n%s", want, stdout)
		}
	}
}

// A jail-init that its jail has taken over says what it likes.
func TestHostile(t *testing.T) {
	start(t, &stub{services: []control.Service{
		{Name: "sshd", State: "\x1b[2J"},
		{Name: "x;reboot", State: "\u009b2J", Reason: "\u202e", Last: &control.Exit{Error: "\x1b]0;x\a"}},
	}})
	for _, line := range []string{"web clear sshd", "web", "web why", "web status", "--json web", "--json web clear sshd"} {
		_, stdout, stderr := typed(strings.Fields(line)...)
		for text := range strings.Lines(stdout + stderr) {
			if text = strings.TrimSuffix(text, "\n"); output.Text(text) != text {
				t.Errorf("%s: %q", line, text)
			}
		}
	}
	if _, stdout, _ := typed("web", "why", "--generate-bash-completion"); stdout != "sshd\n" {
		t.Errorf("completed as %q", stdout)
	}
}

func squeeze(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.Join(strings.Fields(lines[i]), " ")
	}
	return strings.Join(lines, "\n")
}

func TestSilent(t *testing.T) {
	start(t, &stub{silent: true})
	if code, _, stderr := typed("web"); code != exit.Temporary || !strings.HasPrefix(stderr, "tool: ask the services of jail web: ") {
		t.Errorf("%d %s", code, stderr)
	}
}

// While the supervisor starts a jail anew, or ends it, there is no jail-init.
func TestBetween(t *testing.T) {
	start(t, &stub{})
	layout := jail.Paths()
	if err := os.Rename(layout.ControlSocket("web"), supervise.Socket(layout, "web")); err != nil {
		t.Fatal(err)
	}
	const want = "tool: the services of jail web do not run at this moment; see: jailmgr status web\n"
	if code, _, stderr := typed("web", "restart", "db"); code != exit.Temporary || stderr != want {
		t.Errorf("%d %s", code, stderr)
	}
}

func TestComplete(t *testing.T) {
	start(t, &stub{services: services()[:3]})
	all := "list\nstatus\nwhy\nstart\nstop\nrestart\nkill\nclear\n"
	for line, want := range map[string]string{
		"":                   "web\n",
		"web":                all,
		"web start":          "setup\ndb\napp\n",
		"web start db":       "setup\napp\n",
		"-s HUP web kill db": "setup\napp\n",
		"none start":         "",
	} {
		code, stdout, stderr := typed(append(strings.Fields(line), "--generate-bash-completion")...)
		if code != 0 || stdout != want || stderr != "" {
			t.Errorf("%q: %d %q %q, want %q", line, code, stdout, stderr, want)
		}
	}
}
