package jailexporter

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/bcrypt"

	"jails/src/exit"
	"jails/src/secmodel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines collects a log and tells each line.
type lines struct {
	mu   sync.Mutex
	rest []byte
	line chan string
}

func newLines() *lines { return &lines{line: make(chan string, 100)} }

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, b...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		l.line <- string(line)
		l.rest = rest
	}
}

// address waits for the line that tells where the server listens.
func (l *lines) address(t *testing.T) string {
	t.Helper()
	for {
		select {
		case line := <-l.line:
			var entry struct{ Address, Level, Command string }
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatalf("log line %q: %v", line, err)
			}
			if entry.Address != "" {
				return entry.Address
			}
		case <-time.After(20 * time.Second):
			t.Fatal("no address in the log")
		}
	}
}

func get(t *testing.T, c *http.Client, url, user, password string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	c.CloseIdleConnections()
	return resp.StatusCode, string(body)
}

// The whole command: from its arguments to its end by SIGTERM.
func TestMainServes(t *testing.T) {
	t.Setenv("HOSTKERN_SOCKET", filepath.Join(t.TempDir(), "none"))
	pidFile := filepath.Join(t.TempDir(), "pid")
	stderr, code := newLines(), make(chan int, 1)
	go func() {
		code <- Main([]string{"jail-exporter", "--web.listen-address", "127.0.0.1:0", "--pid.file", pidFile},
			strings.NewReader(""), io.Discard, stderr)
	}()
	base := "http://" + stderr.address(t)
	c := &http.Client{Transport: &http.Transport{}}
	if status, body := get(t, c, base+"/metrics", "", ""); status != 200 ||
		!strings.Contains(body, "jail_scrape_success") || !strings.Contains(body, "process_cpu_seconds_total") {
		t.Errorf("metrics: %d %s", status, body)
	}
	if status, body := get(t, c, base+"/", "", ""); status != 200 || !strings.Contains(body, `href="/metrics"`) {
		t.Errorf("landing page: %d %s", status, body)
	}
	if status, _ := get(t, c, base+"/other", "", ""); status != 404 {
		t.Errorf("another page: %d", status)
	}
	if b, err := os.ReadFile(pidFile); err != nil || string(b) != fmt.Sprintln(os.Getpid()) {
		t.Errorf("pid file: %q, %v", b, err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-code:
		if got != exit.OK {
			t.Errorf("exit status %d", got)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("SIGTERM does not end it")
	}
	if _, err := os.Stat(pidFile); !os.IsNotExist(err) {
		t.Errorf("the pid file stays: %v", err)
	}
}

// certificate writes a key and a certificate for 127.0.0.1.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	write(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return pool
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWebConfig(t *testing.T) {
	dir := t.TempDir()
	pool := certificate(t, dir)
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "web.yml")
	write(t, config, "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\nbasic_auth_users:\n  prometheus: '"+string(hash)+"'\n")

	ctx, cancel := context.WithCancel(context.Background())
	log, done := newLines(), make(chan error, 1)
	k := &kernel{snapshot: jails(1)}
	go func() {
		done <- serve(ctx, k.open, settings{addresses: []string{"127.0.0.1:0"}, path: "/m", config: config},
			slog.New(slog.NewJSONHandler(log, nil)))
	}()
	base := "https://" + log.address(t)
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	if status, body := get(t, c, base+"/m", "", ""); status != 401 || strings.Contains(body, "jail_") {
		t.Errorf("without a password: %d %s", status, body)
	}
	if status, _ := get(t, c, base+"/m", "prometheus", "wrong"); status != 401 {
		t.Errorf("with a wrong password: %d", status)
	}
	if status, body := get(t, c, base+"/m", "prometheus", "secret"); status != 200 || !strings.Contains(body, `jail_info{id="1",jail="jail0001"`) {
		t.Errorf("with the password: %d %s", status, body)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Each of these ends at once, with its code, and says what is wrong.
func TestBadStart(t *testing.T) {
	t.Setenv("HOSTKERN_SOCKET", filepath.Join(t.TempDir(), "none"))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	bad, absent := filepath.Join(dir, "bad.yml"), filepath.Join(dir, "absent.yml")
	write(t, bad, "tls_server_confg: {}\n")
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"extra", exit.Usage, `unexpected argument "extra"`},
		{"--no-such", exit.Usage, "no-such"},
		{"--log.level loud", exit.Usage, `"loud"`},
		{"--log.level disabled", exit.Usage, `"disabled"`},
		{"--web.listen-address 9100", exit.Usage, `"9100" is not HOST:PORT`},
		{"--web.listen-address " + taken.Addr().String(), exit.Unavailable, "address already in use"},
		{"--web.telemetry-path metrics", exit.Usage, `"metrics"`},
		{"--web.telemetry-path /", exit.Usage, `"/"`},
		{"--web.telemetry-path /{x", exit.Usage, `"/{x"`},
		{"--web.telemetry-path /a//b", exit.Usage, `"/a//b"`},
		{"--web.telemetry-path /\x01", exit.Usage, `"/\x01"`},
		{"--web.config.file " + bad, exit.Config, "tls_server_confg"},
		{"--web.config.file " + absent, exit.Config, absent},
		{"--web.listen-address 127.0.0.1:0 --pid.file " + dir + "/no/pid", exit.CantCreate, dir + "/no/pid"},
		{"--output.file -", exit.Unavailable, "no kernel model"},
	} {
		var stdout, stderr bytes.Buffer
		code := Main(append([]string{"jail-exporter"}, strings.Fields(c.args)...), strings.NewReader(""), &stdout, &stderr)
		if code != c.code || !strings.HasPrefix(stderr.String(), "jail-exporter: ") || !strings.Contains(stderr.String(), c.says) || stdout.Len() > 0 {
			t.Errorf("%s: exit status %d, want %d, saying %q; stdout %q, stderr %q", c.args, code, c.code, c.says, &stdout, &stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := Main([]string{"jail-exporter", "--help"}, strings.NewReader(""), &stdout, &stderr); code != exit.OK {
		t.Errorf("exit status %d", code)
	}
	if !strings.Contains(stdout.String(), "--web.listen-address") || stderr.Len() > 0 {
		t.Errorf("stdout %s, stderr %s", &stdout, &stderr)
	}
}

func TestOutputFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "jails.prom")
	k := &kernel{snapshot: jails(2)}
	if err := writeOnce(k.open, file, io.Discard); err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	if err := writeOnce(k.open, "-", &stdout); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(b, stdout.Bytes()) || !bytes.Contains(b, []byte(`jail_forks_total{jail="jail0001"} 1`)) {
		t.Errorf("%v: %s", err, b)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}

	// A failure leaves the old file, and nothing else.
	k.readErr = secmodel.ErrNoModel
	if err := writeOnce(k.open, file, io.Discard); exit.Code(err) != exit.Unavailable {
		t.Errorf("%v", err)
	}
	k.readErr = nil
	if err := os.Mkdir(filepath.Join(dir, "directory"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeOnce(k.open, filepath.Join(dir, "directory"), io.Discard); exit.Code(err) != exit.IO {
		t.Errorf("a directory as the file: %v", err)
	}
	if err := writeOnce(k.open, filepath.Join(dir, "no", "file"), io.Discard); exit.Code(err) != exit.IO {
		t.Errorf("no directory: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("left: %v, %v", entries, err)
	}
}
