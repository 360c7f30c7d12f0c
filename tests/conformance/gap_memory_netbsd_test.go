package conformance

import (
	"encoding/binary"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

const (
	vmProcMap   = 1    // VM_PROC_MAP
	mapRecord   = 1128 // of a struct kinfo_vmentry
	kernelPage  = 4096
	mapElement  = 8 // of a record: where the mapping begins
	mapUnwanted = 0xa5
)

func init() {
	// The kernel has memory for as many records as there is room for, and
	// writes more, if only a part of each is wanted. Here they are as few as
	// what is left of its last page holds, so that nothing is overwritten.
	show("Memory of the kernel", func(t *testing.T) {
		j := newJail(t, secmodel.Config{Level: secmodel.High, Strict: true})
		a, other := j.actor(t, user), j.actor(t, user)
		got := a.do(t, "mappings", strconv.Itoa(other.pid))
		for got.Error == "" && got.Value == "none fit" {
			must(t, other.do(t, "map-page"))
			got = a.do(t, "mappings", strconv.Itoa(other.pid))
		}
		must(t, got)
		open(t, got.Value == "beyond", "the kernel keeps to the memory that it has for records of mappings: %s", got.Value)
	})
	verb("map-page", func([]string) (string, error) {
		_, err := unix.Mmap(-1, 0, kernelPage, unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
		return "", err
	})
	// mappings PROCESS: whether more of them come than there is room for.
	verb("mappings", func(args []string) (string, error) {
		pid, err := numbers(args)
		if err != nil {
			return "", err
		}
		mib, err := node("vm.proc")
		if err != nil {
			return "", err
		}
		mib = append(mib, vmProcMap, int32(pid[0]), mapElement)
		n, err := sysctl(mib, nil, nil)
		if err != nil {
			return "", err
		}
		records := n / mapElement
		room := records - 1
		for ; -room*mapRecord&(kernelPage-1) < (records-room)*mapRecord; room-- {
			if records-room == kernelPage/mapRecord {
				return "none fit", nil
			}
		}
		_, old := buffer(n + kernelPage)
		for i := range old {
			old[i] = mapUnwanted
		}
		_, err = sysctl(mib, old[:room*mapElement], nil)
		beyond := old[room*mapElement : n]
		if slices.ContainsFunc(beyond, func(b byte) bool { return b != mapUnwanted }) {
			return "beyond", nil
		}
		return strconv.FormatUint(binary.NativeEndian.Uint64(beyond), 16) + " " + strconv.Itoa(room), err
	})
}
