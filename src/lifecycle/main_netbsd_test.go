package lifecycle

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	helper()
	os.Exit(m.Run())
}
