package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestTable(t *testing.T) {
	table := NewTable(">ID", "NAME", ">SIZE", "ROOT")
	table.Row("1", "web", "18 MB", "/")
	table.Row("12", "d\x1b[2Jb", "", "/é")
	table.Row("3")
	var b bytes.Buffer
	if err := table.Print(&b); err != nil {
		t.Fatal(err)
	}
	want := "ID  NAME        SIZE  ROOT\n" +
		" 1  web        18 MB  /\n" +
		"12  d\\x1b[2Jb      -  /é\n" +
		" 3  -              -  -\n"
	if b.String() != want {
		t.Errorf("got\n%s want\n%s", b.String(), want)
	}
}

type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrors(t *testing.T) {
	if err := NewTable("A").Print(full{}); !errors.Is(err, errFull) {
		t.Errorf("table: %v", err)
	}
	if err := JSON(full{}, 1); !errors.Is(err, errFull) {
		t.Errorf("JSON: %v", err)
	}
}

// What JSON holds is what was put in, and no terminal obeys any of it.
func TestSafeJSON(t *testing.T) {
	for _, in := range []string{"web é 日本 <&>", "a\u009b31m\x7fb", "\u202e\u2028\U000e0001x", "\x1b]0;x\a\n"} {
		for _, write := range []func(io.Writer, any) error{JSON, Line} {
			var b bytes.Buffer
			var got []string
			if err := write(&b, []string{in, "é"}); err != nil {
				t.Fatal(err)
			}
			if text := strings.ReplaceAll(b.String(), "\n", ""); Text(text) != text {
				t.Errorf("%q is not safe", text)
			}
			if err := json.Unmarshal(b.Bytes(), &got); err != nil || got[0] != in {
				t.Errorf("%q became %q: %v", in, got, err)
			}
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"web":         "web",
		"é 日本":        "é 日本",
		"a\nb\tc":     `a\x0ab\x09c`,
		"\x1b]0;x\a":  `\x1b]0;x\x07`,
		"\xff\xfe":    `\xff\xfe`,
		"a\u202eb":    `a\u202eb`,
		"\u009b31m":   `\u009b31m`,
		"\U000e0001x": `\U000e0001x`,
		"\x7f":        `\x7f`,
		"\ufffd":      "\ufffd",
	} {
		if got := Text(in); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("web\x1b[2J")
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' }) {
			t.Fatalf("Text(%q) = %q", s, got)
		}
		if Text(got) != got {
			t.Fatalf("Text(%q) changes again", got)
		}
	})
}

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB", 640_000: "640 kB", 999_499: "999 kB", 999_500: "1.0 MB",
		1_500_000: "1.5 MB", 240_000_000: "240 MB", 18446744073709551615: "18 EB",
	} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestCounts(t *testing.T) {
	got := strings.Join(Counts([]string{"system", "port", "fork"}, map[string]uint64{"fork": 2, "system": 7, "port": 0}), ", ")
	if got != "system 7, fork 2" {
		t.Errorf("%q", got)
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 900 * time.Millisecond: "0s", 45 * time.Second: "45s", 90 * time.Second: "1m30s", 2 * time.Minute: "2m",
		12*time.Minute + 5*time.Second: "12m", time.Hour: "1h", 2*time.Hour + 13*time.Minute: "2h13m", 76 * time.Hour: "3d4h", 48 * time.Hour: "2d",
	} {
		if got := Span(d); got != want {
			t.Errorf("Span(%s) = %q, want %q", d, got, want)
		}
	}
	if got := CPU(1234 * time.Millisecond); got != "1.23s" {
		t.Errorf("CPU: %q", got)
	}
	if got := CPU(2 * time.Hour); got != "2h" {
		t.Errorf("CPU: %q", got)
	}
	if got := Percent(0.0214); got != "2.1%" {
		t.Errorf("Percent: %q", got)
	}
}
