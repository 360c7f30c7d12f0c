package supervise

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// notice is what a new supervisor tells the one who started it, line by line
// through a pipe: "progress TEXT" as often as it likes, then one of "ready",
// "failed TEXT" (a service did; the jail runs) and "error CODE TEXT" (the
// supervisor ends).
type notice struct{ fd int } // -1 when there is nobody, or it has been told

func (n *notice) write(line string) {
	if n.fd < 0 {
		return
	}
	line = strings.ReplaceAll(line, "\n", "; ") + "\n"
	for b := []byte(line); len(b) > 0; {
		m, err := unix.Write(n.fd, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil { // whoever waited has gone, or does not read
			n.close()
			return
		}
		b = b[m:]
	}
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

func (n *notice) progress(text string) { n.write("progress " + text) }

func (n *notice) ready() {
	n.write("ready")
	n.close()
}

func (n *notice) failed(text string) {
	n.write("failed " + text)
	n.close()
}

func (n *notice) fail(code int, text string) {
	n.write("error " + strconv.Itoa(code) + " " + text)
	n.close()
}

func (n *notice) close() {
	if n.fd >= 0 {
		unix.Close(n.fd)
		n.fd = -1
	}
}
