package account

// MayRegroup says whether this process can set its supplementary groups.
func MayRegroup() bool { return true }
