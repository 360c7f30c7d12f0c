package supervise

import (
	"os"
	"path/filepath"
	"testing"
)

// A file of the command's name is executed only if it is this same program.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	self := filepath.Join(dir, "jails")
	other := filepath.Join(dir, "other")
	for _, path := range []string{self, other} {
		if err := os.WriteFile(path, nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(dir, "jail-init")
	for _, c := range []struct {
		name string
		make func() error
		want string
	}{
		{"none", func() error { return nil }, self},
		{"symbolic", func() error { return os.Symlink("jails", link) }, link},
		{"hard", func() error { return os.Link(self, link) }, link},
		{"dangling", func() error { return os.Symlink("nothing", link) }, self},
		{"to another", func() error { return os.Symlink(other, link) }, self},
		{"another file", func() error { return os.WriteFile(link, nil, 0o700) }, self},
	} {
		if err := c.make(); err != nil {
			t.Fatal(err)
		}
		if got := beside(self, "jail-init"); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
		os.Remove(link)
	}
}
