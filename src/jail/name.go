package jail

import (
	"errors"
	"fmt"

	"jails/src/nearest"
)

// NameLength is the longest name of a jail, a service, a base or a volume,
// in bytes.
const NameLength = 63

var errName = errors.New(`must start with a letter and hold only a-z, 0-9, ".", "_", "-", at most 63`)

// CheckName refuses what is no name for a jail, a service or a volume. As a
// name starts with a letter, it is never taken for an id, nor for a path.
func CheckName(name string) error {
	if name == "" {
		return errors.New("a name must not be empty")
	}
	if name[0] < 'a' || name[0] > 'z' || !nameBytes(name) {
		return fmt.Errorf("bad name %q: it %w", name, errName)
	}
	return nil
}

// CheckBase refuses what is no name for a base layer, which may start with a
// digit, as in "10.1-amd64".
func CheckBase(name string) error {
	if name == "" {
		return errors.New("a base's name must not be empty")
	}
	c := name[0]
	if (c < 'a' || c > 'z') && (c < '0' || c > '9') || !nameBytes(name) {
		return fmt.Errorf("bad name of a base %q: it must start with a letter or digit and hold only a-z, 0-9, \".\", \"_\", \"-\", at most 63", name)
	}
	return nil
}

func nameBytes(name string) bool {
	if len(name) > NameLength {
		return false
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// meant is "; did you mean …?", or nothing.
func meant(word string, candidates []string) string {
	if n := nearest.Of(word, candidates); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	return ""
}
