package lifecycle

import (
	"testing"

	"jails/tests/host"
)

func TestMain(m *testing.M) {
	helper()
	host.Main(m)
}
