package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

const protocolSCTP = 132

// held are the descriptors that an actor keeps open.
var held []int

// numbers takes words for numbers.
func numbers(args []string) ([]int, error) {
	out := make([]int, len(args))
	for i, a := range args {
		var err error
		if out[i], err = strconv.Atoi(a); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func init() {
	// open-directory, open-null …: what may, or may not, be brought along.
	verb("open-directory", hold(func() (int, error) { return unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0) }))
	verb("open-null", hold(func() (int, error) { return unix.Open("/dev/null", unix.O_RDWR, 0) }))
	verb("open-file", hold(func() (int, error) {
		path, err := os.Executable()
		if err != nil {
			return 0, err
		}
		return unix.Open(path, unix.O_RDONLY, 0)
	}))
	// open-device: one that jails may not have.
	verb("open-device", hold(func() (fd int, err error) {
		for _, d := range devices {
			if d.listed {
				continue
			}
			if fd, err = unix.Open("/dev/"+d.name, unix.O_RDONLY|unix.O_NONBLOCK, 0); err == nil {
				return fd, nil
			}
		}
		return fd, err
	}))
	verb("open-raw", hold(func() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP) }))
	verb("open-raw6", hold(func() (int, error) { return unix.Socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6) }))
	verb("open-tcp", hold(func() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0) }))
	verb("open-local", hold(func() (int, error) { return unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0) }))
	// close-on-exec, move-up: what is held last.
	verb("close-on-exec", func([]string) (string, error) {
		fd, err := last()
		if err == nil {
			unix.CloseOnExec(fd)
		}
		return "", err
	})
	verb("move-up", func([]string) (string, error) {
		fd, err := last()
		if err != nil {
			return "", err
		}
		up, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, 100)
		if err != nil {
			return "", err
		}
		held[len(held)-1] = up
		return "", unix.Close(fd)
	})
	verb("chdir", func(args []string) (string, error) { return "", unix.Chdir(args[0]) })
	verb("become-user", func([]string) (string, error) { return "", syscall.Setuid(user) })

	verb("limit", func([]string) (string, error) {
		var r syscall.Rlimit
		err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r)
		return fmt.Sprint(r.Cur, r.Max), err
	})

	verb("enter", func(args []string) (string, error) {
		id, err := numbers(args)
		if err != nil {
			return "", err
		}
		return "", enter(secmodel.ID(id[0]), 0)
	})

	// bind PROTOCOL ADDRESS PORT [reuse|listen|listening]: the port, as
	// bound; listen has listen(2) choose it, listening listens to it.
	verb("bind", bind)
	verb("close", func([]string) (string, error) {
		var all []error
		for _, fd := range held {
			all = append(all, unix.Close(fd))
		}
		held = nil
		return "", errors.Join(all...)
	})

	verb("kill", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		return "", unix.Kill(n[0], unix.Signal(n[1]))
	})
	verb("read", func(args []string) (string, error) {
		b, err := os.ReadFile(args[0])
		return string(b), err
	})
	// same A B: whether two names are one file.
	verb("same", func(args []string) (string, error) {
		a, err := os.Stat(args[0])
		if err != nil {
			return "", err
		}
		b, err := os.Stat(args[1])
		return fmt.Sprint(err == nil && os.SameFile(a, b)), err
	})

	// spawn N: N children that sleep; how many came to be, and why not more.
	verb("spawn", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		var (
			wg    sync.WaitGroup
			mu    sync.Mutex
			pids  []string
			wrong error
		)
		for range n[0] {
			wg.Go(func() {
				pid, err := spawn("sleep")
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					wrong = err
				} else {
					pids = append(pids, strconv.Itoa(pid))
				}
			})
		}
		wg.Wait()
		return strings.Join(pids, " "), wrong
	})
	// run ROLE: a child in that role, see roles, waited for.
	verb("run", func(args []string) (string, error) {
		pid, err := spawn(args[0])
		if err != nil {
			return "", err
		}
		var ws syscall.WaitStatus
		for {
			_, err = syscall.Wait4(pid, &ws, 0, nil)
			if err != syscall.EINTR {
				return strconv.Itoa(pid), err
			}
		}
	})
	verb("reap", func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		for _, pid := range n {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil {
				return "", err
			}
			if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
				return "", err
			}
		}
		return "", nil
	})

	// What the model lets the actor read.
	verb("jails", asJSON(func(c *secmodel.Client) (any, error) { return c.Jails() }))
	verb("processes", asJSON(func(c *secmodel.Client) (any, error) { return c.Processes() }))
	verb("ports", asJSON(func(c *secmodel.Client) (any, error) { return c.Ports() }))

	verb("create", func(args []string) (string, error) {
		return "", command(func(c *secmodel.Client) error {
			_, err := c.Create("forbidden", "/", secmodel.Config{})
			return err
		})
	})
	verb("set", about(func(c *secmodel.Client, id secmodel.ID) error {
		return c.Set(id, secmodel.Change{Level: pointer(secmodel.Low)})
	}))
	verb("kill-jail", about(func(c *secmodel.Client, id secmodel.ID) error { return c.Kill(id, 0) }))
	verb("destroy", about(func(c *secmodel.Client, id secmodel.ID) error { return c.Destroy(id) }))
}

// hold opens something and keeps it.
func hold(open func() (int, error)) func([]string) (string, error) {
	return func([]string) (string, error) {
		fd, err := open()
		if err == nil {
			held = append(held, fd)
		}
		return strconv.Itoa(fd), err
	}
}

// client is the connection from before the entry, or a new one.
func client() (*secmodel.Client, error) {
	if known != nil {
		return known, nil
	}
	return secmodel.Open()
}

func command(do func(*secmodel.Client) error) error {
	c, err := client()
	if err != nil {
		return err
	}
	return do(c)
}

func about(do func(*secmodel.Client, secmodel.ID) error) func([]string) (string, error) {
	return func(args []string) (string, error) {
		n, err := numbers(args)
		if err != nil {
			return "", err
		}
		return "", command(func(c *secmodel.Client) error { return do(c, secmodel.ID(n[0])) })
	}
}

func asJSON(get func(*secmodel.Client) (any, error)) func([]string) (string, error) {
	return func([]string) (string, error) {
		var v any
		err := command(func(c *secmodel.Client) (err error) {
			v, err = get(c)
			return err
		})
		if err != nil {
			return "", err
		}
		b, err := json.Marshal(v)
		return string(b), err
	}
}

// fromJSON takes an answer of such a verb apart.
func fromJSON[T any](a answer) (T, error) {
	var v T
	if a.Error != "" {
		return v, errors.New(a.Error)
	}
	return v, json.Unmarshal([]byte(a.Value), &v)
}

// socketAddress is an address in words, with a port, and its family.
func socketAddress(words, port string) (at unix.Sockaddr, family int, err error) {
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, 0, err
	}
	switch words {
	case "127.0.0.1":
		return &unix.SockaddrInet4{Port: number, Addr: [4]byte{127, 0, 0, 1}}, unix.AF_INET, nil
	case "0.0.0.0":
		return &unix.SockaddrInet4{Port: number}, unix.AF_INET, nil
	}
	six := &unix.SockaddrInet6{Port: number}
	switch words {
	case "::":
	case "::1":
		six.Addr[15] = 1
	case "::ffff:127.0.0.1":
		copy(six.Addr[10:], []byte{0xff, 0xff, 127, 0, 0, 1})
	default:
		return nil, 0, fmt.Errorf("no address %q", words)
	}
	return six, unix.AF_INET6, nil
}

// boundTo is the port that a socket has.
func boundTo(s int) (string, error) {
	name, err := unix.Getsockname(s)
	if err != nil {
		return "", fmt.Errorf("getsockname: %v", err)
	}
	switch n := name.(type) {
	case *unix.SockaddrInet4:
		return strconv.Itoa(n.Port), nil
	case *unix.SockaddrInet6:
		return strconv.Itoa(n.Port), nil
	}
	return "", fmt.Errorf("bound to %T", name)
}

// bind binds a socket and keeps it.
func bind(args []string) (string, error) {
	at, family, err := socketAddress(args[1], args[2])
	if err != nil {
		return "", err
	}
	kind := map[string][2]int{"tcp": {unix.SOCK_STREAM, 0}, "udp": {unix.SOCK_DGRAM, 0}, "sctp": {unix.SOCK_STREAM, protocolSCTP}}[args[0]]
	s, err := unix.Socket(family, kind[0], kind[1])
	if err != nil {
		return "", fmt.Errorf("socket: %w", err)
	}
	if family == unix.AF_INET6 {
		if err := unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
			unix.Close(s)
			return "", fmt.Errorf("IPV6_V6ONLY: %v", err)
		}
	}
	for _, word := range args[3:] {
		switch word {
		case "reuse":
			err = errors.Join(unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1), unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
			if err != nil {
				unix.Close(s)
				return "", fmt.Errorf("SO_REUSE: %v", err)
			}
		}
	}
	if len(args) > 3 && args[3] == "listen" {
		err = unix.Listen(s, 1) // chooses a port
	} else {
		err = unix.Bind(s, at)
	}
	if err == nil && kind[0] == unix.SOCK_STREAM && len(args) > 3 && args[3] == "listening" {
		err = unix.Listen(s, 1)
	}
	if err != nil {
		unix.Close(s)
		return "", err
	}
	held = append(held, s)
	return boundTo(s)
}
