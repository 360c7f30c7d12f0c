package jail

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Layout says where everything is. The zero Layout is the system's own.
type Layout struct {
	Prefix string // absolute, without a slash at its end; "" for /
}

// Paths is the layout below $JAILS_PREFIX, which demonstrations and tests
// set to keep off the system's own jails.
func Paths() Layout {
	p := os.Getenv("JAILS_PREFIX")
	if p == "" {
		return Layout{}
	}
	abs, err := filepath.Abs(p)
	if err != nil || abs == "/" {
		return Layout{}
	}
	return Layout{Prefix: abs}
}

// Environment is all that another process of this program needs of ours: it is
// about to be in a jail, where root can read its environment.
func Environment() []string {
	env := []string{"PATH=/sbin:/usr/sbin:/bin:/usr/bin"}
	for _, name := range []string{"JAILS_PREFIX", "HOSTKERN_SOCKET"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func (l Layout) path(elem ...string) string {
	return l.Prefix + "/" + filepath.Join(elem...)
}

func (l Layout) Settings() string              { return l.path("etc/jailmgr.toml") }
func (l Layout) Definitions() string           { return l.path("etc/jails") }
func (l Layout) Definition(name string) string { return l.path("etc/jails", name+".toml") }

func (l Layout) Bases() string               { return l.path("var/jails/base") }
func (l Layout) Base(base string) string     { return l.path("var/jails/base", base) }
func (l Layout) Sets() string                { return l.path("var/jails/sets") }
func (l Layout) Volumes() string             { return l.path("var/jails/volumes") }
func (l Layout) Volume(volume string) string { return l.path("var/jails/volumes", volume) }

// Jail holds all that a jail keeps on disk: its data and its root.
func (l Layout) Jails() string           { return l.path("var/jails/jail") }
func (l Layout) Jail(name string) string { return l.path("var/jails/jail", name) }
func (l Layout) Root(name string) string { return l.path("var/jails/jail", name, "root") }
func (l Layout) Data(name string) string { return l.path("var/jails/jail", name, "data") }

// Journal records the steps of what is being done to a jail.
func (l Layout) Journals() string           { return l.path("var/jails/journal") }
func (l Layout) Journal(name string) string { return l.path("var/jails/journal", name) }

// Run is the directory of a running jail's sockets and locks; it goes when
// the jail stops.
func (l Layout) Runs() string           { return l.path("var/run/jails") }
func (l Layout) Run(name string) string { return l.path("var/run/jails", name) }
func (l Layout) ControlSocket(name string) string {
	return l.path("var/run/jails", name, "control.sock")
}
func (l Layout) SupervisorLock(name string) string {
	return l.path("var/run/jails", name, "supervisor.lock")
}
func (l Layout) locks() string { return l.path("var/run/jails/.lock") }

// Log is the directory of a jail's log files; Current is the newest.
func (l Layout) Log(name string) string     { return l.path("var/log/jails", name) }
func (l Layout) Current(name string) string { return l.path("var/log/jails", name, "current") }

// Audit is the trail of what administrators did.
func (l Layout) Audit() string { return l.path("var/log/jails", auditName) }

// Names lists the jails that have a definition, sorted. A file whose name
// is no jail's name, such as an editor's backup, is passed over.
func (l Layout) Names() ([]string, error) {
	return list(l.Definitions(), ".toml")
}

// Present lists the jails that have a definition, or have left something: data,
// or the journal of one that runs.
func (l Layout) Present() ([]string, error) {
	all, err := l.Names()
	for _, dir := range []string{l.Journals(), l.Jails()} {
		if err != nil {
			return nil, err
		}
		var names []string
		names, err = list(dir, "")
		all = append(all, names...)
	}
	slices.Sort(all)
	return slices.Compact(all), err
}

// list is the valid names in a directory, sorted; none if there is no such
// directory.
func list(dir, suffix string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if ok && CheckName(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
