package session

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// harmless says whether a descriptor may come into a jail: a pipe and a socket
// have no owner and no mode that anybody else looks at. A directory is for the
// kernel's model to refuse. st is filled in, unless nothing is open there.
func harmless(fd int, st *unix.Stat_t) bool {
	if unix.Fstat(fd, st) != nil {
		return true
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFSOCK, unix.S_IFDIR:
		return true
	case unix.S_IFIFO:
		return nameless(fd, st)
	}
	return false
}

// sameFile says whether a descriptor is the file that st is of.
func sameFile(fd int, st *unix.Stat_t) bool {
	var other unix.Stat_t
	return unix.Fstat(fd, &other) == nil && other.Dev == st.Dev && other.Ino == st.Ino
}

// isNull says whether st is of the host's /dev/null. It is as common as a
// pipe, and the jail's own can stand in for it.
func isNull(st *unix.Stat_t) bool {
	var null unix.Stat_t
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && unix.Stat(os.DevNull, &null) == nil &&
		null.Mode&unix.S_IFMT == unix.S_IFCHR && null.Rdev == st.Rdev
}

// hasNull says whether a jail's root seems to have a /dev/null. No link of the
// jail's is followed out of it.
func hasNull(root string) bool {
	r, err := os.OpenRoot(root)
	if err != nil {
		return false
	}
	defer r.Close()
	st, err := r.Lstat("dev/null")
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// null is a standard descriptor that is the host's /dev/null.
type null struct {
	fd   int
	rdev uint64
}

func nullDescriptors() (found []null) {
	for fd := range 3 {
		var st unix.Stat_t
		if !harmless(fd, &st) && isNull(&st) {
			found = append(found, null{fd, uint64(st.Rdev)})
		}
	}
	return found
}

// replaceNull puts the jail's own /dev/null in their place. It is called in
// the jail.
func replaceNull(nulls []null) error {
	if len(nulls) == 0 {
		return nil
	}
	fd, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || uint64(st.Rdev) != nulls[0].rdev {
		return errors.New("it is another file")
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		return err
	}
	for _, n := range nulls {
		if err := unix.Dup3(fd, n.fd, 0); err != nil {
			return err
		}
	}
	return nil
}
