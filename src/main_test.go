package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestDispatch(t *testing.T) {
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"jails", 64, "", "usage: jails COMMAND"},
		{"/usr/local/sbin/jails --help", 0, "usage: jails COMMAND", ""},
		{"jails nosuch", 64, "", `jails: no command "nosuch"; see: jails --help`},
		{"jails jailctl --help", 0, "usage: jailctl VERB", ""},
		{"/x/jailctl --help", 0, "usage: jailctl VERB", ""},
		{"jailctl: --help", 0, "usage: jailctl VERB", ""},
		{"anything jailctl nosuch", 64, "", `jailctl: no verb "nosuch"; see: jailctl --help`},
		{"jailmgr --help", 0, "usage: jailmgr", ""},
		{"", 64, "", "usage: jails"},
	} {
		var stdout, stderr bytes.Buffer
		code := dispatch(strings.Fields(c.args), strings.NewReader(""), &stdout, &stderr)
		if code != c.code || !strings.HasPrefix(stdout.String(), c.stdout) || !strings.HasPrefix(stderr.String(), c.stderr) {
			t.Errorf("%s: %d\n%s%s", c.args, code, stdout.String(), stderr.String())
		}
	}
}

// A daemon's name and words are one argument, as ps(1) is to show them.
func TestDispatchTitle(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := dispatch([]string{"/sbin/jailctl: supervise --help"}, strings.NewReader(""), &stdout, &stderr)
	if code != 0 || !strings.HasPrefix(stdout.String(), "usage: jailctl supervise") {
		t.Errorf("%d\n%s%s", code, stdout.String(), stderr.String())
	}
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range commands {
		if seen[c.name] || c.main == nil || c.what == "" {
			t.Errorf("%q is there twice, or empty", c.name)
		}
		seen[c.name] = true
	}
}
