package jail

import (
	"errors"
	"fmt"
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

// Nearest is the candidate most like the word, or "" if none is like it:
// for "did you mean".
func Nearest(word string, candidates []string) string {
	best, distance := "", 1+len(word)/3
	if distance > 3 {
		distance = 3
	}
	for _, c := range candidates {
		if d := edits(word, c); d <= distance && (best == "" || d < edits(word, best)) {
			best = c
		}
	}
	return best
}

// edits counts the insertions, deletions, changes and swaps of neighbours
// that make b of a. Long words are never alike.
func edits(a, b string) int {
	const most = 64
	if len(a) > most || len(b) > most {
		return most
	}
	var rows [3][most + 1]int
	two, one, cur := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(one[j]+1, cur[j-1]+1, one[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], two[j-2]+1)
			}
		}
		two, one, cur = one, cur, two
	}
	return one[len(b)]
}

// meant is "; did you mean …?", or nothing.
func meant(word string, candidates []string) string {
	if n := Nearest(word, candidates); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	return ""
}
