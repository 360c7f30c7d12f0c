package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jails/src/secmodel"
)

// user is the ordinary user of the host and of every jail: the same number,
// for the model must keep the two apart.
const user = 12345

// jail is one of the suite's jails.
type jail struct {
	id   secmodel.ID
	name string
	root string
}

var serial atomic.Uint32

// newRoot makes a directory that can be a jail's root: this program, /tmp and
// the devices are in it.
func newRoot(t testing.TB) string {
	t.Helper()
	root := filepath.Join(work, fmt.Sprintf("root%d", serial.Add(1)))
	t.Cleanup(func() {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	for _, dir := range []string{"", "tmp", "dev", "proc", "mnt"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(root, "tmp"), 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "tmp", "file"), []byte("file\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(image, filepath.Join(root, program)); err != nil {
		t.Fatal(err)
	}
	for _, d := range devices {
		// Open to all, so that nothing but the model can refuse it.
		node := filepath.Join(root, "dev", d.name)
		if err := d.make(node); err != nil {
			missing[d.name] = err.Error()
			continue
		}
		if err := os.Chmod(node, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	furnish(t, root)
	return root
}

// newJail makes a jail that ends with the test.
func newJail(t testing.TB, config secmodel.Config) *jail {
	t.Helper()
	j := &jail{name: fmt.Sprintf("c%d", serial.Add(1)), root: newRoot(t)}
	var err error
	if j.id, err = model.Create(j.name, j.root, config); err != nil {
		t.Fatalf("create: %v", err)
	}
	t.Cleanup(func() {
		if err := j.end(); err != nil {
			t.Errorf("jail %s: %v", j.name, err)
		}
	})
	return j
}

// end kills and destroys the jail; one that is gone already is fine.
func (j *jail) end() error {
	if err := model.Kill(j.id, int(unix.SIGKILL)); err != nil {
		if errors.Is(err, secmodel.ErrNoJail) {
			return nil
		}
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), replyTime)
	defer cancel()
	if err := model.Wait(ctx, j.id); err != nil {
		return err
	}
	return model.Destroy(j.id)
}

// actor starts an actor in the jail.
func (j *jail) actor(t testing.TB, uid int) *actor {
	t.Helper()
	return start(t, part{Jail: j.id, UID: uid})
}

// record is the jail's, as the host's root sees it.
func (j *jail) record(t testing.TB) secmodel.Jail {
	t.Helper()
	r, err := model.Lookup(j.id.String())
	if err != nil {
		t.Fatalf("jail %d: %v", j.id, err)
	}
	return r
}

// eventually waits for what the kernel does on its own, an exit for example.
func eventually(t testing.TB, what string, done func() bool) bool {
	t.Helper()
	for end := time.Now().Add(replyTime); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if done() {
			return check(t, true, "")
		}
	}
	return check(t, false, "not within %v: %s", replyTime, what)
}

func pointer[T any](v T) *T { return &v }

// change sets the jail's configuration, all but its ports.
func (j *jail) change(t testing.TB, c secmodel.Config) {
	t.Helper()
	err := model.Set(j.id, secmodel.Change{Level: &c.Level, Allow: &c.Allow, Deny: &c.Deny, Strict: &c.Strict, Observe: &c.Observe, Processes: &c.Processes})
	if err != nil {
		t.Fatalf("set %d: %v", j.id, err)
	}
}
