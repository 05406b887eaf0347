package compilation

// ownerOf is not known here.
func ownerOf(string) string { return "" }
