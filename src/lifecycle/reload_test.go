package lifecycle

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"jails/src/jail"
)

func TestReload(t *testing.T) {
	h, _, s := started(t)
	redefine := func(text string) {
		t.Helper()
		if err := os.WriteFile(h.Layout.Definition("web"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	asked := func(want ...string) {
		t.Helper()
		if !slices.Equal(s.reloaded, want) {
			t.Errorf("the supervisor was asked %q, want %q", s.reloaded, want)
		}
		s.reloaded = nil
	}
	for _, dry := range []bool{false, true} {
		changes, err := h.Reload(ctx, "web", dry, nil)
		if err != nil || len(changes) != 1 {
			t.Errorf("%v, %v", changes, err)
		}
	}
	asked("web false", "web true")

	// What is not refused is for the supervisor; what is never gets there.
	redefine(strings.Replace(definition, "/bin/x", "/bin/y", 1) + "[log]\nkeep = '2 x 1 MB'\n")
	if _, err := h.Reload(ctx, "web", false, nil); err != nil {
		t.Error(err)
	}
	asked("web false")
	for text, want := range map[string]string{
		strings.Replace(definition, "base = 'b'", "root = '/'+'x'", 1):                 "",
		strings.Replace(definition, "base = 'b'", "root = '/x'", 1):                    "base, root of jail web can not be changed while it runs; nothing is changed",
		definition + "[[mount]]\nsource = '/x'\nat = '/y'\n":                           "mount of jail web can not be changed while it runs; nothing is changed",
		strings.Replace(definition, "base = 'b'", "base = 'c'", 1) + "[limits]\ncpu=9": "base of jail web can not be changed while it runs; nothing is changed",
	} {
		redefine(text)
		for _, dry := range []bool{false, true} {
			_, err := h.Reload(ctx, "web", dry, nil)
			fixed := new(FixedError)
			switch {
			case want == "" && !errors.Is(err, jail.ErrInvalid):
				t.Errorf("a definition that is not valid: %v", err)
			case want != "" && (!errors.As(err, &fixed) || err.Error() != want):
				t.Errorf("%v, want %s", err, want)
			}
		}
	}
	asked()
	redefine(definition)

	lock, err := h.Layout.Lock("web", "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Reload(ctx, "web", false, nil); !errors.Is(err, jail.ErrLocked) {
		t.Errorf("beside another: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.path("web")); err != nil { // its supervisor is killed
		t.Fatal(err)
	}
	if _, err := h.Reload(ctx, "web", false, nil); !errors.As(err, new(*UnwatchedError)) {
		t.Errorf("without its supervisor: %v", err)
	}
	if err := h.Stop(ctx, "web", 0, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Reload(ctx, "web", true, nil); !errors.As(err, new(*StoppedError)) {
		t.Errorf("one that is stopped: %v", err)
	}
	if _, err := h.Reload(ctx, "nosuch", true, nil); !errors.As(err, new(*UnknownError)) {
		t.Errorf("one that is not there: %v", err)
	}
	if _, err := h.Reload(ctx, "../web", true, nil); err == nil {
		t.Error("a name that is none")
	}
	asked()
}
