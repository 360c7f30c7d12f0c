package metrics

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jails/src/secmodel"
)

func web() secmodel.Jail {
	return secmodel.Jail{
		ID: 3, Name: "web", Root: "/var/jails/jail/web/root", State: secmodel.Active,
		Created: time.Unix(1700000000, 5), Oldest: time.Unix(1700000009, 0),
		Config:    secmodel.Config{Level: secmodel.Medium, Processes: 64},
		Processes: 2, Threads: 3, Resident: 8192, Virtual: 1 << 40,
		User: 1500 * time.Millisecond, System: 250 * time.Millisecond,
		Entries: 1, Forks: 12, Exits: 11,
		Denials: map[string]uint64{"system": 2, "port": 7}, Observed: map[string]uint64{"system": 3, "fork": 1}, Lost: 5,
	}
}

func text(t *testing.T, jails ...secmodel.Jail) string {
	t.Helper()
	var b strings.Builder
	if err := WriteText(&b, &secmodel.Snapshot{Jails: jails}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWriteText(t *testing.T) {
	want := `# HELP jail_cpu_seconds_total CPU time used by the jail's processes, those that ended included.
# TYPE jail_cpu_seconds_total counter
jail_cpu_seconds_total{jail="web",mode="user"} 1.5
jail_cpu_seconds_total{jail="web",mode="system"} 0.25
jail_cpu_seconds_total{jail="web",mode="interrupt"} 0
# HELP jail_denials_total Operations refused to the jail's processes, by scope of the policy.
# TYPE jail_denials_total counter
jail_denials_total{jail="web",scope="port"} 7
jail_denials_total{jail="web",scope="system"} 2
# HELP jail_entries_total Processes that entered the jail from the host.
# TYPE jail_entries_total counter
jail_entries_total{jail="web"} 1
# HELP jail_events_lost_total Refused and observed operations that jailctl events can not show any more.
# TYPE jail_events_lost_total counter
jail_events_lost_total{jail="web"} 5
# HELP jail_exits_total Processes of the jail that ended.
# TYPE jail_exits_total counter
jail_exits_total{jail="web"} 11
# HELP jail_forks_total Processes made inside the jail.
# TYPE jail_forks_total counter
jail_forks_total{jail="web"} 12
# HELP jail_info Always 1; its labels tell the jail's id, state and, to root, level.
# TYPE jail_info gauge
jail_info{jail="web",id="3",level="medium",state="active"} 1
# HELP jail_observed_total Operations that the policy denies and that passed, for the jail was observed.
# TYPE jail_observed_total counter
jail_observed_total{jail="web"} 4
# HELP jail_oldest_process_start_time_seconds When the oldest process in the jail started, in seconds since 1970.
# TYPE jail_oldest_process_start_time_seconds gauge
jail_oldest_process_start_time_seconds{jail="web"} 1.700000009e+09
# HELP jail_processes Processes in the jail.
# TYPE jail_processes gauge
jail_processes{jail="web"} 2
# HELP jail_processes_limit Processes that the jail may have; absent where there is no limit.
# TYPE jail_processes_limit gauge
jail_processes_limit{jail="web"} 64
# HELP jail_resident_memory_bytes Memory of the jail's processes that is resident; shared pages count in each.
# TYPE jail_resident_memory_bytes gauge
jail_resident_memory_bytes{jail="web"} 8192
# HELP jail_start_time_seconds When the jail was created in the kernel, in seconds since 1970.
# TYPE jail_start_time_seconds gauge
jail_start_time_seconds{jail="web"} 1.7e+09
# HELP jail_threads Threads in the jail.
# TYPE jail_threads gauge
jail_threads{jail="web"} 3
# HELP jail_virtual_memory_bytes Address space of the jail's processes.
# TYPE jail_virtual_memory_bytes gauge
jail_virtual_memory_bytes{jail="web"} 1.099511627776e+12
`
	if diff := cmp.Diff(want, text(t, web())); diff != "" {
		t.Error(diff)
	}
}

// What the kernel hides from users other than root must not look like a value.
func TestHidden(t *testing.T) {
	j := web()
	j.Root, j.Config = "", secmodel.Config{}
	got := text(t, j)
	if !strings.Contains(got, `jail_info{jail="web",id="3",level="",state="active"} 1`) {
		t.Errorf("a hidden level is not left empty:\n%s", got)
	}
	if strings.Contains(got, "jail_processes_limit{") {
		t.Errorf("a hidden limit is reported:\n%s", got)
	}
}

func TestAbsent(t *testing.T) {
	if got := text(t); got != "" {
		t.Errorf("no jails give %q", got)
	}
	j := web()
	j.Processes, j.Oldest, j.Config.Processes = 0, time.Time{}, 0
	got := text(t, j)
	for _, name := range []string{"jail_oldest_process_start_time_seconds", "jail_processes_limit"} {
		if strings.Contains(got, name) {
			t.Errorf("%s is there, head or sample:\n%s", name, got)
		}
	}
}

func TestUnique(t *testing.T) {
	jails := []secmodel.Jail{
		{ID: 9, Name: "web", State: secmodel.Active}, {ID: 3, Name: "web", State: secmodel.Dying},
		{ID: 4, Name: "db"}, {ID: 12, Name: "mail"}, {ID: 1, Name: "web", State: secmodel.Dying},
	}
	var got []string
	for _, j := range Unique(jails) {
		got = append(got, fmt.Sprint(j.Name, j.ID))
	}
	if diff := cmp.Diff([]string{"db4", "mail12", "web9"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEscaped(t *testing.T) {
	got := string(appendLabel(nil, '{', "jail", "a\"b\\c\nd"))
	if want := `{jail="a\"b\\c\nd"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteError(t *testing.T) {
	if err := WriteText(full{}, &secmodel.Snapshot{Jails: []secmodel.Jail{web()}}); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}
