package account

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const passwd = `# a comment
root:x:0:0:root:/root:/bin/sh
bad line
_httpd:*:24:24:& web:/var/www:/sbin/nologin
huge:*:4294967295:1::/:
neg:*:-1:1::/:
plus:*:+5:1::/:
short:*:7:7
1000:*:5:6::relative:
dup:*:30:30:first:/a:/b
dup:*:31:31:second:/a:/b
nul` + "\x00" + `:*:32:32::/:
` + "\x1b[2J" + `:*:33:33::/:
:*:34:34::/:
`

const group = `wheel:*:0:root,_httpd
_httpd:*:24:
mail:*:25:_httpd,root
_httpdx:*:26:_httpdx
staff:*:20:_httpd
broken:*:x:_httpd
`

func TestFind(t *testing.T) {
	for _, c := range []struct {
		user, group string
		want        Identity
		err         string
	}{
		{"", "", Identity{"root", 0, 0, []uint32{25}, "/root", "/bin/sh"}, ""},
		{"_httpd", "", Identity{"_httpd", 24, 24, []uint32{0, 25, 20}, "/var/www", "/sbin/nologin"}, ""},
		{"_httpd", "staff", Identity{"_httpd", 24, 20, []uint32{0, 25}, "/var/www", "/sbin/nologin"}, ""},
		{"24", "77", Identity{"_httpd", 24, 77, []uint32{0, 25, 20}, "/var/www", "/sbin/nologin"}, ""},
		{"99", "", Identity{"99", 99, 99, nil, "/", "/bin/sh"}, ""},
		{"1000", "", Identity{"1000", 5, 6, nil, "/", "/bin/sh"}, ""},
		{"dup", "", Identity{"dup", 30, 30, nil, "/a", "/b"}, ""},
		{"33", "", Identity{"33", 33, 33, nil, "/", "/bin/sh"}, ""}, // its name would steer a terminal
		{"34", "", Identity{"34", 34, 34, nil, "/", "/bin/sh"}, ""},
		{"huge", "", Identity{}, `no user "huge"`},
		{"neg", "", Identity{}, `no user "neg"`},
		{"plus", "", Identity{}, `no user "plus"`},
		{"short", "", Identity{}, `no user "short"`},
		{"nul", "", Identity{}, `no user "nul"`},
		{"4294967295", "", Identity{}, "no user"},
		{"root", "none", Identity{}, `no group "none"`},
		{"root", "broken", Identity{}, `no group "broken"`},
	} {
		got, err := find(c.user, c.group, []byte(passwd), []byte(group))
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s:%s: %v", c.user, c.group, err)
			}
			continue
		}
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%s:%s: %v %s", c.user, c.group, err, d)
		}
	}
	if id, err := find("root", "", nil, nil); err != nil || id.UID != 0 {
		t.Errorf("root without files: %+v %v", id, err)
	}
}

func FuzzFind(f *testing.F) {
	f.Add("_httpd", "staff", []byte(passwd), []byte(group))
	f.Fuzz(func(t *testing.T, user, g string, passwd, group []byte) {
		id, err := find(user, g, passwd, group)
		if err == nil && (!strings.HasPrefix(id.Home, "/") || len(id.Groups) > maxGroups || id.UID == 1<<32-1) {
			t.Fatalf("%+v", id)
		}
	})
}
