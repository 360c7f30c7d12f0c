//go:build linux

// Package software runs real servers, as Debian packages them, in jails at
// the high level, under load.
package software

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"jails/tests/host"
)

func TestMain(m *testing.M) { host.Main(m) }

func TestNginxUnderWrk(t *testing.T) {
	nginx, wrk := program(t, "nginx", "nginx-light"), program(t, "wrk", "wrk")
	h := host.New(t)
	root, port := rootWith(t, h, "root", nginx), host.FreePort(t)
	for _, dir := range []string{"var/log/nginx", "var/lib/nginx", "run", "www"} {
		mkdir(t, filepath.Join(root, dir))
	}
	write(t, filepath.Join(root, "www/index.html"), "<html>Hello NetBSD!</html>\n")
	write(t, filepath.Join(root, "nginx.conf"), fmt.Sprintf(`user root root;
worker_processes 2;
pid /run/nginx.pid;
error_log stderr info;
events {}
http {
	access_log off;
	server { listen 127.0.0.1:%d; root /www; }
}
`, port))
	start(t, h, "nginx", root, port, `"`+nginx+`", "-g", "daemon off;", "-e", "stderr", "-c", "/nginx.conf"`)

	out := h.Run(t, wrk, "-t1", "-c16", "-d2s", fmt.Sprintf("http://127.0.0.1:%d/", port))
	t.Log(out)
	if strings.Contains(out, "Non-2xx") || strings.Contains(out, "Socket errors") {
		t.Errorf("requests failed")
	}
	if n := number(t, out, `(\d+) requests in`); n < 1000 {
		t.Errorf("%d requests in 2 s", n)
	}

	// A page that is not there makes nginx write a line; it must arrive.
	if out, err := h.Try("curl", "-s", fmt.Sprintf("http://127.0.0.1:%d/absent", port)); err != nil || !strings.Contains(out, "404") {
		t.Errorf("an absent page: %v: %s", err, out)
	}
	arrives(t, h, "nginx", "/www/absent")
	stop(t, h, "nginx")
}

func TestRedisUnderBenchmark(t *testing.T) {
	redis, benchmark := program(t, "redis-server", "redis-server"), program(t, "redis-benchmark", "redis-tools")
	h := host.New(t)
	root, port := rootWith(t, h, "root", redis), host.FreePort(t)
	mkdir(t, filepath.Join(root, "data"))
	start(t, h, "redis", root, port, fmt.Sprintf(`"%s", "--port", "%d", "--bind", "127.0.0.1", "--dir", "/data"`, redis, port))
	arrives(t, h, "redis", "Ready to accept connections")

	out := h.Run(t, benchmark, "-p", strconv.Itoa(port), "-n", "20000", "-c", "16", "-q", "-t", "set,get")
	t.Log(out)
	for _, op := range []string{"SET", "GET"} {
		if n := number(t, out, op+`: ([0-9]+)\.`); n < 1000 {
			t.Errorf("%s: %d requests in a second", op, n)
		}
	}
	// It saves its data in a child process, so fork works at this level.
	h.Run(t, program(t, "redis-cli", "redis-tools"), "-p", strconv.Itoa(port), "bgsave")
	host.Eventually(t, "the dump", func() bool {
		_, err := os.Stat(filepath.Join(root, "data/dump.rdb"))
		return err == nil
	})
	stop(t, h, "redis")
}

// start starts a jail with one service, and checks that nobody else may have
// its port.
func start(t *testing.T, h *host.Host, name, root string, port int, command string) {
	t.Helper()
	startJail(t, h, name, fmt.Sprintf(`root  = "%s"
level = "high"
ports = ["%d/tcp"]

[[service]]
name    = "%s"
command = [%s]
ready   = "tcp:%d"
`, root, port, name, command, port))
	if out := h.Run(t, "jailctl", "ports"); !strings.Contains(out, strconv.Itoa(port)) {
		t.Errorf("port %d is not reserved: %s", port, out)
	}
}

// startJail writes the jail's definition and starts it.
func startJail(t *testing.T, h *host.Host, name, definition string) {
	t.Helper()
	mkdir(t, filepath.Join(h.Dir, "etc/jails"))
	write(t, filepath.Join(h.Dir, "etc/jails", name+".toml"), definition)
	t.Cleanup(func() {
		if t.Failed() {
			out, err := h.Try("jailmgr", "logs", name)
			t.Logf("its log: %v\n%s", err, out)
			out, err = h.Try("jailmgr", "stop", name)
			t.Logf("stop: %v\n%s", err, out)
		}
	})
	t.Log(h.Run(t, "jailmgr", "start", name))
}

func stop(t *testing.T, h *host.Host, name string) {
	t.Helper()
	t.Log(h.Run(t, "jailmgr", "stop", name))
	if out := h.Run(t, "jailctl", "list"); strings.Contains(out, name) {
		t.Errorf("after its stop: %s", out)
	}
}

func arrives(t *testing.T, h *host.Host, name, line string) {
	t.Helper()
	host.Eventually(t, "the line "+line, func() bool {
		out, err := h.Try("jailmgr", "logs", name)
		return err == nil && strings.Contains(out, line)
	})
}

// program finds an installed program, without following links.
func program(t *testing.T, name, pkg string) string {
	t.Helper()
	for _, dir := range []string{"/usr/sbin", "/usr/bin"} {
		if path := filepath.Join(dir, name); exists(path) {
			return path
		}
	}
	t.Skipf("no %s; install the package %s", name, pkg)
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// rootWith makes a root directory of that name that holds the programs, or
// files that one of them loads, and their libraries.
func rootWith(t *testing.T, h *host.Host, name string, programs ...string) string {
	t.Helper()
	root := filepath.Join(h.Dir, name)
	for _, dir := range []string{"dev", "etc", "tmp"} {
		mkdir(t, filepath.Join(root, dir))
	}
	write(t, filepath.Join(root, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\n")
	write(t, filepath.Join(root, "etc/group"), "root:x:0:\n")
	for _, program := range programs {
		out, err := exec.Command("ldd", program).Output()
		if err != nil {
			t.Fatalf("ldd %s: %v", program, err)
		}
		for _, file := range append(regexp.MustCompile(`/\S+`).FindAllString(string(out), -1), program) {
			copyFile(t, file, filepath.Join(root, file))
		}
	}
	return root
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	mkdir(t, filepath.Dir(to))
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func number(t *testing.T, text, pattern string) int {
	t.Helper()
	found := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
	if found == nil {
		t.Fatalf("no %s in %s", pattern, text)
	}
	n, err := strconv.Atoi(found[len(found)-1][1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
