package event

import (
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// A process that waits for nothing but what others do is left alone by Go's
// collector, and by no other: what is called back has it.
func TestCollectorOffWhileIdle(t *testing.T) {
	const percent = 77
	defer debug.SetGCPercent(debug.SetGCPercent(percent))
	l := newReal(t)
	ended := make(chan error, 1)
	go func() { ended <- l.Run() }()
	for deadline := time.Now().Add(time.Minute); collector() == percent; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Error("idle, the collector is on")
			break
		}
	}
	var called uint64
	l.Post(func() {
		called = collector()
		l.Stop()
	})
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if called != percent || collector() != percent {
		t.Errorf("the collector is at %d%% in a callback and at %d%% after, want %d%%", called, collector(), percent)
	}
}

// collector is what debug.SetGCPercent has set, a huge number for off.
func collector() uint64 {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
