//go:build linux

// unjailed is the supervisor and jail-init as they are, without a jail: no
// process enters one, and no system call is asked of a model. Beside the same
// in a jail it shows what hostkern costs, for on NetBSD there is none.
//
//	unjailed NAME    supervises the jail of that name, in the foreground
package main

import (
	"context"
	"fmt"
	"os"

	"jails/src/exit"
	"jails/src/jailinit"
	"jails/src/secmodel"
	"jails/src/supervise"
)

// none is a kernel with one jail, in which nobody is.
type none struct{ name string }

func (n none) Lookup(string) (secmodel.Jail, error) {
	return secmodel.Jail{ID: 1, Name: n.name, Root: "/"}, nil
}

func (none) Ports() ([]secmodel.PortOwner, error) { return nil, nil }

func (none) Create(string, string, secmodel.Config) (secmodel.ID, error) {
	return 0, fmt.Errorf("jail-init died: %w", secmodel.ErrExists)
}

func (none) Set(secmodel.ID, secmodel.Change) error { return nil }

func (none) EndAfter(context.Context, secmodel.ID, func()) error { return nil }

func main() {
	if os.Args[0] == "jail-init" {
		os.Exit(jailinit.Run(os.Stderr, func(uint32) error { return nil }))
	}
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: unjailed NAME")
		os.Exit(exit.Usage)
	}
	if err := supervise.Run(os.Args[1], "", none{os.Args[1]}, nil, func(error) {}); err != nil {
		fmt.Fprintln(os.Stderr, "unjailed:", err)
		os.Exit(exit.Code(err))
	}
}
