package root

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"jails/src/durable"
	"jails/src/jail"
	"jails/src/journal"
)

// ErrNoMount is a definition with mounts on a system that forbids them.
var ErrNoMount = errors.New("this system does not let us mount")

// Prepared is a root that a jail can start in.
type Prepared struct {
	Path string
	// Notes say what this system could not give the jail, once.
	Notes []string
}

// Prepare makes the root of a jail that does not run, each step recorded
// before it is done. After an error undo what was recorded.
func (s *Store) Prepare(ctx context.Context, def *jail.Definition, j *journal.Journal) (*Prepared, error) {
	if err := s.Check(def); err != nil {
		return nil, err
	}
	p := &preparing{Store: s, m: s.mounter(), def: def, journal: j, out: &Prepared{}}
	var err error
	if def.Base == "" {
		// The administrator's own path may hold links of his own.
		if p.out.Path, err = filepath.EvalSymlinks(def.Root); err != nil {
			return nil, err
		}
		if p.before, err = p.m.Below(p.out.Path); err != nil {
			return nil, err
		}
		return p.out, p.own(p.out.Path)
	}
	if p.dir, err = real(s.Layout.Jail(def.Name)); err != nil {
		return nil, err
	}
	if p.before, err = p.m.Below(p.dir); err != nil {
		return nil, err
	}
	p.out.Path = filepath.Join(p.dir, "root")
	err = p.layered()
	if forbidden(err) && p.mounted == 0 {
		p.out.Path = filepath.Join(p.dir, "data")
		err = p.copied(ctx)
	}
	return p.out, err
}

type preparing struct {
	*Store
	m       Mounter
	def     *jail.Definition
	journal *journal.Journal
	out     *Prepared
	dir     string   // Layout.Jail's
	before  []string // what was mounted there already
	mounted int
}

// forbidden is how a system says that we may not mount.
func forbidden(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EACCES)
}

// mount records a mount and does it. Nothing must be mounted there yet, or
// its undo would unmount what is not ours.
func (p *preparing) mount(target string, do func() error) error {
	for _, m := range p.before {
		if m == target || strings.HasPrefix(m, target+"/") {
			if p.def.Root != "" {
				return fmt.Errorf("%s: something is %w there already, perhaps for another jail with this root; see: jailmgr list", m, ErrMounted)
			}
			return fmt.Errorf("%s: something is %w there already; see: jailmgr repair %s", m, ErrMounted, p.def.Name)
		}
	}
	if err := p.journal.Record(false, StepMount, target); err != nil {
		return err
	}
	if err := do(); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	p.mounted++
	return nil
}

// layered is the base with the jail's data over it.
func (p *preparing) layered() error {
	base, err := filepath.EvalSymlinks(p.Layout.Base(p.def.Base))
	if err != nil {
		return err
	}
	data, err := safe(p.dir, "data", true)
	if err != nil {
		return err
	}
	root, err := safe(p.dir, "root", true)
	if err != nil {
		return err
	}
	if err := p.mount(root, func() error {
		return p.m.Null(base, root, Flags{ReadOnly: true, NoDevices: true})
	}); err != nil {
		return err
	}
	for _, w := range Writable {
		if p.covered(w) {
			continue
		}
		if err := p.over(data, w, root, w, Flags{NoSetuid: !setuidAllowed(w), NoDevices: true}); err != nil {
			return err
		}
	}
	if err := p.volumes(root); err != nil {
		return err
	}
	return p.devices(root)
}

// covered says whether the definition mounts something over a directory.
func (p *preparing) covered(dir string) bool {
	return slices.ContainsFunc(p.def.Mounts, func(m jail.Mount) bool {
		return "/"+dir == m.At || strings.HasPrefix("/"+dir, m.At+"/")
	})
}

// over shows from/rel at root/at.
func (p *preparing) over(from, rel, root, at string, f Flags) error {
	source, err := safe(from, rel, true)
	if err != nil {
		return err
	}
	target, err := safe(root, at, true)
	if errors.Is(err, unix.EROFS) {
		return fmt.Errorf("the base has no directory /%s and is read-only; mount below /%s, or make it: mkdir %s",
			at, strings.Join(Writable, ", /"), filepath.Join(p.Layout.Base(p.def.Base), at))
	}
	if err != nil {
		return err
	}
	return p.mount(target, func() error { return p.m.Null(source, target, f) })
}

func (p *preparing) volumes(root string) error {
	if len(p.def.Mounts) > 0 {
		if err := p.makeParents(); err != nil {
			return err
		}
	}
	sources := make([]string, len(p.def.Mounts))
	for i, m := range p.def.Mounts {
		var err error
		if sources[i], err = p.source(m); err != nil {
			return err
		}
	}
	if err := p.apart(root, sources); err != nil {
		return err
	}
	// None lies in another: jail.Decode sees to that.
	for i, m := range p.def.Mounts {
		f := Flags{ReadOnly: m.Mode != "rw", NoSetuid: true, NoDevices: true}
		if err := p.over(sources[i], ".", root, m.At[1:], f); err != nil {
			return err
		}
	}
	return nil
}

// apart refuses a source inside of what the jail can write elsewhere: from a
// directory that it moves out of there it would come up to the host's root.
func (p *preparing) apart(root string, sources []string) error {
	writable := []string{root, filepath.Join(p.dir, "data")}
	for i, m := range p.def.Mounts {
		if m.Mode == "rw" {
			writable = append(writable, sources[i])
		}
	}
	for i, m := range p.def.Mounts {
		for _, dir := range writable {
			if strings.HasPrefix(sources[i], dir+"/") {
				return fmt.Errorf("%w: %s, which the jail shall see at %s, lies in %s, where it can move directories, a way out; see: jail_security(7)",
					jail.ErrInvalid, sources[i], m.At, dir)
			}
		}
	}
	return nil
}

// source is the directory that a mount shows, with no link in its path.
func (p *preparing) source(m jail.Mount) (string, error) {
	if m.Source != "" {
		dir, rel, err := p.follow(m.Source)
		if err != nil {
			return "", err
		}
		return safe(dir, rel, false)
	}
	volumes, err := filepath.EvalSymlinks(p.Layout.Volumes())
	if err != nil {
		return "", err
	}
	return safe(volumes, m.Volume, true)
}

// own is a directory of the administrator's, as it is.
func (p *preparing) own(root string) error {
	err := p.volumes(root)
	if err == nil {
		err = p.devices(root)
	}
	if !forbidden(err) || p.mounted > 0 {
		return err
	}
	if len(p.def.Mounts) > 0 {
		return fmt.Errorf("jail %s has mounts: %w", p.def.Name, ErrNoMount)
	}
	p.note("%s/dev is as it is: %v", root, ErrNoMount)
	return nil
}

// copied is a copy of the base into the jail's data, for systems that do not
// let us mount. The jail can write to all of it.
func (p *preparing) copied(ctx context.Context) error {
	if len(p.def.Mounts) > 0 {
		return fmt.Errorf("jail %s has mounts: %w", p.def.Name, ErrNoMount)
	}
	base := p.Layout.Base(p.def.Base)
	data, err := safe(p.dir, "data", true)
	if err != nil {
		return err
	}
	p.note("base %s is copied, and not read-only: %v", p.def.Base, ErrNoMount)
	keep := append([]string{"usr"}, Writable...)
	stamp := filepath.Join(p.dir, "copied")
	if got, err := os.ReadFile(stamp); err != nil || string(got) != p.def.Base+"\n" {
		if err := os.Remove(stamp); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := p.clear(data, keep); err != nil {
			return err
		}
		if err := copyTree(ctx, base, data, append([]string{"dev"}, Writable...)...); err != nil {
			return err
		}
		if err := durable.WriteFile(stamp, []byte(p.def.Base+"\n"), 0o600, false); err != nil {
			return err
		}
	}
	// The jail has had /dev in its hands: make it anew.
	if err := p.removeTree(filepath.Join(data, "dev")); err != nil {
		return err
	}
	dev, err := safe(data, "dev", true)
	if err != nil {
		return err
	}
	return p.nodes(dev)
}

// clear removes from a directory what does not belong to keep, in usr too.
func (p *preparing) clear(data string, keep []string) error {
	for _, at := range []string{".", "usr"} {
		d, err := descend(data, at, true)
		if err != nil {
			return err
		}
		r := &remover{top: d}
		names, err := d.Readdirnames(-1)
		for _, name := range names {
			if err == nil && !slices.Contains(keep, filepath.Join(at, name)) {
				err = r.remove(int(d.Fd()), filepath.Join(data, at, name), name, 0)
			}
		}
		if err := errors.Join(err, d.Close()); err != nil {
			return err
		}
	}
	return nil
}

// devices mounts /dev and makes the nodes in it.
func (p *preparing) devices(root string) error {
	dev, err := safe(root, "dev", true)
	if err != nil {
		return err
	}
	if err := p.mount(dev, func() error { return p.m.Devices(dev) }); err != nil {
		return err
	}
	if err := p.nodes(dev); err != nil {
		return err
	}
	pts, err := safe(dev, "pts", true)
	if err != nil {
		return err
	}
	err = p.mount(pts, func() error { return p.m.Terminals(pts) })
	if err != nil && noTerminals(err) {
		p.note("no pseudo-terminals in the jail: %v", err)
		return nil
	}
	return err
}

// nodes makes /dev's nodes and links in a directory that is empty.
func (p *preparing) nodes(dev string) error {
	missing := 0
	for _, n := range devices {
		// Where we may mount but not make nodes, a node is a mount.
		if err := p.journal.Record(false, StepMount, filepath.Join(dev, n.Name)); err != nil {
			return err
		}
		err := p.m.Node(dev, n)
		switch {
		case errors.Is(err, errNoDriver): // this kernel was built without
		case forbidden(err):
			missing++
		case err != nil:
			return fmt.Errorf("%s/%s: %w", dev, n.Name, err)
		}
	}
	if missing > 0 {
		p.note("no device nodes in the jail: this system does not let us make them; programs that need /dev/null fail")
	}
	d, err := os.OpenRoot(dev)
	if err != nil {
		return err
	}
	defer d.Close()
	for _, l := range deviceLinks {
		if err := d.Symlink(l.target, l.name); err != nil {
			return err
		}
	}
	return nil
}

func (p *preparing) note(format string, args ...any) {
	p.out.Notes = append(p.out.Notes, fmt.Sprintf(format, args...))
}

var errNoDriver = errors.New("the kernel has no such driver")

type link struct{ target, name string }

// Mounted lists what is mounted in a jail's root.
func (s *Store) Mounted(name string) ([]string, error) {
	dir, err := real(s.Layout.Jail(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.mounter().Below(dir)
}

// real is a path of the layout, as the kernel tells of it: directories above
// it may be links of the administrator's.
func real(path string) (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	return filepath.Join(dir, filepath.Base(path)), err
}

// Release unmounts everything in a jail's root, for when no journal says
// what was mounted.
func (s *Store) Release(name string) error {
	below, err := s.Mounted(name)
	if err != nil {
		return err
	}
	for _, target := range slices.Backward(below) {
		if err := s.unmount(target); err != nil {
			return err
		}
	}
	return nil
}
