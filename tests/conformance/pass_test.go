package conformance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// offered is the local socket at which an actor takes descriptors.
var offered = -1

// last is the descriptor that the actor has got last of those that it holds.
func last() (int, error) {
	if len(held) == 0 {
		return -1, errors.New("nothing is held")
	}
	return held[len(held)-1], nil
}

func init() {
	// offer PATH: a local socket there, at which take waits.
	verb("offer", func(args []string) (string, error) {
		s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return "", fmt.Errorf("socket: %v", err)
		}
		offered = s
		if err := unix.Bind(s, &unix.SockaddrUnix{Name: args[0]}); err != nil {
			return "", fmt.Errorf("bind: %w", err)
		}
		return "", unix.Listen(s, 5)
	})
	// pass PATH: the descriptor that is held last, to who has offered there.
	verb("pass", func(args []string) (string, error) {
		fd, err := last()
		if err != nil {
			return "", err
		}
		s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return "", fmt.Errorf("socket: %v", err)
		}
		defer unix.Close(s)
		if err := connect(s, &unix.SockaddrUnix{Name: args[0]}); err != nil {
			return "", fmt.Errorf("connect: %w", err)
		}
		return "", unix.Sendmsg(s, []byte{0}, unix.UnixRights(fd), nil, 0)
	})
	// take: what was passed, and is held from then on.
	verb("take", func([]string) (string, error) {
		s, _, err := unix.Accept(offered)
		if err != nil {
			return "", fmt.Errorf("accept: %v", err)
		}
		defer unix.Close(s)
		return "", receive(s)
	})
	// bind-last PORT: the socket that is held last, of IPv4.
	verb("bind-last", func(args []string) (string, error) {
		port, err := numbers(args)
		if err != nil {
			return "", err
		}
		fd, err := last()
		if err != nil {
			return "", err
		}
		return "", unix.Bind(fd, &unix.SockaddrInet4{Port: port[0], Addr: [4]byte{127, 0, 0, 1}})
	})
	verb("open-udp", hold(func() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0) }))
	// open-at PATH: a directory, kept open.
	verb("open-at", func(args []string) (string, error) {
		fd, err := unix.Open(args[0], unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err == nil {
			held = append(held, fd)
		}
		return "", err
	})
}

// receive takes a descriptor from a local socket, and holds it.
func receive(s int) error {
	b, rights := make([]byte, 1), make([]byte, 256)
	_, n, _, _, err := unix.Recvmsg(s, b, rights, 0)
	if err != nil {
		return err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil {
		return fmt.Errorf("control message: %v", err)
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return fmt.Errorf("rights: %v", err)
		}
		if len(fds) > 0 {
			held = append(held, fds...)
			return nil
		}
	}
	return errors.New("no descriptor has come")
}

// handOver has one actor pass what it holds last to another, and returns how
// that went. They are in jails, or, nil, on the host; at least one is in one.
func handOver(t testing.TB, from *actor, in *jail, to *actor, at *jail) answer {
	t.Helper()
	name := fmt.Sprintf("tmp/passed%d", serial.Add(1))
	place := at
	if place == nil {
		place = in
	}
	path := func(j *jail) string {
		if j == nil {
			return filepath.Join(place.root, name)
		}
		return "/" + name
	}
	if got := to.do(t, "offer", path(at)); got.Error != "" {
		t.Fatalf("offer: %s", got.Error)
	}
	if in != nil && at != nil && in != at {
		if err := os.Link(filepath.Join(at.root, name), filepath.Join(in.root, name)); err != nil {
			t.Fatal(err)
		}
	}
	if got := from.do(t, "pass", path(in)); got.Error != "" {
		t.Fatalf("pass: %s", got.Error)
	}
	return to.do(t, "take")
}
