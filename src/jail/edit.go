package jail

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// SetKey gives a key of a definition's first, nameless table the value, TOML
// as written, and leaves every other byte of the text as it is: comments,
// order, alignment. A key that is not there is added after the last one of
// that table. The result is not validated: Decode it.
func SetKey(file string, text []byte, key, value string) ([]byte, error) {
	var raw rawDefinition
	d := parse(file, text, &raw)
	if inv := d.invalid(); inv != nil {
		return nil, inv
	}
	if at, ok := d.at[key]; ok {
		i := bytes.IndexByte(text[at.start:at.end], '=') // no key of ours is quoted
		if i < 0 {
			return nil, fmt.Errorf("%s: no \"=\" after %s", file, key)
		}
		from := at.start + i + 1
		for from < at.end && (text[from] == ' ' || text[from] == '\t') {
			from++
		}
		return splice(text, from, at.end, value), nil
	}
	end := 0
	for path, at := range d.at {
		if !strings.ContainsAny(path, ".[") && at.end > end && text[at.start] != '[' && bytes.ContainsRune(text[at.start:at.end], '=') {
			end = at.end
		}
	}
	line := key + " = " + value + "\n"
	if end == 0 {
		return splice(text, 0, 0, line), nil
	}
	if i := bytes.IndexByte(text[end:], '\n'); i >= 0 {
		return splice(text, end+i+1, end+i+1, line), nil
	}
	return splice(text, len(text), len(text), "\n"+line), nil
}

func splice(text []byte, from, to int, with string) []byte {
	out := make([]byte, 0, len(text)+len(with))
	out = append(out, text[:from]...)
	out = append(out, with...)
	return append(out, text[to:]...)
}

// Quote is a string as TOML writes it.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\n':
			b.WriteString(`\n`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// QuoteList is a list of strings as TOML writes it.
func QuoteList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// Text is a new definition's file: what differs from the defaults, with a
// word on what is worth knowing.
func (d *Definition) Text() []byte {
	var b bytes.Buffer
	line := func(key, value, comment string) {
		l := fmt.Sprintf("%-9s = %s", key, value)
		if comment != "" {
			l = fmt.Sprintf("%-31s # %s", l, comment)
		}
		b.WriteString(l + "\n")
	}
	if d.Root != "" {
		line("root", Quote(d.Root), "")
	}
	if d.Base != "" {
		line("base", Quote(d.Base), "")
	}
	line("level", Quote(d.Level), "low, medium, high (the default)")
	line("allow", QuoteList(d.Allow), "words beyond the level: jailctl policy")
	if len(d.Deny) > 0 {
		line("deny", QuoteList(d.Deny), "words taken away from it")
	}
	line("ports", QuoteList(d.Ports), `nobody else can bind these; "8000-8099/any" is a range`)
	line("strict", strconv.FormatBool(d.Strict), "true: the jail may bind nothing else")
	if d.Observe {
		line("observe", "true", "what is denied above the floor is recorded, and passes")
	}
	line("processes", strconv.FormatUint(uint64(d.Processes), 10), "at most; 0 for no cap")
	line("autostart", strconv.FormatBool(d.Autostart), "")
	for _, s := range d.Services {
		b.WriteString("\n[[service]]\n")
		line("name", Quote(s.Name), "")
		line("command", QuoteList(s.Command), "")
	}
	if s := d.Log.Syslog; s != nil {
		b.WriteString("\n[log]\n")
		var parts []string
		for _, kv := range [][2]string{{"facility", s.Facility}, {"out", s.Out}, {"err", s.Err}, {"tag", s.Tag}} {
			if kv[1] != "" {
				parts = append(parts, kv[0]+" = "+Quote(kv[1]))
			}
		}
		line("syslog", "{ "+strings.Join(parts, ", ")+" }", "")
	}
	return b.Bytes()
}
