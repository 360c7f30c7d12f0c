package logs

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Syslog sends lines to the host's syslogd as RFC 5424 has it, and never
// waits: a line that syslogd does not take at once is counted as dropped.
type Syslog struct {
	Out, Err int    // facility and level, as syslog(3) puts them into one number
	Tag      string // APP-NAME

	Dropped uint64

	paths    []string
	host     string
	fd       int // 0 while there is none
	retry    time.Time
	buf      []byte
	maxBytes int
}

// syslogPaths are where syslogd listens, NetBSD's first.
var syslogPaths = [...]string{"/var/run/log", "/dev/log"}

// retryAfter is how long a syslogd that is gone is left alone.
const retryAfter = time.Second

// NewSyslog makes a sender; the first line connects it.
func NewSyslog(out, err int, tag string) *Syslog {
	host, hostErr := os.Hostname()
	if hostErr != nil || host == "" || strings.ContainsAny(host, " \t\n") {
		host = "-"
	}
	return &Syslog{Out: out, Err: err, Tag: tag, paths: syslogPaths[:], host: host, maxBytes: 8192}
}

// Send sends one line, or counts it.
func (s *Syslog) Send(l *Line) {
	if !s.connect(l.Time) {
		s.Dropped++
		return
	}
	priority := s.Out
	if l.Stream == "err" {
		priority = s.Err
	}
	b := append(s.buf[:0], '<')
	b = fmt.Appendf(b, "%d>1 ", priority)
	b = appendTime(b, l.Time)
	b = fmt.Appendf(b, " %s %s - %s.%s - ", s.host, s.Tag, l.Service, l.Stream)
	b = AppendSafe(b, l.Text)
	if !l.Full {
		b = append(b, " …"...)
	}
	b = b[:min(len(b), s.maxBytes)]
	s.buf = b
	for {
		_, err := unix.SendmsgN(s.fd, b, nil, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
		switch err {
		case nil:
			return
		case unix.EINTR:
			continue
		case unix.EMSGSIZE:
			if len(b) > 1024 {
				b = b[:len(b)/2]
				s.maxBytes = len(b)
				continue
			}
		case unix.EAGAIN, unix.ENOBUFS: // it is slow, not gone
		default:
			s.Close()
			s.retry = l.Time.Add(retryAfter)
		}
		s.Dropped++
		return
	}
}

func (s *Syslog) connect(now time.Time) bool {
	if s.fd != 0 {
		return true
	}
	if wait := s.retry.Sub(now); wait > 0 && wait <= retryAfter {
		return false
	}
	for _, path := range s.paths {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			break
		}
		if unix.Connect(fd, &unix.SockaddrUnix{Name: path}) == nil {
			s.fd = fd
			return true
		}
		unix.Close(fd)
	}
	s.retry = now.Add(retryAfter)
	return false
}

// Close ends the connection; the next line connects again.
func (s *Syslog) Close() {
	if s.fd != 0 {
		unix.Close(s.fd)
		s.fd = 0
	}
	s.buf = nil
}
