package matrix

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Numbers are the scopes, actions and requests that a kernel's sys/kauth.h
// declares, by name, without those of credentials, which decide nothing. Of
// the vnode scope they are the bits' numbers, of scopes nothing.
type Numbers map[string]uint32

var (
	comment     = regexp.MustCompile(`(?s)/\*.*?\*/`)
	directive   = regexp.MustCompile(`(?m)^[ \t]*#.*$`)
	enumeration = regexp.MustCompile(`(?s)\benum\b[^{};()]*\{(.*?)\}`)
	macro       = regexp.MustCompile(`(?m)^[ \t]*#[ \t]*define[ \t]+(KAUTH_\w+)(.*)$`)
	bit         = regexp.MustCompile(`^\s*\(1ULL\s*<<\s*(\d+)\)\s*$`)
	alias       = regexp.MustCompile(`^[ \t(]*KAUTH_VNODE_`)
	decides     = regexp.MustCompile(`^KAUTH_(SCOPE|REQ|GENERIC|SYSTEM|PROCESS|NETWORK|MACHDEP|DEVICE)_`)
)

// Header reads a kernel's sys/kauth.h.
func Header(text string) (Numbers, error) {
	text = comment.ReplaceAllString(text, " ")
	n := Numbers{}
	for _, m := range macro.FindAllStringSubmatch(text, -1) {
		name, value := m[1], m[2]
		switch {
		case name == "KAUTH_VNODE_REMOTEFS" || strings.HasPrefix(name, "KAUTH_REQ_DEVICE_RAWIO_PASSTHRU_"):
			// An answer, and bits that come with a request.
		case strings.HasPrefix(name, "KAUTH_VNODE_") && !alias.MatchString(value):
			b := bit.FindStringSubmatch(value)
			if b == nil {
				return nil, fmt.Errorf("%s is%s: no bit that is understood", name, value)
			}
			v, err := strconv.ParseUint(b[1], 10, 6)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			n[name] = uint32(v)
		case decides.MatchString(name):
			n[name] = 0
		}
	}
	for _, m := range enumeration.FindAllStringSubmatch(text, -1) {
		next := uint32(0)
		for e := range strings.SplitSeq(directive.ReplaceAllString(m[1], ""), ",") {
			name, value, given := strings.Cut(e, "=")
			if name = strings.TrimSpace(name); !strings.HasPrefix(name, "KAUTH_") || strings.HasPrefix(name, "KAUTH_CRED_") {
				continue
			}
			if given {
				v, err := strconv.ParseUint(strings.TrimSpace(value), 0, 32)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
				next = uint32(v)
			}
			n[name] = next
			next++
		}
	}
	if len(n) < 150 {
		return nil, fmt.Errorf("only %d actions and requests", len(n))
	}
	return n, nil
}

// ActionName and RequestName are a row's in sys/kauth.h; a row for all other
// requests, and one for a case that the model tells apart itself, have no
// request's name.
func (r Row) ActionName(scope string) string {
	return "KAUTH_" + strings.ToUpper(scope) + "_" + r.Action
}

func (r Row) RequestName(scope string) string {
	if r.Request == "" || strings.HasPrefix(r.Request, "=") {
		return ""
	}
	return "KAUTH_REQ_" + strings.ToUpper(scope) + "_" + r.Request
}

// Differences are what a header has and no row is about, and what rows are
// about and the header has not.
func (n Numbers) Differences() (unthought, gone []string) {
	thought := map[string]bool{"KAUTH_SCOPE_CRED": true}
	for scope, rows := range Scopes {
		thought["KAUTH_SCOPE_"+strings.ToUpper(scope)] = true
		for _, row := range rows {
			thought[row.ActionName(scope)] = true
			if name := row.RequestName(scope); name != "" {
				thought[name] = true
			}
		}
	}
	for name := range thought {
		if _, ok := n[name]; !ok {
			gone = append(gone, name)
		}
	}
	for name := range n {
		if !thought[name] {
			unthought = append(unthought, name)
		}
	}
	slices.Sort(unthought)
	slices.Sort(gone)
	return unthought, gone
}
