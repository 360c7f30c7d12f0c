//go:build linux

// Package exporter tests jail-exporter with jails that live.
package exporter

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"jails/tests/host"
)

func TestMain(m *testing.M) { host.Main(m) }

const nobody = 65534

// metrics runs the exporter once, as that user, and returns the values by
// name and labels, as in `jail_info{id="1",jail="web"}`.
func metrics(t *testing.T, h *host.Host, uid uint32) map[string]float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := h.Command(ctx, "jail-exporter", "--output.file", "-")
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("as user %d: %v: %s", uid, err, &stderr)
	}
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(strings.NewReader(string(out)))
	if err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	values := map[string]float64{}
	for name, f := range families {
		for _, m := range f.Metric {
			values[key(name, m.Label)] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return values
}

func key(name string, labels []*dto.LabelPair) string {
	var pairs []string
	for _, l := range labels {
		pairs = append(pairs, l.GetName()+"="+l.GetValue())
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
}

// What processes did is still counted when they have ended.
func TestCountersSurviveExits(t *testing.T) {
	h := host.New(t)
	h.Run(t, "jailctl", "create", "-n", "web", h.Userland(t))
	h.Run(t, "jailctl", "exec", "web", "--", "/bin/sh", "-c", "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done")
	var before map[string]float64
	cpu := func(m map[string]float64) float64 {
		return m["jail_cpu_seconds_total{jail=web,mode=user}"] + m["jail_cpu_seconds_total{jail=web,mode=system}"]
	}
	host.Eventually(t, "the process has ended", func() bool {
		before = metrics(t, h, 0)
		return before["jail_processes{jail=web}"] == 0
	})
	if cpu(before) <= 0 || before["jail_entries_total{jail=web}"] != 1 || before["jail_exits_total{jail=web}"] < 1 {
		t.Errorf("after a process has ended: %v", before)
	}
	h.Run(t, "jailctl", "exec", "web", "--", "/bin/sh", "-c", ":")
	after := metrics(t, h, 0)
	for name, v := range before {
		if strings.Contains(name, "_total{") && after[name] < v {
			t.Errorf("%s went from %v back to %v", name, v, after[name])
		}
	}
	if after["jail_entries_total{jail=web}"] != 2 {
		t.Errorf("entries: %v", after["jail_entries_total{jail=web}"])
	}
}

// A user without privilege gets gauges and counters, and not the level.
func TestUnprivileged(t *testing.T) {
	h := host.New(t)
	if b, err := os.ReadFile("/proc/self/uid_map"); err != nil || !strings.Contains(" "+strings.Join(strings.Fields(string(b)), " "), " 0 0 4294967295") {
		t.Skip("only one user here; run as root, outside of a user namespace")
	}
	// The way to the socket and to the program, for others than root.
	for _, dir := range []string{h.Dir, h.Bin} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := exec.Command("setpriv", "--reuid=65534", "test", "-x", filepath.Join(h.Bin, "jail-exporter")).Run(); err != nil {
		t.Skipf("user %d can not reach %s (%v); build elsewhere: JAILS_BIN", nobody, h.Bin, err)
	}
	h.Run(t, "jailctl", "create", "-n", "web", "-l", "medium", "-p", "9", h.Userland(t))
	asRoot, asUser := metrics(t, h, 0), metrics(t, h, nobody)
	if asRoot["jail_info{jail=web,id=1,level=medium,state=active}"] != 1 || asRoot["jail_processes_limit{jail=web}"] != 9 {
		t.Errorf("root does not see the configuration: %v", asRoot)
	}
	if asUser["jail_info{jail=web,id=1,level=,state=active}"] != 1 {
		t.Errorf("a user does not see the jail, or sees its level: %v", asUser)
	}
	if _, ok := asUser["jail_processes_limit{jail=web}"]; ok {
		t.Errorf("a user sees the limit: %v", asUser)
	}
	if len(asUser) != len(asRoot)-1 {
		t.Errorf("a user gets %d values, root %d", len(asUser), len(asRoot))
	}
}

// Jails come and go while the exporter serves.
func TestServes(t *testing.T) {
	h := host.New(t)
	h.Run(t, "jailctl", "create", "-n", "web", h.Userland(t))
	cmd := h.Command(t.Context(), "jail-exporter", "--web.listen-address", "127.0.0.1:0")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, said := "", make(chan struct{})
	go func() {
		defer close(said)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if _, rest, ok := strings.Cut(lines.Text(), `"address":"`); ok && address == "" {
				address, _, _ = strings.Cut(rest, `"`)
				said <- struct{}{}
			}
		}
	}()
	defer func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		for range said { // to its end, before Wait closes the pipe
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after SIGTERM: %v", err)
		}
	}()
	if _, ok := <-said; !ok {
		t.Fatal("it ends without a word of its address")
	}
	body, err := get("http://" + address + "/metrics")
	if err != nil || !strings.Contains(body, `jail_info{id="1",jail="web",level="high",state="active"} 1`) ||
		!strings.Contains(body, "jail_scrape_success 1") {
		t.Errorf("%v in\n%s", err, body)
	}
	h.Run(t, "jailctl", "destroy", "web")
	if body, err = get("http://" + address + "/metrics"); err != nil || strings.Contains(body, "jail_info") {
		t.Errorf("a jail that is destroyed: %v in\n%s", err, body)
	}
}

func get(url string) (string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}
