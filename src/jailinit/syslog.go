package jailinit

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"jails/src/control"
)

// SyslogStream is the jail's syslog socket among the streams that the
// supervisor reads: datagrams, not bytes.
var SyslogStream = control.Stream{Service: "syslog", Name: "log"}

// syslogPaths are where programs look for syslogd: NetBSD's, and Linux's.
var syslogPaths = []string{"/var/run/log", "/dev/log"}

// syslogRoom is asked of the kernel for messages that wait. More is better, and
// what there is will do.
const syslogRoom = 128 << 10

// openSyslog takes syslogd's place at the first of paths whose directory is
// there, and links the others to it. It is called in the jail, so that whatever
// lies there is the jail's own. The supervisor reads the socket; a copy of it
// stays here, so that messages wait while there is none.
func (p *process) openSyslog(paths []string) {
	bound := ""
	for _, path := range paths {
		err := clearPath(path)
		switch {
		case err != nil:
		case bound == "":
			err = p.bindSyslog(path)
		default:
			err = unix.Symlink(bound, path)
		}
		switch {
		case err == nil && bound == "":
			bound = path
		case err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR):
			p.say("", "syslog socket "+path+": "+err.Error())
		}
	}
}

// clearPath removes what an earlier socket left, and nothing else.
func clearPath(path string) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		if err == unix.ENOENT {
			return nil
		}
		return err
	}
	if kind := st.Mode & unix.S_IFMT; kind != unix.S_IFSOCK && kind != unix.S_IFLNK {
		return errors.New("something else is there")
	}
	return unix.Unlink(path)
}

func (p *process) bindSyslog(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, syslogRoom)
	mask := unix.Umask(0o111) // for everyone to write to
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	unix.Umask(mask)
	if err != nil {
		unix.Close(fd)
		return err
	}
	p.syslog = &stream{SyslogStream, fd}
	return nil
}
