package control

// roomy says whether descriptors can be sent; the kernel says so itself.
func roomy(int) bool { return true }
