// Package secmodel speaks to the kernel's jail model: the ABI of
// sys/sys/jail.h, through sysctl(2) on NetBSD and through hostkern's socket
// on Linux.
package secmodel

import "time"

// ID names a jail for as long as the system runs; it is never used again.
// 0 is the host.
type ID uint32

// Level is a hardening level.
type Level uint32

const (
	Low Level = iota
	Medium
	High
)

// Protocol of a port, as in IP; Any is all of them.
type Protocol uint16

const (
	AnyProtocol Protocol = 0
	TCP         Protocol = 6
	UDP         Protocol = 17
)

// PortRange is a reservation: First to Last, both included.
type PortRange struct {
	Protocol    Protocol
	First, Last uint16
}

// Limit is one resource limit of setrlimit(2), in the order of NetBSD's
// RLIMIT_CPU to RLIMIT_NTHR. Unlimited is math.MaxUint64.
type Limit struct {
	Resource   int
	Soft, Hard uint64
}

// Config is what an administrator chooses for a jail.
type Config struct {
	Level       Level
	Allow, Deny []string // words; Client.Words lists them
	Strict      bool     // the jail may bind its own ports only
	Observe     bool     // what is denied above the floor is recorded, and passes
	Processes   uint32   // at most; 0 for no cap
	Ports       []PortRange
	Limits      []Limit // what each process starts with
}

// Change is a Config of which only the fields that are not nil change.
type Change struct {
	Level       *Level
	Allow, Deny *[]string
	Strict      *bool
	Observe     *bool
	Processes   *uint32
	Ports       *[]PortRange
	Limits      *[]Limit
}

// State of a jail.
type State uint32

const (
	Creating State = 1
	Active   State = 2
	Dying    State = 3
)

// Jail is one jail's record in a Snapshot. Config and Root are zero to a
// host user other than root: see Hidden.
type Jail struct {
	ID      ID
	Name    string
	Root    string
	State   State
	Init    int // process id, 0 if it has none
	Created time.Time
	Config  Config // of Ports only with Client.Ports
	NPorts  int    // ranges

	// Gauges.
	Processes, Threads int
	Resident, Virtual  uint64 // bytes
	Oldest             time.Time

	// Counters: they only grow, exited processes included.
	User, System, Interrupt time.Duration
	Entries, Forks, Exits   uint64
	Denials                 map[string]uint64 // by scope's name
	Observed                map[string]uint64 // the same, of what passed for the jail is observed
	Lost                    uint64            // events that Events can't return any more, as often as they were
	Since                   time.Time         // when what Seen returns began
}

// Hidden says whether the kernel keeps Config and Root from the caller: every
// jail has a root.
func (j *Jail) Hidden() bool { return j.Root == "" }

// CPU is all the time that its processes have used.
func (j *Jail) CPU() time.Duration { return j.User + j.System + j.Interrupt }

// Sum of what was counted by scope.
func Sum(counts map[string]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// Snapshot is all jails at one moment.
type Snapshot struct {
	Generation uint64
	Uptime     time.Duration
	Jails      []Jail
}

// Process in a jail.
type Process struct {
	Jail              ID
	PID, Parent       int
	UID               uint32
	Init, Zombie      bool
	Threads           int
	Resident, Virtual uint64 // bytes
	CPU               time.Duration
	Started           time.Time
	Command           string
}

// PortOwner is a reservation and the jail that holds it.
type PortOwner struct {
	Jail ID
	Port PortRange
}

// Verdict is what a rule answers.
type Verdict uint8

const (
	Defer  Verdict = iota // as if there were no jail
	Deny                  // never
	Own                   // inside the own jail only
	Listed                // for a list of devices only
	Port                  // by the port's owner
)

// Rule of the policy table that the kernel holds.
type Rule struct {
	Scope, Name, What string
	Action, Request   uint32     // kauth's numbers
	Verdict           [3]Verdict // by Level
	Word              string     // that changes the verdict, or "" for none
}

// Word that an administrator may allow or deny.
type Word struct {
	Name, What string
}
