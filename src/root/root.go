// Package root makes the file system that a jail sees: base layers from
// sets, a jail's own data, mounts, device nodes and volumes.
//
// A jail's root is its base, read-only, with its data over the directories
// that must be writable. Where the system does not let us mount, it is a
// copy. What is written into a jail's tree is written through descriptors
// that no symbolic link leads astray, as the tree is in the hands of whoever
// is root in the jail.
package root

import "jails/src/jail"

// Store is all roots of a layout.
type Store struct {
	Layout jail.Layout
	Mounts Mounter // nil for the kernel's
}

// Mounter is what we need of a system's mounts. Paths are absolute and hold
// no symbolic link below the layout's directories.
type Mounter interface {
	// Null shows the directory source at target.
	Null(source, target string, f Flags) error
	// Devices mounts a small file system for device nodes.
	Devices(target string) error
	// Node makes a device node in a directory of Devices, or of a copy.
	Node(dir string, n Node) error
	// Terminals mounts a file system of pseudo-terminals.
	Terminals(target string) error
	Unmount(target string) error
	// Below lists the mount points at dir and below, in the order in which
	// they were mounted.
	Below(dir string) ([]string, error)
}

// Flags of a mount.
type Flags struct{ ReadOnly, NoSetuid, NoDevices bool }

// Node is a device that every jail has.
type Node struct {
	Name   string
	Mode   uint32
	Driver string // in the kernel's table of drivers
	Minor  uint32
	Major  uint32 // where majors are the same everywhere
}

// Kinds of steps in a journal.
const (
	StepMount = "mount" // a mount point
	StepTree  = "tree"  // a directory that was not there, with all in it
	StepFile  = "file"  // a file that was not there, and the SHA-256 of what it holds
	StepDir   = "dir"   // a directory that was not there, and goes if it is empty
)

func (s *Store) mounter() Mounter {
	if s.Mounts != nil {
		return s.Mounts
	}
	return kernel{}
}

// Writable are the directories of a jail with a base that are its own. What
// the base holds there is what a new jail starts with.
var Writable = []string{"etc", "home", "root", "tmp", "usr/local", "usr/pkg", "var"}

// mountPoints are directories that every base has, if need be empty.
var mountPoints = append([]string{"dev", "mnt", "proc", "srv"}, Writable...)

// setuidAllowed are those of Writable whose programs may be set-user-id: the
// places for packages.
func setuidAllowed(dir string) bool { return dir == "usr/pkg" || dir == "usr/local" }
