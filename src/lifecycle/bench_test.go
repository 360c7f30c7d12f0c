package lifecycle

import "testing"

// BenchmarkStart is what a start of a prepared jail costs on the host's side:
// mounts, nodes, the journal; without the kernel's and the services' part.
func BenchmarkStart(b *testing.B) {
	h, _, _ := created(b)
	for b.Loop() {
		if err := h.Start(ctx, "web", 0, nil); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := h.Stop(ctx, "web", 0, nil); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
