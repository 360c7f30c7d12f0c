//go:build linux

package software

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jails/tests/host"
)

// TestNginxWithPHP restarts nginx, and each of the two PHPs behind it, while
// pages are asked for. All of them end in order at QUIT: they answer what they
// have begun. While a PHP is down nginx asks the other; while nginx is, its port
// refuses, and what waits there unread is lost with it, which is so wherever it
// runs. A request is lost if PHP has begun it and its answer has not come whole;
// one that was begun twice was cut off once.
func TestNginxWithPHP(t *testing.T) {
	nginx, php := program(t, "nginx", "nginx-light"), program(t, "php-fpm8.2", "php8.2-fpm")
	h := host.New(t)
	root, port := rootWith(t, h, "root", nginx, php), host.FreePort(t)
	for _, dir := range []string{"var/log/nginx", "var/lib/nginx", "run", "www", "data"} {
		mkdir(t, filepath.Join(root, dir))
	}
	begun := filepath.Join(root, "data/begun")
	write(t, begun, "")
	write(t, filepath.Join(root, "www/page.php"), `<?php
file_put_contents('/data/begun', $_GET['id'] . "\n", FILE_APPEND);
usleep(30000);
echo str_repeat('x', 100000), ' ', $_GET['id'];
`)
	ports, servers, services, names := fmt.Sprintf(`"%d/tcp"`, port), "", "", []string{"php1", "php2"}
	for _, name := range names {
		inner := host.FreePort(t)
		ports += fmt.Sprintf(`, "%d/tcp"`, inner)
		servers += fmt.Sprintf("server 127.0.0.1:%d max_fails=0;\n", inner)
		// One process for the requests of each: more of them end at the same
		// time, and hostkern may let the end of one break into the call by which
		// the next is told.
		write(t, filepath.Join(root, name+".conf"), fmt.Sprintf(`[global]
error_log = /data/%s.log
process_control_timeout = 20s
[www]
user = root
group = root
listen = 127.0.0.1:%d
pm = static
pm.max_children = 1
`, name, inner))
		services += fmt.Sprintf(`
[[service]]
name    = %q
command = [%q, "-n", "-F", "-O", "-R", "-y", "/%[1]s.conf"]
ready   = "tcp:%[3]d"
stop    = { signal = "QUIT", timeout = "30s" }
`, name, php, inner)
	}
	write(t, filepath.Join(root, "nginx.conf"), fmt.Sprintf(`user root root;
worker_processes 2;
pid /run/nginx.pid;
error_log stderr crit;
events {}
http {
	access_log off;
	upstream php {
		%s
	}
	server {
		listen 127.0.0.1:%d;
		location / {
			fastcgi_pass php;
			fastcgi_param SCRIPT_FILENAME /www/page.php;
			fastcgi_param REQUEST_METHOD $request_method;
			fastcgi_param QUERY_STRING $query_string;
		}
	}
}
`, servers, port))
	startJail(t, h, "web", fmt.Sprintf(`root  = %q
level = "high"
ports = [%s]
%s
[[service]]
name    = "nginx"
command = [%q, "-g", "daemon off;", "-e", "stderr", "-c", "/nginx.conf"]
after   = ["php1", "php2"]
ready   = "tcp:%d"
stop    = { signal = "QUIT", timeout = "30s" }
`, root, ports, services, nginx, port))

	c := ask(fmt.Sprintf("http://127.0.0.1:%d/page.php?id=", port), 6)
	more := func() {
		t.Helper()
		before := c.answered.Load()
		host.Eventually(t, "more answers", func() bool { return c.answered.Load() >= before+20 })
	}
	for range 3 {
		for _, name := range names {
			more()
			t.Log(h.Run(t, "jailctl", "service", "web", "restart", name))
		}
	}
	more()
	// A signal may break into open(2) on hostkern, which no kernel lets it: PHP
	// finds no page then.
	notFound := len(c.failures())
	for range 3 {
		more()
		t.Log(h.Run(t, "jailctl", "service", "web", "restart", "nginx"))
	}
	more()
	c.end()
	text, err := os.ReadFile(begun)
	if err != nil {
		t.Fatal(err)
	}
	ids, seen, failed := strings.Fields(string(text)), map[string]bool{}, c.failures()
	for _, id := range ids {
		if why := failed[id]; why != nil {
			t.Errorf("request %s was begun, and has no answer: %v", id, why)
		}
		if seen[id] {
			t.Errorf("request %s was begun twice", id)
		}
		seen[id] = true
	}
	t.Logf("%d requests begun, %d answered; %d failed while PHP was restarted, nginx, being restarted, had not accepted %d",
		len(ids), c.answered.Load(), notFound, len(failed)-notFound)
	stop(t, h, "web")
}

// client asks for pages, one connection each.
type client struct {
	url      string
	answered atomic.Int64
	next     atomic.Int64
	over     atomic.Bool
	all      sync.WaitGroup
	mu       sync.Mutex
	failed   map[string]error // by the request's id
}

// ask starts a client that has so many requests going at a time.
func ask(url string, at int) *client {
	c := &client{url: url, failed: map[string]error{}}
	for range at {
		c.all.Go(c.run)
	}
	return c
}

func (c *client) run() {
	h := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	for !c.over.Load() {
		id := fmt.Sprint("n", c.next.Add(1))
		err := c.get(&h, id)
		if err == nil {
			c.answered.Add(1)
			continue
		}
		c.mu.Lock()
		c.failed[id] = err
		c.mu.Unlock()
		time.Sleep(5 * time.Millisecond)
	}
}

func (c *client) get(h *http.Client, id string) error {
	answer, err := h.Get(c.url + id)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", answer.Status)
	}
	if err == nil && !strings.HasSuffix(string(text), "x "+id) {
		err = fmt.Errorf("%d bytes of something else", len(text))
	}
	return err
}

// failures are the requests without an answer, so far.
func (c *client) failures() map[string]error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.failed)
}

func (c *client) end() {
	c.over.Store(true)
	c.all.Wait()
}
