package jailinit

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"jails/src/account"
)

// searchPath is PATH for services that are not given another.
const searchPath = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/pkg/sbin:/usr/pkg/bin:/usr/local/sbin:/usr/local/bin"

// system is what jail-init does to others than itself.
type system interface {
	// start starts a command as the service would run, with more in its
	// environment.
	start(s *Service, command []string, more map[string]string, files []uintptr) (pid int, err error)
	kill(pid int, s unix.Signal) error
	// connect begins to connect to an address. Where it does not end at once
	// there is a descriptor too: when that is writable, connected says how it
	// ended.
	connect(addr string) (fd int, now bool, err error)
	connected(fd int) error
	// log writes a line to its own log, and never waits.
	log(line string) error
}

// host is the real one.
type host struct {
	regroup bool // services get their supplementary groups
	limits  *limits
}

func (host) kill(pid int, s unix.Signal) error { return unix.Kill(pid, s) }

func (host) log(line string) error {
	_, err := unix.Write(2, []byte(line))
	return err
}

func (host) connect(addr string) (fd int, now bool, err error) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return -1, true, err
	}
	var sa unix.Sockaddr
	domain := unix.AF_INET
	if a := ap.Addr().Unmap(); a.Is4() {
		sa = &unix.SockaddrInet4{Port: int(ap.Port()), Addr: a.As4()}
	} else {
		domain, sa = unix.AF_INET6, &unix.SockaddrInet6{Port: int(ap.Port()), Addr: a.As16()}
	}
	fd, err = unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, true, err
	}
	err = unix.Connect(fd, sa)
	if err == unix.EINPROGRESS || err == unix.EINTR {
		return fd, false, nil
	}
	return fd, true, err
}

func (host) connected(fd int) error {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && n != 0 {
		err = unix.Errno(n)
	}
	return err
}

// start starts a command as the service would run: its user, directory,
// environment, to which more is added, umask and limits.
func (h host) start(s *Service, command []string, more map[string]string, files []uintptr) (int, error) {
	// Looked up for each start: the jail's own files may have changed.
	id, err := account.Find(s.User, s.Group)
	if err != nil {
		return 0, err
	}
	env, path := environment(s, id, more)
	file, err := lookPath(command[0], path)
	if err != nil {
		return 0, err
	}
	directory := s.Directory
	if directory == "" {
		directory = "/"
	}
	var st unix.Stat_t
	if err := unix.Stat(directory, &st); err != nil {
		return 0, fmt.Errorf("directory %s: %w", directory, err)
	} else if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return 0, fmt.Errorf("directory %s: %w", directory, unix.ENOTDIR)
	}
	unix.Umask(s.Umask)
	defer unix.Umask(0o022)
	pid, err := execute(&program{
		file: file, args: command, env: env, directory: directory, id: id, regroup: h.regroup,
		files: files, limits: h.limits.of(s),
	})
	if err != nil {
		return 0, fmt.Errorf("start %s as %s: %w", file, id.Name, err)
	}
	return pid, nil
}

// environment is all that a service sees of any environment.
func environment(s *Service, id account.Identity, more map[string]string) (env []string, path string) {
	path = searchPath
	vars := map[string]string{
		"HOME": id.Home, "LOGNAME": id.Name, "USER": id.Name, "SHELL": id.Shell, "PATH": path,
	}
	maps.Copy(vars, s.Environment)
	maps.Copy(vars, more)
	for k, v := range vars {
		env = append(env, k+"="+v)
	}
	sort.Strings(env)
	return env, vars["PATH"]
}

// lookPath finds a command as a shell would, without its surprise of the
// current directory.
func lookPath(name, path string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	found := error(unix.ENOENT)
	for dir := range strings.SplitSeq(path, ":") {
		if !strings.HasPrefix(dir, "/") {
			continue
		}
		file := dir + "/" + name
		var st unix.Stat_t
		err := unix.Stat(file, &st)
		switch {
		case err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&0o111 != 0:
			return file, nil
		case err == nil:
			found = unix.EACCES
		case !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR):
			found = err
		}
	}
	return "", fmt.Errorf("command %s: %w in %s", name, found, path)
}
