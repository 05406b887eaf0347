package compilation

// unfitOutput refuses everything: the thin client is for Linux.
func (l *launch) unfitOutput(string) string { return "the thin client is for Linux" }
