package logs

import (
	"bytes"
	"time"
	"unicode/utf8"
)

// framer cuts one stream's bytes into lines.
type framer struct {
	Service, Stream string
	carry           []byte // the line that has begun, less than MaxText; stays where it is, if it has room for that
}

// Push takes bytes that were read at the time now, and calls f for each line
// they complete. The line's text is valid during the call.
func (r *framer) Push(data []byte, now time.Time, f func(*Line)) {
	l := Line{Time: now, Service: r.Service, Stream: r.Stream}
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n')
		full := end >= 0
		if !full {
			end = len(data)
		}
		text := data[:end]
		if len(r.carry) > 0 {
			// Never more than a line's worth is copied.
			take := min(len(text), MaxText-len(r.carry))
			r.carry = append(r.carry, text[:take]...)
			if take < len(text) || len(r.carry) == MaxText && !full {
				n := splitAt(r.carry)
				l.Full, l.Text = false, r.carry[:n]
				f(&l)
				r.carry = append(r.carry[:0], r.carry[n:]...)
				data = data[take:]
				continue
			}
			text = r.carry
		} else if len(text) > MaxText || len(text) == MaxText && !full {
			n := splitAt(text[:MaxText])
			l.Full, l.Text = false, text[:n]
			f(&l)
			data = data[n:]
			continue
		}
		if !full {
			if len(r.carry) == 0 {
				r.carry = append(r.carry, text...)
			}
			return
		}
		l.Full, l.Text = true, text
		f(&l)
		r.carry = r.carry[:0]
		data = data[end+1:]
	}
}

// Flush gives the line that has begun and will not be ended, if there is one.
func (r *framer) Flush(now time.Time, f func(*Line)) {
	if len(r.carry) > 0 {
		f(&Line{Time: now, Service: r.Service, Stream: r.Stream, Text: r.carry})
		r.carry = r.carry[:0]
	}
}

// splitAt is where to cut b, as far back as to spare a character in UTF-8.
func splitAt(b []byte) int {
	for back := 1; back < utf8.UTFMax && back < len(b); back++ {
		c := b[len(b)-back]
		if utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-back:]) {
				return len(b) - back
			}
			break
		}
	}
	return len(b)
}
