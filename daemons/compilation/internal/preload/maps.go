package preload

import "strings"

// mappedPaths returns the files in the text of /proc/PID/maps, each once. The path is
// the sixth field and may have spaces in it; one that was deleted says so at its end,
// and then no file has its name.
func mappedPaths(maps string) []string {
	var paths []string
	known := make(map[string]bool)
	for line := range strings.Lines(maps) {
		at := strings.IndexByte(line, '/')
		if at < 0 || strings.Count(line[:at], ":") != 1 {
			continue
		}
		path := strings.TrimSuffix(line[at:], "\n")
		if !strings.HasPrefix(path, "/memfd:") && !known[path] {
			known[path] = true
			paths = append(paths, path)
		}
	}
	return paths
}
