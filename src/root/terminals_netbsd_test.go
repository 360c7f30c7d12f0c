package root

import "testing"

// TestHostHasTerminals: the oldest ptyfs has the host's terminals.
func TestHostHasTerminals(t *testing.T) {
	host, jails := mounted{"ptyfs", "/dev/pts"}, mounted{"ptyfs", "/var/jails/jail/web/root/dev/pts"}
	root, other := mounted{"ffs", "/"}, mounted{"tmpfs", "/dev/pts"}
	for _, test := range []struct {
		all  []mounted
		want bool
	}{
		{nil, false},
		{[]mounted{root, other}, false},
		{[]mounted{root, host}, true},
		{[]mounted{root, host, jails}, true},
		{[]mounted{root, jails}, false},
		{[]mounted{root, jails, host}, false},
	} {
		if got := hostHasTerminals(test.all); got != test.want {
			t.Errorf("%v: %v, want %v", test.all, got, test.want)
		}
	}
	all, err := allMounted()
	if err != nil || len(all) == 0 || all[0].kind == "" || all[0].at != "/" {
		t.Errorf("mounted: %q, %v; want the root first", all, err)
	}
}
