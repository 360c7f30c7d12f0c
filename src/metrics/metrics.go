// Package metrics is the table of what is measured of a jail: the names, help
// texts and types that the exporter serves and jailctl stats -P prints, and a
// writer of Prometheus' text format. It imports no Prometheus library, so that
// the other commands do not pay for one.
package metrics

import (
	"jails/src/secmodel"
)

// Kind is a family's type in the exposition format.
type Kind string

const (
	Counter Kind = "counter"
	Gauge   Kind = "gauge"
)

// JailLabel is the label of every family that holds the jail's name.
const JailLabel = "jail"

// Sample takes one value and the values of its family's Labels.
type Sample func(value float64, labels ...string)

// Family is one metric of every jail.
type Family struct {
	Name, Help string
	Kind       Kind
	Labels     []string // beside JailLabel
	// Each calls sample for every value that the family has for the jail,
	// in a fixed order; not at all where the jail has none.
	Each func(j *secmodel.Jail, sample Sample)
}

// Families is the table. Counters include what processes that ended did; they
// begin again at zero only with a new jail. What the kernel hides from the
// caller (to users other than root: level and limits) is left out, never
// reported as zero.
func Families() []Family { return families[:] }

var families = [...]Family{
	{
		"jail_cpu_seconds_total",
		"CPU time used by the jail's processes, those that ended included.",
		Counter, []string{"mode"},
		func(j *secmodel.Jail, sample Sample) {
			sample(j.User.Seconds(), "user")
			sample(j.System.Seconds(), "system")
			sample(j.Interrupt.Seconds(), "interrupt")
		},
	},
	{
		"jail_denials_total",
		"Operations refused to the jail's processes, by scope of the policy.",
		Counter, []string{"scope"},
		eachDenial,
	},
	{
		"jail_entries_total",
		"Processes that entered the jail from the host.",
		Counter, nil,
		func(j *secmodel.Jail, sample Sample) { sample(float64(j.Entries)) },
	},
	{
		"jail_events_lost_total",
		"Refused and observed operations that jailctl events can not show any more.",
		Counter, nil,
		func(j *secmodel.Jail, sample Sample) { sample(float64(j.Lost)) },
	},
	{
		"jail_exits_total",
		"Processes of the jail that ended.",
		Counter, nil,
		func(j *secmodel.Jail, sample Sample) { sample(float64(j.Exits)) },
	},
	{
		"jail_forks_total",
		"Processes made inside the jail.",
		Counter, nil,
		func(j *secmodel.Jail, sample Sample) { sample(float64(j.Forks)) },
	},
	{
		"jail_info",
		"Always 1; its labels tell the jail's id, state and, to root, level.",
		Gauge, []string{"id", "level", "state"},
		func(j *secmodel.Jail, sample Sample) {
			level := ""
			if !j.Hidden() {
				level = j.Config.Level.String()
			}
			sample(1, decimal(uint64(j.ID)), level, j.State.String())
		},
	},
	{
		"jail_observed_total",
		"Operations that the policy denies and that passed, for the jail was observed.",
		Counter, nil,
		func(j *secmodel.Jail, sample Sample) {
			sample(float64(secmodel.Sum(j.Observed)))
		},
	},
	{
		"jail_oldest_process_start_time_seconds",
		"When the oldest process in the jail started, in seconds since 1970.",
		Gauge, nil,
		func(j *secmodel.Jail, sample Sample) {
			if j.Processes > 0 && !j.Oldest.IsZero() {
				sample(float64(j.Oldest.Unix()))
			}
		},
	},
	{
		"jail_processes",
		"Processes in the jail.",
		Gauge, nil,
		func(j *secmodel.Jail, sample Sample) { sample(float64(j.Processes)) },
	},
	{
		"jail_processes_limit",
		"Processes that the jail may have; absent where there is no limit.",
		Gauge, nil,
		func(j *secmodel.Jail, sample Sample) {
			if !j.Hidden() && j.Config.Processes != 0 {
				sample(float64(j.Config.Processes))
			}
		},
	},
	{
		"jail_resident_memory_bytes",
		"Memory of the jail's processes that is resident; shared pages count in each.",
		Gauge, nil,
		func(j *secmodel.Jail, sample Sample) { sample(float64(j.Resident)) },
	},
	{
		"jail_start_time_seconds",
		"When the jail was created in the kernel, in seconds since 1970.",
		Gauge, nil,
		func(j *secmodel.Jail, sample Sample) { sample(float64(j.Created.Unix())) },
	},
	{
		"jail_threads",
		"Threads in the jail.",
		Gauge, nil,
		func(j *secmodel.Jail, sample Sample) { sample(float64(j.Threads)) },
	},
	{
		"jail_virtual_memory_bytes",
		"Address space of the jail's processes.",
		Gauge, nil,
		func(j *secmodel.Jail, sample Sample) { sample(float64(j.Virtual)) },
	},
}
