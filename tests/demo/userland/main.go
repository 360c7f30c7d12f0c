// Userland is the few programs that the demonstration needs in a jail where
// there is no userland to take them from: a NetBSD kernel in a virtual
// machine with nothing but our own static binaries. It looks at argv[0].
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(filepath.Base(os.Args[0]), os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
}

func run(name string, args []string) error {
	switch name {
	case "httpd": // -p PORT -h DIRECTORY
		return httpd(args)
	case "curl": // URL
		return curl(args)
	case "kill": // -SIGNAL PID
		return kill(args)
	case "sh":
		for i, a := range args {
			if a == "-c" && i+1 < len(args) {
				return sh(strings.NewReader(args[i+1]))
			}
		}
		return sh(os.Stdin)
	case "sleep":
		time.Sleep(24 * time.Hour)
		return nil
	}
	return errors.New("no such program")
}

func httpd(args []string) error {
	var port, dir string
	for i := 0; i+1 < len(args); i++ {
		switch args[i] {
		case "-p":
			port = args[i+1]
		case "-h":
			dir = args[i+1]
		}
	}
	l, err := net.Listen("tcp4", ":"+port)
	if err != nil {
		return err
	}
	fmt.Println("serving", dir, "on port", port)
	files := http.FileServer(http.Dir(dir))
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path)
		files.ServeHTTP(w, r)
	}))
}

func curl(args []string) error {
	resp, err := http.Get(args[len(args)-1])
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

func kill(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: kill -SIGNAL PID")
	}
	sig, err := strconv.Atoi(strings.TrimPrefix(args[0], "-"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.Signal(sig)); err != nil {
		return fmt.Errorf("%d: %w", pid, err)
	}
	return nil
}

// sh understands the two commands of the demonstration's script: mkdir -p
// and echo, the latter with its output sent to a file.
func sh(script io.Reader) error {
	lines := bufio.NewScanner(script)
	for lines.Scan() {
		command, file, redirected := strings.Cut(lines.Text(), " > ")
		words := strings.Fields(command)
		switch {
		case len(words) == 0:
		case len(words) == 3 && words[0] == "mkdir" && words[1] == "-p":
			if err := os.MkdirAll(words[2], 0o755); err != nil {
				return err
			}
		case words[0] == "echo" && redirected:
			text := strings.Trim(strings.TrimPrefix(command, "echo "), `'"`)
			if err := os.WriteFile(file, []byte(text+"\n"), 0o644); err != nil {
				return err
			}
		default:
			return fmt.Errorf("cannot do: %s", lines.Text())
		}
	}
	return lines.Err()
}
