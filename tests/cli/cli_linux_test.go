// Package cli runs jailctl as a person types it, against a kernel model.
package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"jails/tests/host"
)

func TestMain(m *testing.M) { host.Main(m) }

// Each script of testdata has a model of its own, a free PORT, and a directory
// R with busybox in it, for jails' root.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			h := host.New(t)
			root := h.Userland(t)
			// A script that fails leaves nothing either.
			t.Cleanup(func() { h.Run(t, "jailmgr", "stop", "--all") })
			testscript.Run(t, testscript.Params{
				Files: []string{script},
				// To take what is printed for what is expected.
				UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
				Setup: func(env *testscript.Env) error {
					env.Vars = append(env.Vars, "R="+root, "PORT="+strconv.Itoa(host.FreePort(t)),
						"JAILS_PREFIX="+h.Dir, "HOSTKERN_SOCKET="+filepath.Join(h.Dir, "hostkern.sock"),
						"PATH="+h.Bin+":"+os.Getenv("PATH"))
					return nil
				},
				Condition: func(cond string) (bool, error) {
					switch cond {
					case "users":
						m, err := os.ReadFile("/proc/self/uid_map")
						return !strings.HasSuffix(strings.TrimSpace(string(m)), " 1"), err
					case "mount":
					default:
						return false, fmt.Errorf("no condition %q", cond)
					}
					if unix.Mount("test", root, "tmpfs", 0, "") != nil {
						return false, nil
					}
					return true, unix.Unmount(root, 0)
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status, "keys": keys, "listen": listen},
			})
		})
	}
}

// status N COMMAND... runs a command that must exit with N.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND [ARG]...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("status %d, want %s", got, args[0])
	}
}

// listen PORT makes this process, on the host, listen until the script's end.
func listen(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	ts.Check(err)
	ts.Defer(func() { l.Close() })
}

// keys FILE prints the shape of a JSON file: every key's path, and the kind of
// its values, sorted. It is the contract of --json.
func keys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keys FILE")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &v))
	seen := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if len(v) == 0 {
				seen[path+" {}"] = true
			}
			for k, e := range v {
				walk(path+"."+k, e)
			}
		case []any:
			seen[path+" []"] = true
			for _, e := range v {
				walk(path+"[]", e)
			}
		case float64:
			seen[path+" number"] = true
		default:
			seen[fmt.Sprintf("%s %T", path, v)] = true
		}
	}
	walk("", v)
	all := make([]string, 0, len(seen))
	for k := range seen {
		all = append(all, strings.TrimSpace(k)+"\n")
	}
	slices.Sort(all)
	_, err := ts.Stdout().Write([]byte(strings.Join(all, "")))
	ts.Check(err)
}

// Without a model, and for a user who is not root, each verb says what to do.
func TestNoModel(t *testing.T) {
	h := host.New(t)
	for _, verb := range []string{"list", "ps", "ports", "stats", "policy", "events", "suggest x", "show x", "kill x", "destroy x", "exec x y", "set -p 1 x", "create -n x /tmp"} {
		cmd := h.Command(t.Context(), "jailctl", strings.Fields(verb)...)
		cmd.Env = append(slices.Clone(h.Env), "HOSTKERN_SOCKET="+filepath.Join(h.Dir, "none"))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		err := cmd.Run()
		if cmd.ProcessState.ExitCode() != 69 || !strings.Contains(stderr.String(), "no kernel model is loaded") {
			t.Errorf("jailctl %s: %v: %s", verb, err, stderr.String())
		}
	}
}
