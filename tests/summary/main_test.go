package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

const events = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:7: no nginx; install nginx-light\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:9: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestC"}
{"Action":"fail","Package":"p"}
{"Action":"build-output","ImportPath":"q","Output":"q.go:1: syntax error\n"}
{"Action":"fail","Package":"q"}
{"Action":"skip","Package":"r"}
{"Action":"output","Package":"s","Output":"panic: oh\n"}
{"Action":"fail","Package":"s"}
`

func TestRead(t *testing.T) {
	var out bytes.Buffer
	s := &summary{out: &out}
	s.read(strings.NewReader(events))
	s.print()
	if want := []string{"p TestC", "q", "s"}; !slices.Equal(s.failures, want) {
		t.Errorf("failed: %q, want %q", s.failures, want)
	}
	for _, want := range []string{"skipped: no nginx; install nginx-light\n\tp TestB\n", "c_test.go:9: wrong", "q.go:1: syntax error", "panic: oh"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if !strings.HasSuffix(out.String(), "\n1 passed, 3 failed, 1 skipped\n") {
		t.Errorf("the last line of\n%s", out.String())
	}
}

func TestRun(t *testing.T) {
	var out bytes.Buffer
	s := &summary{out: &out}
	if err := s.run([]string{"-check", "good=true", "-check", "bad=echo no; exit 3", "-check", "able,sh=true", "-check", "unable,no-such-program=true"}); err != nil {
		t.Fatal(err)
	}
	if want := []skip{{"unable", "no no-such-program; install it"}}; !slices.Equal(s.skips, want) {
		t.Errorf("skipped: %v", s.skips)
	}
	if s.passed != 2 || s.failed != 1 || !strings.Contains(out.String(), "exit status 3\nno\n") {
		t.Errorf("%d passed, %d failed: %s", s.passed, s.failed, out.String())
	}
	for _, args := range [][]string{{"-check"}, {"-check", "x"}, {"-what", "x"}} {
		if err := s.run(args); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

func TestSplit(t *testing.T) {
	own, runs := split([]string{"-check", "a=b", "--", "x", "y", "--", "z"})
	if !slices.Equal(own, []string{"-check", "a=b"}) || len(runs) != 2 || !slices.Equal(runs[0], []string{"x", "y"}) || !slices.Equal(runs[1], []string{"z"}) {
		t.Errorf("%q %q", own, runs)
	}
}
