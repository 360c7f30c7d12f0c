package jail

import (
	"errors"
	"fmt"
	"math"
	"net"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// Unlimited is a limit that is none.
const Unlimited = math.MaxUint64

func parseLimit(v any) (Limit, error) {
	table, ok := v.(map[string]any)
	if !ok {
		n, err := parseAmount(v)
		return Limit{n, n}, err
	}
	l := Limit{Unlimited, Unlimited}
	var err error
	if hard, ok := table["hard"]; ok {
		if l.Hard, err = parseAmount(hard); err != nil {
			return l, err
		}
	}
	soft, ok := table["soft"]
	if !ok {
		l.Soft = l.Hard
	} else if l.Soft, err = parseAmount(soft); err != nil {
		return l, err
	}
	if l.Soft > l.Hard {
		return l, errors.New("soft is above hard")
	}
	return l, nil
}

func parseAmount(v any) (uint64, error) {
	switch v := v.(type) {
	case int64:
		if v < 0 {
			return 0, fmt.Errorf("%d is negative; write \"unlimited\" for no limit", v)
		}
		return uint64(v), nil
	case string:
		return ParseAmount(v)
	}
	return 0, errors.New("not a number, a size or \"unlimited\"")
}

// ParseAmount reads a limit: what ParseSize does, or "unlimited".
func ParseAmount(s string) (uint64, error) {
	if s == "unlimited" {
		return Unlimited, nil
	}
	return ParseSize(s)
}

// ParseSize reads bytes, at most what an int64 holds: "512", "64 KB"; "1.5 GB"
// is refused. KB, MB, GB and TB are powers of 1024.
func ParseSize(s string) (uint64, error) {
	digits := strings.TrimLeft(s, "0123456789")
	n, err := strconv.ParseUint(s[:len(s)-len(digits)], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("not a size: %q; write as in \"64 MB\"", s)
	}
	shift := 0
	switch strings.TrimSpace(digits) {
	case "", "B":
	case "KB":
		shift = 10
	case "MB":
		shift = 20
	case "GB":
		shift = 30
	case "TB":
		shift = 40
	default:
		return 0, fmt.Errorf("not a size: %q; write as in \"64 MB\", with B, KB, MB, GB or TB", s)
	}
	if n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("too large: %q", s)
	}
	return n << shift, nil
}

// ParseKeep reads "10 x 1 MB": how many log files of what size in bytes.
func ParseKeep(s string) (files int, size uint64, err error) {
	count, each, ok := strings.Cut(s, "x")
	files, err = strconv.Atoi(strings.TrimSpace(count))
	if !ok || err != nil {
		return 0, 0, fmt.Errorf("keep is not files x size: %q; write as in \"10 x 1 MB\"", s)
	}
	if size, err = ParseSize(strings.TrimSpace(each)); err != nil {
		return 0, 0, err
	}
	if files < 1 || files > 1000 || size < 4<<10 || size > 1<<40 {
		return 0, 0, fmt.Errorf("keep %q is out of range: 1 to 1000 files of 4 KB to 1 TB", s)
	}
	return files, size, nil
}

// Facilities and severities of syslog(3), by number; those between ftp and
// local0 are not for programs.
var (
	facilities = []string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}
	severities = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
)

const local0 = 16

// Priority is what syslog(3) calls so, from the names of a facility and a
// severity.
func Priority(facility, severity string) (int, error) {
	f, s := slices.Index(facilities, facility), slices.Index(severities, severity)
	if f < 0 || s < 0 {
		return 0, fmt.Errorf("unknown facility or level of syslog: %s.%s", facility, severity)
	}
	if first := slices.Index(facilities, "local0"); f >= first {
		f += local0 - first
	}
	return f<<3 | s, nil
}

// Overlap says whether two reservations have a port in common.
func Overlap(a, b secmodel.PortRange) bool {
	return (a.Protocol == b.Protocol || a.Protocol == secmodel.AnyProtocol || b.Protocol == secmodel.AnyProtocol) &&
		a.First <= b.Last && b.First <= a.Last
}

// Probe is how a service says that it is ready.
type Probe struct {
	Kind string // "" (ready when started), fd, tcp, exec
	FD   int    // of fd: an inherited descriptor, 3 to 9, on which the service writes a newline
	Addr string // of tcp: host and port that accepts a connection
	Path string // of exec: a program in the jail that exits 0
}

// ParseReady reads "", "fd:3", "tcp:8080", "tcp:127.0.0.1:8080", "exec:/path".
func ParseReady(s string) (Probe, error) {
	if s == "" {
		return Probe{}, nil
	}
	kind, arg, _ := strings.Cut(s, ":")
	p := Probe{Kind: kind}
	switch kind {
	case "fd":
		n, err := strconv.Atoi(arg)
		if err != nil || n < 3 || n > 9 {
			return p, fmt.Errorf("bad ready %q: fd is 3 to 9, as in \"fd:3\"", s)
		}
		p.FD = n
	case "tcp":
		host, port := "127.0.0.1", arg
		if strings.Contains(arg, ":") {
			var err error
			if host, port, err = net.SplitHostPort(arg); err != nil || net.ParseIP(host) == nil {
				return p, fmt.Errorf("bad ready %q: write as in \"tcp:8080\", \"tcp:127.0.0.1:8080\"", s)
			}
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return p, fmt.Errorf("bad ready %q: the port is 1 to 65535, as in \"tcp:8080\"", s)
		}
		p.Addr = net.JoinHostPort(host, port)
	case "exec":
		if err := checkPath(arg); err != nil {
			return p, fmt.Errorf("bad ready %q: %w", s, err)
		}
		p.Path = arg
	default:
		return p, fmt.Errorf("bad ready %q: it is \"fd:3\", \"tcp:8080\" or \"exec:/path\"%s", s, meant(kind, []string{"fd", "tcp", "exec"}))
	}
	return p, nil
}

// ParseAfter reads "db" or "db:ready", "db:started", "setup:completed".
func ParseAfter(s string) (service, state string, err error) {
	service, state, has := strings.Cut(s, ":")
	if !has {
		state = "ready"
	}
	if err := CheckName(service); err != nil {
		return "", "", err
	}
	states := []string{"started", "ready", "completed"}
	for _, known := range states {
		if state == known {
			return service, state, nil
		}
	}
	return "", "", fmt.Errorf("bad after %q: a service is started, ready or completed%s", s, meant(state, states))
}

// ParseUmask reads an octal file creation mask, 000 to 777.
func ParseUmask(s string) (int, error) {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 || s[0] == '+' {
		return 0, fmt.Errorf("bad umask %q: it is octal, 000 to 777", s)
	}
	return int(n), nil
}

// stopSignals are those that can be meant to end a service.
var stopSignals = []string{"TERM", "INT", "QUIT", "HUP", "KILL", "USR1", "USR2", "ABRT", "ALRM", "PIPE", "TRAP", "WINCH", "PWR", "XCPU"}

// ParseSignal reads a signal's name as kill(1) takes it: TERM or SIGTERM.
func ParseSignal(s string) (unix.Signal, error) {
	name := strings.TrimPrefix(s, "SIG")
	for _, known := range stopSignals {
		if name == known {
			if n := unix.SignalNum("SIG" + name); n != 0 {
				return n, nil
			}
		}
	}
	candidates := append([]string(nil), stopSignals...)
	sort.Strings(candidates)
	return 0, fmt.Errorf("unknown signal %q%s", s, meantOr(strings.ToUpper(name), candidates))
}

// checkPath wants an absolute path with nothing in it that could be written
// shorter.
func checkPath(p string) error {
	switch {
	case p == "":
		return errors.New("the path is empty")
	case !strings.HasPrefix(p, "/"):
		return fmt.Errorf("path %q is not absolute", p)
	case strings.ContainsRune(p, 0):
		return fmt.Errorf("path %q holds a NUL", p)
	case path.Clean(p) != p:
		return fmt.Errorf("path %q is not clean; write %q", p, path.Clean(p))
	case len(p) >= 1024:
		return errors.New("the path is longer than 1023 bytes")
	}
	return nil
}
