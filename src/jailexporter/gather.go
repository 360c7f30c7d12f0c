package jailexporter

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"jails/src/metrics"
	"jails/src/secmodel"
)

// reader is the part of the kernel's client that a scrape needs.
type reader interface {
	Jails() (secmodel.Snapshot, error)
	Close() error
}

// gatherer serves the table of package metrics from one snapshot for each
// scrape. It makes the families itself, sorted and complete as a Gatherer must,
// because a registry's checks of 23,000 constant metrics would take most of the
// time that a scrape of 1,000 jails may cost; the tests make those checks.
type gatherer struct {
	open  func() (reader, error)
	own   prometheus.Gatherer // this process's metrics
	error func(error)         // told why a snapshot could not be had
}

// Gather never fails because the kernel's model can not be read: then the
// jails' families are missing and jail_scrape_success is 0.
func (g *gatherer) Gather() ([]*dto.MetricFamily, error) {
	began := time.Now()
	var families []*dto.MetricFamily
	success := 0.0
	if s, err := g.snapshot(); err != nil {
		g.error(err)
	} else {
		families = convert(&s)
		success = 1
	}
	families = append(families,
		single("jail_scrape_duration_seconds", "Time taken to read the kernel's snapshot of all jails.",
			time.Since(began).Seconds()),
		single("jail_scrape_success", "Whether the kernel's snapshot of all jails could be read.",
			success))
	own, err := g.own.Gather()
	families = append(families, own...)
	slices.SortFunc(families, func(a, b *dto.MetricFamily) int {
		return strings.Compare(a.GetName(), b.GetName())
	})
	return families, err
}

// snapshot opens the client anew, so that a model that is loaded, unloaded or
// loaded again while the exporter runs needs no restart.
func (g *gatherer) snapshot() (s secmodel.Snapshot, err error) {
	c, err := g.open()
	if err != nil {
		return s, err
	}
	s, err = c.Jails()
	if cerr := c.Close(); err == nil {
		err = cerr
	}
	return s, err
}

func single(name, help string, value float64) *dto.MetricFamily {
	return &dto.MetricFamily{
		Name: &name, Help: &help, Type: dto.MetricType_GAUGE.Enum(),
		Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: &value}}},
	}
}

// sample is one sample with all that it points to, to allocate once.
type sample struct {
	metric  dto.Metric
	counter dto.Counter
	gauge   dto.Gauge
	value   float64
	labels  [mostLabels]*dto.LabelPair
	pairs   [mostLabels]dto.LabelPair
	text    [mostLabels]string
}

const mostLabels = 4 // jail_info's

// convert makes the families of all jails, without those that have no sample.
func convert(s *secmodel.Snapshot) []*dto.MetricFamily {
	jails := metrics.Unique(s.Jails)
	var families []*dto.MetricFamily
	for _, f := range metrics.Families() {
		order := alphabetical(f.Labels)
		family := &dto.MetricFamily{Name: &f.Name, Help: &f.Help}
		switch f.Kind {
		case metrics.Counter:
			family.Type = dto.MetricType_COUNTER.Enum()
		case metrics.Gauge:
			family.Type = dto.MetricType_GAUGE.Enum()
		}
		family.Metric = make([]*dto.Metric, 0, len(jails))
		for _, j := range jails {
			f.Each(j, func(value float64, labels ...string) {
				m := new(sample)
				for at, i := range order {
					m.text[at] = j.Name
					if i > 0 {
						m.text[at] = labels[i-1]
					}
					m.pairs[at].Name, m.pairs[at].Value = &f.Labels[i], &m.text[at]
					m.labels[at] = &m.pairs[at]
				}
				m.metric.Label = m.labels[:len(order)]
				m.value = value
				if f.Kind == metrics.Counter {
					m.counter.Value, m.metric.Counter = &m.value, &m.counter
				} else {
					m.gauge.Value, m.metric.Gauge = &m.value, &m.gauge
				}
				family.Metric = append(family.Metric, &m.metric)
			})
		}
		if len(family.Metric) > 0 {
			families = append(families, family)
		}
	}
	return families
}

// alphabetical returns the indices of the labels in the order of their names.
func alphabetical(labels []string) []int {
	order := make([]int, len(labels))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(labels[a], labels[b]) })
	return order
}
