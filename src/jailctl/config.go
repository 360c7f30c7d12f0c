package jailctl

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"jails/src/command"
	"jails/src/jail"
	"jails/src/secmodel"
)

// configFlags are the options of create and set.
func configFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "level", Aliases: []string{"l"}, Usage: "harden at `LEVEL`: low, medium or high"},
		&cli.StringSliceFlag{Name: "reserve", Aliases: []string{"r"}, Usage: "reserve `PORTS`: 8080, 8080/tcp or 8000-8099/any; repeat for more"},
		&cli.StringSliceFlag{Name: "allow", Aliases: []string{"a"}, Usage: "allow a `WORD` beyond the level; see jailctl policy --words"},
		&cli.StringSliceFlag{Name: "deny", Aliases: []string{"d"}, Usage: "deny a `WORD` that the level allows"},
		&cli.StringFlag{Name: "processes", Aliases: []string{"p"}, Usage: "have at most `NUMBER` processes; 0 for no cap"},
		&cli.StringSliceFlag{Name: "limit", Aliases: []string{"L"}, Usage: "start each process with a limit of setrlimit(2), `NAME=SOFT[:HARD]`, as in files=1024"},
		&cli.BoolFlag{Name: "strict", Usage: "bind reserved ports only"},
		&cli.BoolFlag{Name: "observe", Usage: "record what is denied above the floor, and let it pass"},
	}
}

// change reads the options of create and set; what was not given is nil.
func change(c *cli.Context) (secmodel.Change, error) {
	var ch secmodel.Change
	if c.IsSet("level") {
		level, err := secmodel.ParseLevel(c.String("level"))
		if err != nil {
			return ch, command.Usage(c, err)
		}
		ch.Level = &level
	}
	if c.IsSet("allow") {
		words := given(c, "allow")
		ch.Allow = &words
	}
	if c.IsSet("deny") {
		words := given(c, "deny")
		ch.Deny = &words
	}
	if ch.Allow != nil && ch.Deny != nil {
		for _, w := range *ch.Allow {
			if slices.Contains(*ch.Deny, w) {
				return ch, command.Usage(c, fmt.Errorf("%q is both allowed and denied", w))
			}
		}
	}
	if c.IsSet("strict") {
		strict := c.Bool("strict")
		ch.Strict = &strict
	}
	if c.IsSet("observe") {
		observe := c.Bool("observe")
		ch.Observe = &observe
	}
	if c.IsSet("processes") {
		n, err := strconv.ParseUint(c.String("processes"), 10, 32)
		if err != nil {
			return ch, command.Usage(c, fmt.Errorf("bad number of processes %q: from 0 to %d", c.String("processes"), uint32(math.MaxUint32)))
		}
		most := uint32(n)
		ch.Processes = &most
	}
	if c.IsSet("reserve") {
		ports := []secmodel.PortRange{}
		for _, s := range given(c, "reserve") {
			p, err := secmodel.ParsePorts(s)
			if err != nil {
				return ch, command.Usage(c, err)
			}
			ports = append(ports, p)
		}
		ch.Ports = &ports
	}
	if c.IsSet("limit") {
		limits := []secmodel.Limit{}
		for _, s := range given(c, "limit") {
			l, err := parseLimit(s)
			if err != nil {
				return ch, command.Usage(c, err)
			}
			limits = append(limits, l)
		}
		ch.Limits = &limits
	}
	return ch, nil
}

// given is a repeated option's values; an empty one stands for none.
func given(c *cli.Context, name string) []string {
	return slices.DeleteFunc(c.StringSlice(name), func(s string) bool { return s == "" })
}

func parseLimit(s string) (secmodel.Limit, error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return secmodel.Limit{}, fmt.Errorf("bad limit %q: want NAME=SOFT or NAME=SOFT:HARD", s)
	}
	resource, err := secmodel.ParseLimit(name)
	if err != nil {
		return secmodel.Limit{}, err
	}
	soft, hard, both := strings.Cut(value, ":")
	if !both {
		hard = soft
	}
	l := secmodel.Limit{Resource: resource}
	if l.Soft, err = jail.ParseAmount(soft); err == nil {
		l.Hard, err = jail.ParseAmount(hard)
	}
	if err != nil {
		return l, fmt.Errorf("bad limit %q: %w", s, err)
	}
	if l.Soft > l.Hard {
		return l, fmt.Errorf("bad limit %q: the soft is above the hard", s)
	}
	return l, nil
}

func amount(n uint64) string {
	if n == math.MaxUint64 {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}
