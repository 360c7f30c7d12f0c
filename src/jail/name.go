package jail

import (
	"fmt"
	"strings"

	"jails/src/nearest"
	"jails/src/secmodel"
)

// CheckName refuses what is no name for a jail, a service or a volume. As a
// name starts with a letter, it is never taken for an id, nor for a path.
func CheckName(name string) error {
	if name == auditName || strings.HasPrefix(name, auditName+".") {
		return fmt.Errorf("bad name %q: that is the audit trail's", name)
	}
	return secmodel.CheckName(name)
}

// auditName is the audit trail's among the directories of jails' logs.
const auditName = "audit.log"

// CheckBase refuses what is no name for a base layer: like a jail's, but it may
// start with a digit, as in "10.1-amd64".
func CheckBase(name string) error {
	like := name
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		like = "b" + name[1:]
	}
	if CheckName(like) != nil {
		return fmt.Errorf("bad name of a base %q: a small letter or a digit, then small letters, digits, - _ or ., at most 63 in all", name)
	}
	return nil
}

// meant is "; did you mean …?", or nothing.
func meant(word string, candidates []string) string {
	if n := nearest.Of(word, candidates); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	return ""
}
