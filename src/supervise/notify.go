package supervise

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// notice is what a new supervisor tells the one who started it, line by line
// through a pipe: "adopted" if it has taken on a jail that ran, "progress TEXT"
// as often as it likes, then one of "ready", "failed TEXT" (a service did; the
// jail runs) and "error CODE TEXT" (the supervisor ends).
//
// Whoever started it may be stopped and not read: the supervisor never waits
// for that, unless it is to end anyway.
type notice struct{ fd int } // -1 when there is nobody, or it has been told

// maxNotice is what a pipe takes whole or not at all, on each system.
const maxNotice = 512

func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") + "\n" }

// progress is left out while the pipe is full.
func (n *notice) progress(text string) {
	const verb = "progress "
	n.tell(verb + oneLine(text[:min(len(text), maxNotice/2-len(verb))])) // at most doubled
}

// begun is the first line: what was asked for goes on without who asked, too.
func (n *notice) begun() { n.tell("begun\n") }

// adopted is the second line, which the pipe still takes.
func (n *notice) adopted() { n.tell("adopted\n") }

func (n *notice) tell(line string) {
	if n.fd < 0 || unix.SetNonblock(n.fd, true) != nil {
		return
	}
	if _, err := unix.Write(n.fd, []byte(line)); err != nil && err != unix.EAGAIN && err != unix.EINTR {
		n.close() // whoever waited has gone
	}
}

func (n *notice) ready()             { n.last("ready") }
func (n *notice) failed(text string) { n.last("failed " + text) }

func (n *notice) fail(code int, text string) {
	<-n.last("error " + strconv.Itoa(code) + " " + text)
}

// last tells the end of it, and gives a channel that is closed once it is
// told.
func (n *notice) last(text string) <-chan struct{} {
	told := make(chan struct{})
	fd := n.fd
	n.fd = -1
	if fd < 0 {
		close(told)
		return told
	}
	go func() {
		defer close(told)
		defer unix.Close(fd)
		err := unix.SetNonblock(fd, false)
		for b := []byte(oneLine(text)); err == nil && len(b) > 0; {
			var m int
			if m, err = unix.Write(fd, b); m > 0 {
				b = b[m:]
			}
			if err == unix.EINTR {
				err = nil
			}
		}
	}()
	return told
}

// abandoned says whether the one who started it does not wait any more.
func (n *notice) abandoned() bool {
	if n.fd < 0 {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(n.fd), Events: unix.POLLOUT}}
	for {
		if _, err := unix.Poll(fds, 0); err != unix.EINTR {
			return err == nil && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
		}
	}
}

func (n *notice) close() {
	if n.fd >= 0 {
		unix.Close(n.fd)
		n.fd = -1
	}
}
