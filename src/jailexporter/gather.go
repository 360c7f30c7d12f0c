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
	open   func() (reader, error)
	own    prometheus.Gatherer // this process's metrics
	failed func(error)         // told why a snapshot could not be had
}

// Gather never fails because the kernel's model can not be read: then the
// jails' families are missing and jail_scrape_success is 0.
func (g *gatherer) Gather() ([]*dto.MetricFamily, error) {
	began := time.Now()
	var families []*dto.MetricFamily
	success := 0.0
	if s, err := g.snapshot(); err != nil {
		g.failed(err)
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

// convert makes the families of all jails, without those that have no sample.
// What it allocates is most of what a scrape costs, so samples share what is
// the same in many.
func convert(s *secmodel.Snapshot) []*dto.MetricFamily {
	jails := metrics.Unique(s.Jails)
	label := metrics.JailLabel
	named := make([]*dto.LabelPair, len(jails))
	for i, j := range jails {
		named[i] = &dto.LabelPair{Name: &label, Value: &j.Name}
	}
	var families []*dto.MetricFamily
	for _, f := range metrics.Families() {
		if family := convertFamily(&f, jails, named); len(family.Metric) > 0 {
			families = append(families, family)
		}
	}
	return families
}

// convertFamily makes one family; named has each jail's own label.
func convertFamily(f *metrics.Family, jails []*secmodel.Jail, named []*dto.LabelPair) *dto.MetricFamily {
	family := &dto.MetricFamily{Name: &f.Name, Help: &f.Help, Type: dto.MetricType_GAUGE.Enum(),
		Metric: make([]*dto.Metric, 0, len(jails))}
	if f.Kind == metrics.Counter {
		family.Type = dto.MetricType_COUNTER.Enum()
	}
	order := alphabetical(append([]string{metrics.JailLabel}, f.Labels...))
	others := make([]map[string]*dto.LabelPair, len(f.Labels))
	for i := range others {
		others[i] = map[string]*dto.LabelPair{}
	}
	for at, j := range jails {
		f.Each(j, func(value float64, labels ...string) {
			m := newSample(f.Kind, value)
			m.Label = named[at : at+1 : at+1]
			if len(labels) > 0 {
				m.Label = make([]*dto.LabelPair, len(order))
				for k, i := range order {
					if m.Label[k] = named[at]; i > 0 {
						m.Label[k] = pair(others[i-1], &f.Labels[i-1], labels[i-1])
					}
				}
			}
			family.Metric = append(family.Metric, m)
		})
	}
	return family
}

// pair is the one label of that value.
func pair(known map[string]*dto.LabelPair, name *string, value string) *dto.LabelPair {
	p := known[value]
	if p == nil {
		text := value // else each call would allocate
		p = &dto.LabelPair{Name: name, Value: &text}
		known[value] = p
	}
	return p
}

// newSample makes a sample without labels, in one allocation.
func newSample(kind metrics.Kind, value float64) *dto.Metric {
	if kind == metrics.Counter {
		s := new(struct {
			metric  dto.Metric
			counter dto.Counter
			value   float64
		})
		s.value, s.counter.Value, s.metric.Counter = value, &s.value, &s.counter
		return &s.metric
	}
	s := new(struct {
		metric dto.Metric
		gauge  dto.Gauge
		value  float64
	})
	s.value, s.gauge.Value, s.metric.Gauge = value, &s.value, &s.gauge
	return &s.metric
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
