package jail

import (
	"errors"
	"fmt"
	"strings"
)

// ErrInvalid is what every *Invalid is.
var ErrInvalid = errors.New("not a valid definition")

// Problem is one thing wrong in a file. Line and Column count from 1; they
// are 0 where the problem has no place, as with a key that is missing.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Text   string `json:"text"`
}

func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
}

// Invalid is all that is wrong in a file, in the file's order.
type Invalid struct{ Problems []Problem }

func (e *Invalid) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Is makes errors.Is(err, ErrInvalid) true.
func (e *Invalid) Is(target error) bool { return target == ErrInvalid }
