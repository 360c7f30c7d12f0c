// Package logs takes what a jail's services write apart into lines, keeps
// the lines in files of bounded size, sends them to syslogd, and reads and
// follows them again.
//
// A line of the file is
//
//	2026-11-23T08:51:38.123456Z SERVICE out|err F|P TEXT
//
// with the time when it was read, in UTC. F ends where the service wrote a
// newline; P, for partial, is a piece that goes on in the service's next one:
// a line too long, or one without its end. The text is safe on a terminal:
// control bytes, invalid UTF-8 and characters that reorder text stand as
// \xNN, and so does a backslash that would else look like that, so that the
// bytes can be told again.
package logs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"
	"unicode/utf8"
)

// MaxText is how many bytes of a service's line one Line holds; a longer one
// is split.
const MaxText = 8192

// Line is a service's line, or a piece of one.
type Line struct {
	Time    time.Time
	Service string
	Stream  string // out, err
	Full    bool   // ended by a newline
	Text    []byte // as the service wrote it
}

const (
	timeForm = "2006-01-02T15:04:05.000000Z"
	hex      = "0123456789abcdef"
)

// Append adds the file's form of the line, newline included.
func (l *Line) Append(b []byte) []byte {
	return l.appendRest(appendTime(b, l.Time))
}

// appendRest adds all that follows the time.
func (l *Line) appendRest(b []byte) []byte {
	b = append(b, ' ')
	b = append(b, l.Service...)
	b = append(b, ' ')
	b = append(b, l.Stream...)
	if l.Full {
		b = append(b, " F "...)
	} else {
		b = append(b, " P "...)
	}
	b = AppendSafe(b, l.Text)
	return append(b, '\n')
}

// appendTime is AppendFormat with timeForm, but several times as fast.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	if year < 0 || year > 9999 {
		year = 0
	}
	micro := t.Nanosecond() / 1000
	d := func(n int) byte { return byte('0' + n%10) }
	return append(b,
		d(year/1000), d(year/100), d(year/10), d(year), '-', d(int(month)/10), d(int(month)), '-', d(day/10), d(day),
		'T', d(hour/10), d(hour), ':', d(minute/10), d(minute), ':', d(second/10), d(second),
		'.', d(micro/100000), d(micro/10000), d(micro/1000), d(micro/100), d(micro/10), d(micro), 'Z')
}

// AppendSafe adds text so that it can be shown on a terminal and stays one
// line.
func AppendSafe(b, text []byte) []byte {
	plain := 0 // the start of what needs no change
	for i := 0; i < len(text); {
		// Most text is plain: it is looked at by eight bytes at a time.
		if i+8 <= len(text) && allPlain(binary.NativeEndian.Uint64(text[i:])) {
			i += 8
			continue
		}
		c := text[i]
		size := 1
		switch {
		case c >= 0x20 && c < 0x7f && c != '\\' || c == '\t':
			i++
			continue
		case c == '\\':
			if !looksEscaped(text[i:]) {
				i++
				continue
			}
		case c >= utf8.RuneSelf:
			var r rune
			if r, size = utf8.DecodeRune(text[i:]); !(r == utf8.RuneError && size == 1) && !steers(r) {
				i += size
				continue
			}
		}
		b = append(b, text[plain:i]...)
		for _, c := range text[i : i+size] {
			b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
		}
		i += size
		plain = i
	}
	return append(b, text[plain:]...)
}

// allPlain says whether eight bytes all are printable ASCII, and none is a
// backslash.
func allPlain(v uint64) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	slash := v ^ each*'\\'
	// What carries into the next byte sets the high bit in its own too: nothing
	// is taken for plain that is not.
	return (v|(v-each*0x20)|(v+each)|(slash-each))&high == 0
}

// steers says whether a terminal may take r for more than a character: C1
// controls, separators of lines, and what turns the direction of text.
func steers(r rune) bool {
	return r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 ||
		r == 0x2028 || r == 0x2029 || r == 0x200e || r == 0x200f || r == 0x061c || r == 0xfeff
}

func looksEscaped(b []byte) bool {
	return len(b) >= 4 && b[1] == 'x' && unhex(b[2]) >= 0 && unhex(b[3]) >= 0
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// unescape is the bytes that AppendSafe was given.
func unescape(b []byte) []byte {
	if bytes.IndexByte(b, '\\') < 0 {
		return bytes.Clone(b)
	}
	text := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && looksEscaped(b[i:]) {
			text = append(text, byte(unhex(b[i+2])<<4|unhex(b[i+3])))
			i += 3
			continue
		}
		text = append(text, b[i])
	}
	return text
}

var errForm = errors.New("not a line of a log")

// Parse reads the file's form of a line, with or without its newline.
func Parse(b []byte) (Line, error) {
	var l Line
	b = bytes.TrimSuffix(b, []byte{'\n'})
	when, rest, ok := bytes.Cut(b, []byte{' '})
	if !ok || len(when) != len(timeForm) {
		return l, errForm
	}
	var err error
	if l.Time, err = time.Parse(timeForm, string(when)); err != nil {
		return l, errForm
	}
	service, rest, ok := bytes.Cut(rest, []byte{' '})
	if !ok || len(service) == 0 {
		return l, errForm
	}
	stream, rest, ok := bytes.Cut(rest, []byte{' '})
	if !ok || string(stream) != "out" && string(stream) != "err" {
		return l, errForm
	}
	if len(rest) < 2 || rest[0] != 'F' && rest[0] != 'P' || rest[1] != ' ' {
		return l, errForm
	}
	l.Service, l.Stream, l.Full = string(service), string(stream), rest[0] == 'F'
	l.Text = unescape(rest[2:])
	return l, nil
}
