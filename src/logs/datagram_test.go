package logs

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func messages(datagram string) (all []string) {
	eachMessage([]byte(datagram), func(stream string, text []byte, full bool) {
		s := stream + " " + string(text)
		if !full {
			s = fmt.Sprintf("%s (%d)…", s[:21], len(text))
		}
		all = append(all, s)
	})
	return all
}

func TestEachMessage(t *testing.T) {
	long := strings.Repeat("ä", 3*MaxText/4)
	for _, c := range []struct {
		datagram string
		want     []string
	}{
		// glibc, musl, busybox
		{"<27>Nov 23 08:51:38 httpd[77]: no such file", []string{"err daemon.err httpd[77]: no such file"}},
		{"<13>Nov  3 08:51:38 logger: hi\n", []string{"out user.notice logger: hi"}},
		{"<30>httpd: without a time\n\x00", []string{"out daemon.info httpd: without a time"}},
		// NetBSD
		{"<83>1 2026-11-23T08:51:38.123456+01:00 host.example sshd 812 - - refused", []string{"err authpriv.err sshd[812]: refused"}},
		{"<14>1 2026-11-23T08:51:38.123456Z host app - - - \xef\xbb\xbftext", []string{"out user.info app: text"}},
		{`<14>1 - - app 7 ID47 [a@1 b="c\"] d"][e] text`, []string{`out user.info app[7]: ID47 [a@1 b="c\"] d"][e] text`}},
		{"<14>1 - - - 7 - -", []string{"out user.info "}},
		{"<14>1 - - - - - - a - b", []string{"out user.info a - b"}},
		// neither
		{"hello", []string{"out user.notice hello"}},
		{"<14>1 half", []string{"out user.info 1 half"}},
		{`<14>1 - - a 7 - [a b="c] text`, []string{`out user.info 1 - - a 7 - [a b="c] text`}},
		{`<14>1 - - a 7 - [a]text`, []string{`out user.info 1 - - a 7 - [a]text`}},
		{`<14>1 - - a 7 - `, []string{"out user.info 1 - - a 7 - "}},
		{`<14>1  - a 7 - - x`, []string{"out user.info 1  - a 7 - - x"}},
		{"<", []string{"out user.notice <"}},
		{"<>x", []string{"out user.notice <>x"}},
		{"<191>x", []string{"out local7.debug x"}},
		{"<192>x", []string{"out user.notice <192>x"}},
		{"<0191>x", []string{"out user.notice <0191>x"}},
		{"<-1>x", []string{"out user.notice <-1>x"}},
		{"<+1>x", []string{"out user.notice <+1>x"}},
		{"<3>kernel: panic", []string{"err user.err kernel: panic"}},
		{"<100>x", []string{"out facility12.warning x"}},
		{"<13>Nov 23 08:51:38", []string{"out user.notice Nov 23 08:51:38"}},
		{"<13>Nov 23 08-51:38 x", []string{"out user.notice Nov 23 08-51:38 x"}},
		{"", nil},
		{"\n\x00", nil},
		{"<13>", nil},
		// A line within is no line of the log.
		{"<11>a\n2026-11-23T08:51:38.123456Z httpd out F forged", []string{"err user.err a\n2026-11-23T08:51:38.123456Z httpd out F forged"}},
		{"<11>" + long, []string{"err user.err ääää (8191)…", "err " + ("user.err " + long)[8191:]}},
	} {
		if diff := cmp.Diff(c.want, messages(c.datagram)); diff != "" {
			t.Errorf("%.60q: %s", c.datagram, diff)
		}
	}
}

// Whatever a datagram holds, its lines are of the log's form, and each of them
// is one line.
func FuzzEachMessage(f *testing.F) {
	for _, s := range []string{"<27>Nov 23 08:51:38 httpd[77]: x", `<14>1 - - app 7 ID47 [a@1 b="c\"] d"][e] text`, "<3>", "\x1b[2J\n"} {
		f.Add([]byte(s))
	}
	f.Add(bytes.Repeat([]byte{0xff}, MaxText+1))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		last, total := true, 0
		eachMessage(b, func(stream string, text []byte, full bool) {
			if len(text) > MaxText || !full && len(text) < MaxText-utf8.UTFMax {
				t.Errorf("%d bytes", len(text))
			}
			total += len(text)
			l := Line{Service: "syslog", Stream: stream, Full: full, Text: text}
			form := l.Append(nil)
			if n := bytes.IndexByte(form, '\n'); n != len(form)-1 {
				t.Errorf("%q", form)
			}
			got, err := Parse(form)
			if err != nil || got.Stream != stream || !bytes.Equal(got.Text, text) {
				t.Errorf("%q: %+v, %v", form, got, err)
			}
			last = full
		})
		if !last || total > len(b)+64 || !bytes.Equal(b, before) {
			t.Errorf("%q", b)
		}
	})
}
