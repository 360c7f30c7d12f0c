package secmodel

import (
	"fmt"
	"strconv"
	"strings"

	"jails/src/nearest"
)

// limits are the names of setrlimit(2)'s resources, by NetBSD's number, and
// those that the system has for them.
var limits = [nLimits]struct{ name, alias string }{
	{"cpu", "cputime"},          // seconds
	{"file-size", "fsize"},      // bytes
	{"data", "datasize"},        // bytes
	{"stack", "stacksize"},      // bytes
	{"core", "coredumpsize"},    // bytes
	{"resident", "rss"},         // bytes
	{"locked", "memlock"},       // bytes
	{"processes", "nproc"},      // of one user
	{"files", "nofile"},         // open in one process
	{"socket-buffer", "sbsize"}, // bytes
	{"address-space", "as"},     // bytes
	{"threads", "nthr"},         // of one user
}

// LimitNames are the names of limits, by the number of their resource.
func LimitNames() []string {
	names := make([]string, nLimits)
	for i := range limits {
		names[i] = limits[i].name
	}
	return names
}

// LimitName is the name of a resource's limit.
func LimitName(resource int) string {
	if resource >= 0 && resource < nLimits {
		return limits[resource].name
	}
	return strconv.Itoa(resource)
}

// ParseLimit is the resource that a limit of that name is of.
func ParseLimit(name string) (resource int, err error) {
	for i, l := range limits {
		if name == l.name || name == l.alias {
			return i, nil
		}
	}
	names := LimitNames()
	if near := nearest.Of(name, names); near != "" {
		return 0, fmt.Errorf("unknown limit %q; did you mean %q?", name, near)
	}
	return 0, fmt.Errorf("unknown limit %q: one of %s", name, strings.Join(names, ", "))
}

var levels = [nLevels]string{"low", "medium", "high"}

// ParseLevel reads low, medium or high.
func ParseLevel(s string) (Level, error) {
	for i, name := range levels {
		if s == name {
			return Level(i), nil
		}
	}
	if near := nearest.Of(s, levels[:]); near != "" {
		return 0, fmt.Errorf("unknown level %q; did you mean %q?", s, near)
	}
	return 0, fmt.Errorf("unknown level %q: low, medium or high", s)
}

func (l Level) String() string {
	if l < nLevels {
		return levels[l]
	}
	return strconv.Itoa(int(l))
}

func (s State) String() string {
	switch s {
	case Creating:
		return "creating"
	case Active:
		return "active"
	case Dying:
		return "dying"
	}
	return strconv.Itoa(int(s))
}

func (v Verdict) String() string {
	switch v {
	case Defer:
		return "yes"
	case Deny:
		return "no"
	case Own:
		return "own"
	case Listed:
		return "listed"
	case Port:
		return "port"
	}
	return strconv.Itoa(int(v))
}

func (p Protocol) String() string {
	switch p {
	case AnyProtocol:
		return "any"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	}
	return strconv.Itoa(int(p))
}

// ParsePorts reads "8080", "8080/tcp" or "8000-8099/any"; a port without a
// protocol means any.
func ParsePorts(s string) (PortRange, error) {
	ports, protocol, named := strings.Cut(s, "/")
	p := PortRange{}
	switch {
	case !named || protocol == "any":
	case protocol == "tcp":
		p.Protocol = TCP
	case protocol == "udp":
		p.Protocol = UDP
	default:
		return PortRange{}, fmt.Errorf("bad port %q: the protocol is tcp, udp or any", s)
	}
	first, last, isRange := strings.Cut(ports, "-")
	if !isRange {
		last = first
	}
	var ok bool
	if p.First, ok = parsePort(first); ok {
		p.Last, ok = parsePort(last)
	}
	if !ok {
		return PortRange{}, fmt.Errorf("bad port %q: a number from 1 to 65535, as in 8080, 8080/tcp or 8000-8099/any", s)
	}
	if p.First > p.Last {
		return PortRange{}, fmt.Errorf("bad port %q: the range ends before it begins", s)
	}
	return p, nil
}

func parsePort(s string) (uint16, bool) {
	if !decimal(s) || s == "0" {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil
}

// String writes p as ParsePorts reads it: "8080" for any protocol,
// "8000-8099/tcp".
func (p PortRange) String() string {
	s := strconv.Itoa(int(p.First))
	if p.Last != p.First {
		s += "-" + strconv.Itoa(int(p.Last))
	}
	if p.Protocol != AnyProtocol {
		s += "/" + p.Protocol.String()
	}
	return s
}

// MaxName is the longest name of a jail, in bytes.
const MaxName = nameLen - 1

// CheckName says whether name may name a jail: a small letter, then small
// letters, digits, '-', '_' or '.', at most 63 in all. So a name is never
// taken for an id, a flag or a path.
func CheckName(name string) error {
	ok := len(name) > 0 && len(name) < nameLen && letter(name[0])
	for i := 1; ok && i < len(name); i++ {
		c := name[i]
		ok = letter(c) || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
	}
	if !ok {
		return &Refused{Command: "create", Jail: name, Reason: ReasonName}
	}
	return nil
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' }

// decimal says whether s is a plain decimal number: no sign, no leading zero.
func decimal(s string) bool {
	if s == "" || s[0] == '0' && len(s) > 1 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
