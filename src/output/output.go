// Package output is what the commands print: tables and text that are safe
// on a terminal, and JSON.
package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// Table is rows of cells in columns.
type Table struct {
	columns []column
	rows    [][]string
}

type column struct {
	name  string
	right bool
}

// NewTable makes a table of the named columns; the names of those that are
// aligned to the right begin with a ">".
func NewTable(names ...string) *Table {
	t := &Table{}
	t.Add(names...)
	return t
}

// Add adds columns, before any row is.
func (t *Table) Add(names ...string) {
	for _, name := range names {
		name, right := strings.CutPrefix(name, ">")
		t.columns = append(t.columns, column{name, right})
	}
}

// Row adds a row. Its cells are made safe for a terminal.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(t.columns))
	for i := range row {
		if row[i] = "-"; i < len(cells) && cells[i] != "" {
			row[i] = Text(cells[i])
		}
	}
	t.rows = append(t.rows, row)
}

// Print writes the table: a head, then the rows.
func (t *Table) Print(w io.Writer) error {
	width := make([]int, len(t.columns))
	for i, c := range t.columns {
		width[i] = utf8.RuneCountInString(c.name)
		for _, row := range t.rows {
			width[i] = max(width[i], utf8.RuneCountInString(row[i]))
		}
	}
	var b bytes.Buffer
	line := func(cell func(i int) string) {
		for i, c := range t.columns {
			s := cell(i)
			pad := width[i] - utf8.RuneCountInString(s)
			if c.right {
				b.WriteString(strings.Repeat(" ", pad))
			}
			b.WriteString(s)
			if i == len(t.columns)-1 {
				break
			}
			if !c.right {
				b.WriteString(strings.Repeat(" ", pad))
			}
			b.WriteString("  ")
		}
		b.WriteByte('\n')
	}
	line(func(i int) string { return t.columns[i].name })
	for _, row := range t.rows {
		line(func(i int) string { return row[i] })
	}
	_, err := w.Write(b.Bytes())
	return err
}

// JSON writes v as indented JSON. Its keys are a contract.
func JSON(w io.Writer, v any) error { return object(w, v, "  ") }

// Line writes v as JSON on one line.
func Line(w io.Writer, v any) error { return object(w, v, "") }

// object writes what JSON lets stand but a terminal might obey as \uNNNN: it
// can be in strings only.
func object(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return err
	}
	all, safe := b.Bytes(), []byte(nil)
	for i := 0; i < len(all); {
		r, n := utf8.DecodeRune(all[i:])
		if r == '\n' || strconv.IsPrint(r) {
			i += n
			continue
		}
		safe = append(safe, all[:i]...)
		for _, u := range utf16.AppendRune(nil, r) {
			safe = fmt.Appendf(safe, `\u%04x`, u)
		}
		all, i = all[i+n:], 0
	}
	_, err := w.Write(append(safe, all...))
	return err
}

// Text makes what others chose safe for a terminal: what can't be printed, or
// would turn the writing's direction, is written as \xNN or \uNNNN.
func Text(s string) string {
	safe := true
	for i := 0; i < len(s) && safe; i++ {
		safe = s[i] >= ' ' && s[i] < 0x7f
	}
	if safe {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1, r < ' ', r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case strconv.IsPrint(r):
			b.WriteString(s[:n])
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		s = s[n:]
	}
	return b.String()
}

// Size writes bytes in three digits at most: "0 B", "640 kB", "1.5 MB".
func Size(n uint64) string {
	if n < 1000 {
		return strconv.FormatUint(n, 10) + " B"
	}
	f, unit := float64(n), 0
	for f >= 999.5 && unit < len(units)-1 {
		f /= 1000
		unit++
	}
	if f < 9.95 {
		return strconv.FormatFloat(f, 'f', 1, 64) + " " + units[unit]
	}
	return strconv.FormatFloat(f, 'f', 0, 64) + " " + units[unit]
}

var units = [...]string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}

// Span writes a duration in its two largest units: "45s", "12m", "3d4h".
// Less than a second is "0s".
func Span(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 10*60 && s%60 != 0:
		return fmt.Sprintf("%dm%ds", s/60, s%60)
	case s < 3600:
		return fmt.Sprintf("%dm", s/60)
	case s < 86400 && s%3600 >= 60:
		return fmt.Sprintf("%dh%dm", s/3600, s%3600/60)
	case s < 86400:
		return fmt.Sprintf("%dh", s/3600)
	case s%86400 >= 3600:
		return fmt.Sprintf("%dd%dh", s/86400, s%86400/3600)
	}
	return fmt.Sprintf("%dd", s/86400)
}

// CPU writes time used, to a hundredth of a second as long as that matters:
// "0.07s", "83.20s", "2h13m".
func CPU(d time.Duration) string {
	if d < 10*time.Minute {
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + "s"
	}
	return Span(d)
}

// Percent writes a ratio: 0.021 is "2.1%".
func Percent(ratio float64) string {
	return strconv.FormatFloat(100*ratio, 'f', 1, 64) + "%"
}

// Counts lists what was counted, as in "port 3", in the names' order.
func Counts(names []string, counts map[string]uint64) []string {
	var all []string
	for _, name := range names {
		if n := counts[name]; n != 0 {
			all = append(all, name+" "+strconv.FormatUint(n, 10))
		}
	}
	return all
}

// YesNo writes a truth.
func YesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
