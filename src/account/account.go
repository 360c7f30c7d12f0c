// Package account finds users and groups in the /etc/passwd and /etc/group of
// the current root directory. Inside a jail those files are the jail's to
// write, so they are read with care: regular files only, up to a bound,
// nothing allocated by what they say, and bad lines passed over.
package account

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	maxFile   = 4 << 20
	maxGroups = 16 // supplementary ones: NetBSD's NGROUPS_MAX
)

// Identity is whom a process runs as.
type Identity struct {
	Name     string
	UID, GID uint32
	Groups   []uint32 // supplementary, without GID
	Home     string   // absolute
	Shell    string   // absolute
}

// Find looks up a user, by name or number, and a group, "" being the user's
// own. A user who has no entry is found by number only, and root always.
func Find(user, group string) (Identity, error) {
	passwd, err := readFile("/etc/passwd")
	if err != nil && err != unix.ENOENT {
		return Identity{}, fmt.Errorf("/etc/passwd: %w", err)
	}
	groups, err := readFile("/etc/group")
	if err != nil && err != unix.ENOENT {
		return Identity{}, fmt.Errorf("/etc/group: %w", err)
	}
	return find(user, group, passwd, groups)
}

// Name is the name of the user with that number, or "".
func Name(uid uint32) string {
	passwd, err := readFile("/etc/passwd")
	if err != nil {
		return ""
	}
	name := ""
	lines(passwd, func(f [][]byte) bool {
		if len(f) < 7 || !printable(f[0]) {
			return true
		}
		if n, err := number(string(f[2])); err == nil && n == uid {
			name = string(f[0])
		}
		return name == ""
	})
	return name
}

func find(user, group string, passwd, groups []byte) (Identity, error) {
	if user == "" {
		user = "root"
	}
	id, ok := findUser(user, passwd)
	if !ok {
		n, err := number(user)
		switch {
		case user == "root":
			id = Identity{Name: "root", Home: "/root", Shell: "/bin/sh"}
		case err == nil:
			id = Identity{Name: user, UID: n, GID: n, Home: "/", Shell: "/bin/sh"}
		default:
			return id, fmt.Errorf("no user %q in the jail's /etc/passwd", user)
		}
	}
	if group != "" {
		gid, ok := findGroup(group, groups)
		if !ok {
			n, err := number(group)
			if err != nil {
				return id, fmt.Errorf("no group %q in the jail's /etc/group", group)
			}
			gid = n
		}
		id.GID = gid
	}
	id.Groups = memberships(id.Name, id.GID, groups)
	return id, nil
}

// findUser takes the first line that fits, as getpwnam(3) does. A number is
// tried as a name first.
func findUser(user string, passwd []byte) (Identity, bool) {
	n, err := number(user)
	byNumber := err == nil
	var found Identity
	ok := false
	lines(passwd, func(f [][]byte) bool {
		if len(f) < 7 || !printable(f[0]) {
			return true
		}
		uid, err1 := number(string(f[2]))
		gid, err2 := number(string(f[3]))
		if err1 != nil || err2 != nil {
			return true
		}
		exact := string(f[0]) == user
		if !exact && (ok || !byNumber || uid != n) {
			return true
		}
		found = Identity{Name: string(f[0]), UID: uid, GID: gid, Home: absolute(f[5], "/"), Shell: absolute(f[6], "/bin/sh")}
		ok = true
		return !exact
	})
	return found, ok
}

func findGroup(group string, groups []byte) (gid uint32, ok bool) {
	lines(groups, func(f [][]byte) bool {
		if len(f) >= 3 && string(f[0]) == group {
			n, err := number(string(f[2]))
			gid, ok = n, err == nil
		}
		return !ok
	})
	return gid, ok
}

func memberships(user string, own uint32, groups []byte) []uint32 {
	var all []uint32
	lines(groups, func(f [][]byte) bool {
		if len(f) < 4 {
			return true
		}
		gid, err := number(string(f[2]))
		if err != nil || gid == own {
			return true
		}
		for members := f[3]; len(members) > 0; {
			var m []byte
			m, members, _ = bytes.Cut(members, []byte{','})
			if string(m) == user {
				all = append(all, gid)
				break
			}
		}
		return len(all) < maxGroups
	})
	return all
}

// lines calls f with the fields of each line until it says no.
func lines(data []byte, f func(fields [][]byte) bool) {
	var fields [10][]byte
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte{'\n'})
		if len(line) == 0 || line[0] == '#' || bytes.IndexByte(line, 0) >= 0 {
			continue
		}
		n := 0
		for more := true; more && n < len(fields); n++ {
			fields[n], line, more = bytes.Cut(line, []byte{':'})
		}
		if !f(fields[:n]) {
			return
		}
	}
}

// printable says whether a name can stand in a message: the host's terminal
// shows it.
func printable(name []byte) bool {
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(name) > 0
}

// number is an id in decimal; the largest value means "unchanged" to the
// kernel, so no one has it.
func number(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err == nil && (n == 1<<32-1 || s[0] == '+') {
		return 0, strconv.ErrRange
	}
	return uint32(n), err
}

func absolute(b []byte, otherwise string) string {
	if s := string(b); strings.HasPrefix(s, "/") {
		return s
	}
	return otherwise
}

// readFile uses no os.File: that would set up Go's own poller, which
// jail-init does without.
func readFile(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("not a regular file")
	}
	if st.Size > maxFile {
		return nil, fmt.Errorf("%d bytes are too many", st.Size)
	}
	data := make([]byte, st.Size)
	n := 0
	for n < len(data) {
		m, err := unix.Read(fd, data[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		if m == 0 {
			break
		}
		n += m
	}
	return data[:n], nil
}
