package nearest

import "testing"

func TestOf(t *testing.T) {
	words := []string{"raw-socket", "chroot", "sysvipc", "nice", "low", "medium", "high"}
	for _, c := range []struct{ word, want string }{
		{"chrot", "chroot"},
		{"chorot", "chroot"},
		{"raw_socket", "raw-socket"},
		{"hihg", "high"},
		{"lo", "low"},
		{"medum", "medium"},
		{"nothing-like-it", ""},
		{"", ""},
		{"x", ""},
	} {
		if got := Of(c.word, words); got != c.want {
			t.Errorf("Of(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"port", "ports", 1}, {"ab", "ba", 1}, {"kitten", "sitting", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
