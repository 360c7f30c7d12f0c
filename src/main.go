// Jails for NetBSD: the commands in one program, which looks at the name that
// it is run under, or, under its own, at its first argument. jail-exporter is
// a program of its own, because of what its libraries do at start.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"jails/src/exit"
	"jails/src/jailctl"
	"jails/src/jailinit"
	"jails/src/jailmgr"
)

// commands is the table: a name, what it is for, and its program.
var commands = [...]struct {
	name, what string
	main       func(args []string, stdin io.Reader, stdout, stderr io.Writer) int
}{
	{"jailctl", "the kernel's jails, one at a time", jailctl.Main},
	{"jailmgr", "whole jails, from their definitions", jailmgr.Main},
	{"jail-init", "a jail's first process; the supervisor starts it", jailinit.Main},
}

func main() { os.Exit(dispatch(os.Args, os.Stdin, os.Stdout, os.Stderr)) }

// dispatch runs the command that args name. Words may follow it in args[0],
// after a colon: "jailctl: supervise web" is how ps(1) shows a daemon.
func dispatch(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		args = []string{"jails"}
	}
	name, words, _ := strings.Cut(filepath.Base(args[0]), ":")
	args = slices.Insert(slices.Clone(args), 1, strings.Fields(words)...)
	if run := find(name); run != nil {
		return run(args, stdin, stdout, stderr)
	}
	if len(args) < 2 {
		usage(stderr)
		return exit.Usage
	}
	if run := find(args[1]); run != nil {
		return run(args[1:], stdin, stdout, stderr)
	}
	switch args[1] {
	case "-h", "--help", "help":
		usage(stdout)
		return exit.OK
	}
	fmt.Fprintf(stderr, "jails: no command %q; see: jails --help\n", args[1])
	return exit.Usage
}

func find(name string) func([]string, io.Reader, io.Writer, io.Writer) int {
	for _, c := range commands {
		if c.name == name {
			return c.main
		}
	}
	return nil
}

func usage(w io.Writer) {
	fmt.Fprint(w, "usage: jails COMMAND [ARGUMENT]...\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-14s%s\n", c.name, c.what)
	}
	fmt.Fprint(w, "\nEach is also the name of a link to this program; COMMAND --help says more.\n")
}
