package secmodel

import (
	"strings"
	"testing"
)

func TestParsePorts(t *testing.T) {
	for s, want := range map[string]PortRange{
		"8080":          {AnyProtocol, 8080, 8080},
		"8080/tcp":      {TCP, 8080, 8080},
		"53/udp":        {UDP, 53, 53},
		"8000-8099/any": {AnyProtocol, 8000, 8099},
		"1-65535":       {AnyProtocol, 1, 65535},
		"443-443/tcp":   {TCP, 443, 443},
	} {
		if got, err := ParsePorts(s); err != nil || got != want {
			t.Errorf("ParsePorts(%q) = %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "0", "65536", "080", "-1", "+80", "80-", "-80", "90-80", "80/", "80/sctp", "80/TCP", "80 ", "http", "80,81", "1-2-3", "99999999999999999999"} {
		if got, err := ParsePorts(s); err == nil {
			t.Errorf("ParsePorts(%q) = %v", s, got)
		} else if !strings.Contains(err.Error(), "bad port") {
			t.Errorf("ParsePorts(%q): %v", s, err)
		}
	}
}

func FuzzParsePorts(f *testing.F) {
	f.Add("8000-8099/any")
	f.Add("53/udp")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePorts(s)
		if err != nil {
			return
		}
		if p.First == 0 || p.First > p.Last {
			t.Fatalf("ParsePorts(%q) = %+v", s, p)
		}
		if again, err := ParsePorts(p.String()); err != nil || again != p {
			t.Fatalf("%q is written %q, read as %v, %v", s, p, again, err)
		}
	})
}

func TestParseLevel(t *testing.T) {
	for i, s := range []string{"low", "medium", "high"} {
		if l, err := ParseLevel(s); err != nil || l != Level(i) || l.String() != s {
			t.Errorf("ParseLevel(%q) = %v, %v", s, l, err)
		}
	}
	for s, says := range map[string]string{"hihg": `did you mean "high"`, "": "low, medium or high", "High": `"high"`, "0": "low, medium or high"} {
		if _, err := ParseLevel(s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("ParseLevel(%q): %v", s, err)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, s := range []string{"a", "web", "web-1", "a.b_c", "a" + strings.Repeat("b", 62)} {
		if err := CheckName(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"", "1", "10", "0x10", "-a", "_a", ".", ".a", "..", "../x", "a/b", "a b", "a\n", "a;reboot", "$(x)", "Web", "a\x00", "é", "a" + strings.Repeat("b", 63)} {
		if err := CheckName(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}
