package logs

import (
	"bytes"
	"strconv"
)

// Of syslog(3): a message's priority is a facility, times 8, plus a level.
var (
	facilities = [...]string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"facility12", "facility13", "facility14", "facility15", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}
	levels = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
)

const (
	userNotice = 1<<3 | 5 // of a message that does not say
	lastError  = 3        // levels up to err are standard error's
)

// eachMessage calls f with the lines of a datagram that a program has sent to
// syslogd: "daemon.err httpd[77]: text", in pieces of MaxText, the last of
// which is full. The sender's time and the host's name are left out: ours
// count. The datagram may hold anything; what is not understood stays text. An
// empty one has no line.
func eachMessage(datagram []byte, f func(stream string, text []byte, full bool)) {
	priority, text := cutPriority(bytes.TrimRight(datagram, "\x00\r\n"))
	if len(text) == 0 {
		return
	}
	if rest, ok := bytes.CutPrefix(text, []byte("1 ")); ok {
		if t, ok := newForm(rest); ok {
			text = t
		}
	} else if isOldTime(text) {
		text = text[oldTime:]
	}
	stream := "out"
	if priority&7 <= lastError {
		stream = "err"
	}
	line := make([]byte, 0, len(text)+32)
	line = append(line, facilities[priority>>3]...)
	line = append(line, '.')
	line = append(line, levels[priority&7]...)
	line = append(line, ' ')
	line = append(line, text...)
	for len(line) > MaxText {
		n := splitAt(line[:MaxText])
		f(stream, line[:n], false)
		line = line[n:]
	}
	f(stream, line, true)
}

// cutPriority takes "<N>" off. The kernel's facility is not a program's to use.
func cutPriority(b []byte) (priority int, rest []byte) {
	if len(b) == 0 || b[0] != '<' {
		return userNotice, b
	}
	digits, _, ok := bytes.Cut(b[1:min(len(b), 5)], []byte{'>'})
	n, err := strconv.ParseUint(string(digits), 10, 16)
	if !ok || err != nil || n >= uint64(len(facilities))<<3 {
		return userNotice, b
	}
	if n>>3 == 0 {
		n |= 1 << 3
	}
	return int(n), b[len(digits)+2:]
}

// oldTime is how long "Nov 23 08:51:38 " is, which stands before a message of
// RFC 3164.
const oldTime = 16

func isOldTime(b []byte) bool {
	if len(b) < oldTime {
		return false
	}
	for i, form := range []byte("Mon 00 00:00:00 ") {
		c := b[i]
		switch form {
		case '0':
			if (c < '0' || c > '9') && (i != 4 || c != ' ') {
				return false
			}
		case ' ', ':':
			if c != form {
				return false
			}
		default:
			if c|0x20 < 'a' || c|0x20 > 'z' {
				return false
			}
		}
	}
	return true
}

// newForm is "ident[pid]: text" of a message of RFC 5424, behind its version:
// time, host, program, process, name of the message, data, text. "-" is none.
func newForm(b []byte) ([]byte, bool) {
	var fields [5][]byte
	for i := range fields {
		var ok bool
		if fields[i], b, ok = bytes.Cut(b, []byte{' '}); !ok || len(fields[i]) == 0 {
			return nil, false
		}
	}
	data, text, ok := cutData(b)
	if !ok {
		return nil, false
	}
	var line []byte
	none := func(field []byte) bool { return string(field) == "-" }
	if program, process := fields[2], fields[3]; !none(program) {
		line = append(line, program...)
		if !none(process) {
			line = append(append(append(line, '['), process...), ']')
		}
		line = append(line, ':', ' ')
	}
	for _, more := range [][]byte{fields[4], data} {
		if !none(more) {
			line = append(append(line, more...), ' ')
		}
	}
	return append(line, bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))...), true
}

// cutData takes structured data off: "-", or [name key="value" …] once or
// more, in whose values \ stands before ", \ and ].
func cutData(b []byte) (data, text []byte, ok bool) {
	end := 0
	if len(b) > 0 && b[0] == '-' {
		end = 1
	}
	for end < len(b) && b[end] == '[' {
		quoted := false
		for ; end < len(b) && (quoted || b[end] != ']'); end++ {
			switch {
			case b[end] == '"':
				quoted = !quoted
			case quoted && b[end] == '\\':
				end++
			}
		}
		if end >= len(b) {
			return nil, nil, false
		}
		end++
	}
	switch {
	case end == 0:
		return nil, nil, false
	case end == len(b):
		return b, nil, true
	case b[end] != ' ':
		return nil, nil, false
	}
	return b[:end], b[end+1:], true
}
