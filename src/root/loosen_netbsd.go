package root

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The flags that an owner may set, root in a jail too: nobody removes such a
// file then, nor what is in such a directory, without clearing them.
const (
	userImmutable = 0x2 // UF_IMMUTABLE
	userAppend    = 0x4 // UF_APPEND
)

// loosen clears these flags of a file, and says whether it had any. Those
// that only the host's root sets stay, and keep the file.
func loosen(path string, st *unix.Stat_t) (bool, error) {
	if st.Flags&(userImmutable|userAppend) == 0 {
		return false, nil
	}
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return false, err
	}
	flags := st.Flags &^ (userImmutable | userAppend)
	if _, _, errno := unix.Syscall(unix.SYS_LCHFLAGS, uintptr(unsafe.Pointer(p)), uintptr(flags), 0); errno != 0 {
		return false, &os.PathError{Op: "chflags", Path: path, Err: errno}
	}
	return true, nil
}
