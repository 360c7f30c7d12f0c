package conformance

import (
	"encoding/binary"
	"runtime"
)

const sysSysarch = 165

func init() {
	if runtime.GOARCH != "amd64" {
		return
	}
	register(
		attempt{name: "iopl", rules: []string{"machdep iopl"}, do: func(int) error {
			args, _ := buffer(4) // level 0, as it is
			return call(sysSysarch, 2, args)
		}},
		attempt{name: "get mtrr", rules: []string{"machdep mtrr.get"}, do: func(int) error {
			count, _ := buffer(4)
			ranges, _ := buffer(4096)
			args, b := buffer(16)
			binary.LittleEndian.PutUint64(b, uint64(ranges))
			binary.LittleEndian.PutUint64(b[8:], uint64(count))
			return call(sysSysarch, 11, args)
		}},
		attempt{name: "set mtrr", rules: []string{"machdep mtrr.set"}, do: func(int) error {
			count, _ := buffer(4) // none
			args, b := buffer(16)
			binary.LittleEndian.PutUint64(b[8:], uint64(count))
			return call(sysSysarch, 12, args)
		}},
	)
}
