package jailexporter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/testing/protocmp"

	"jails/src/metrics"
	"jails/src/secmodel"
)

// kernel is a model that answers with what it is given.
type kernel struct {
	snapshot secmodel.Snapshot
	openErr  error
	readErr  error
	opened   int
	read     int
}

func (k *kernel) open() (reader, error) { k.opened++; return k, k.openErr }
func (k *kernel) Close() error          { k.opened--; return nil }
func (k *kernel) Jails() (secmodel.Snapshot, error) {
	k.read++
	return k.snapshot, k.readErr
}

var scopes = []string{"generic", "system", "process", "network", "machdep", "device", "vnode", "port", "fork"}

// jails makes n jails with a value for every family.
func jails(n int) secmodel.Snapshot {
	s := secmodel.Snapshot{}
	for i := range n {
		j := secmodel.Jail{
			ID: secmodel.ID(i + 1), Name: fmt.Sprintf("jail%04d", n-i), Root: "/r", State: secmodel.Active,
			Created: time.Unix(1700000000, 0), Oldest: time.Unix(1700000000+int64(i), 0),
			Config:    secmodel.Config{Level: secmodel.Level(i % 3), Processes: 64},
			Processes: i + 1, Threads: i + 2, Resident: uint64(i) << 12, Virtual: uint64(i) << 20,
			User: time.Duration(i) * time.Millisecond, System: time.Duration(i) * time.Microsecond,
			Entries: 1, Forks: uint64(i), Exits: uint64(i), Denials: map[string]uint64{},
		}
		for k, scope := range scopes {
			j.Denials[scope] = uint64(i * k)
		}
		s.Jails = append(s.Jails, j)
	}
	return s
}

func newGatherer(t testing.TB, k *kernel) *gatherer {
	own := prometheus.NewRegistry()
	own.MustRegister(process())
	return &gatherer{open: k.open, own: own, failed: func(err error) { t.Log(err) }}
}

func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(newGatherer(t, &kernel{snapshot: jails(2)}))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Gatherers.Gather makes a registry's checks: of names, labels, types, and that
// no sample is there twice.
func TestConsistent(t *testing.T) {
	s := jails(50)
	twin := s.Jails[7]
	twin.ID, twin.State = 999, secmodel.Dying
	s.Jails = append(s.Jails, twin)
	g := newGatherer(t, &kernel{snapshot: s})
	checked, err := prometheus.Gatherers{g}.Gather()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(plain), names(checked); !slices.Equal(got, want) {
		t.Errorf("families are not in order: %v", got)
	}
	for _, f := range plain {
		for _, m := range f.Metric {
			if !slices.IsSortedFunc(m.Label, func(a, b *dto.LabelPair) int {
				return strings.Compare(a.GetName(), b.GetName())
			}) {
				t.Fatalf("%s: labels are not in order: %v", f.GetName(), m.Label)
			}
		}
	}
}

func names(families []*dto.MetricFamily) (names []string) {
	for _, f := range families {
		names = append(names, f.GetName())
	}
	return names
}

// The exporter and jailctl stats -P say the same.
func TestSameAsText(t *testing.T) {
	s := jails(3)
	s.Jails[1].Root, s.Jails[1].Config = "", secmodel.Config{}
	var b bytes.Buffer
	if err := metrics.WriteText(&b, &s); err != nil {
		t.Fatal(err)
	}
	want := parse(t, &b)

	w := scrape(t, &kernel{snapshot: s})
	got := parse(t, w.Body)
	for name := range got {
		if !strings.HasPrefix(name, "jail_") || strings.HasPrefix(name, "jail_scrape_") {
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func parse(t *testing.T, r io.Reader) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			slices.SortFunc(m.Label, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
		}
	}
	return families
}

func scrape(t testing.TB, k *kernel) *httptest.ResponseRecorder {
	t.Helper()
	h, err := handler(k.open, "/metrics", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w
}

func TestOneSnapshot(t *testing.T) {
	k := &kernel{snapshot: jails(2)}
	scrape(t, k)
	if k.read != 1 || k.opened != 0 {
		t.Errorf("%d snapshots read and %d clients left open, want 1 and 0", k.read, k.opened)
	}
}

// A kernel that does not answer is a fact to report, not a failed scrape.
func TestNoModel(t *testing.T) {
	for name, k := range map[string]*kernel{
		"open": {openErr: secmodel.ErrNoModel},
		"read": {readErr: errors.New("EIO")},
	} {
		body := scrape(t, k).Body.String()
		if !strings.Contains(body, "\njail_scrape_success 0\n") {
			t.Errorf("%s: no jail_scrape_success 0 in\n%s", name, body)
		}
		if strings.Contains(body, "jail_info") {
			t.Errorf("%s: jails without a snapshot in\n%s", name, body)
		}
	}
	body := scrape(t, &kernel{}).Body.String()
	if !strings.Contains(body, "\njail_scrape_success 1\n") {
		t.Errorf("no jail_scrape_success 1 in\n%s", body)
	}
}

func TestProcessMetrics(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	now := float64(time.Now().Unix())
	families := parse(t, scrape(t, &kernel{}).Body)
	for _, c := range []struct {
		name        string
		least, most float64
	}{
		{"process_cpu_seconds_total", 1e-6, 3600},
		{"process_open_fds", 4, 1000},
		{"process_max_fds", 4, math.Inf(1)},
		{"process_resident_memory_bytes", 1 << 20, 1 << 32},
		{"process_virtual_memory_bytes", 1 << 20, 1 << 48},
		{"process_start_time_seconds", now - 3600, now + 2},
		{"go_goroutines", 1, 1000},
	} {
		f := families[c.name]
		if f == nil {
			t.Errorf("no %s", c.name)
			continue
		}
		v := f.Metric[0].GetGauge().GetValue() + f.Metric[0].GetCounter().GetValue()
		if v < c.least || v > c.most {
			t.Errorf("%s is %v, not from %v to %v", c.name, v, c.least, c.most)
		}
	}
}

// A scrape of 1,000 jails, 23,000 samples, shall take less than 30 ms, which a
// loaded machine can not judge: the benchmark measures it. What makes it slow
// can be counted anywhere.
func TestScrapeAllocations(t *testing.T) {
	s := jails(1000)
	samples := 0
	for _, f := range convert(&s) {
		samples += len(f.Metric)
	}
	if n := testing.AllocsPerRun(3, func() { convert(&s) }); n > 3*float64(samples) {
		t.Errorf("%v allocations for %d samples, want about two each", n, samples)
	}
}

func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("jails=%d", n), func(b *testing.B) {
			k := &kernel{snapshot: jails(n)}
			h, err := handler(k.open, "/metrics", slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
				b.ReportMetric(float64(w.Body.Len()), "B/scrape")
			}
		})
	}
}
