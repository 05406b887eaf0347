package setup

import (
	"path"
	"slices"
	"sort"
	"strings"
)

// findFolders finds the folders to search, so that what sources and headers include
// is found.
func (l *layout) findFolders() {
	use := func(dir string) {
		if !slices.Contains(l.includeDirs, dir) {
			l.includeDirs = append(l.includeDirs, dir)
		}
	}
	for header := range l.headers {
		if strings.HasPrefix(header, "include/") {
			use("include")
			break
		}
	}
	read := map[string][]include{}
	for _, t := range l.targets {
		for _, f := range t.sources {
			read[f.path] = f.includes
		}
	}
	queue := sortedKeys(read)
	for len(queue) > 0 {
		file := queue[0]
		queue = queue[1:]
		for _, inc := range read[file] {
			header, dir := l.locateHeader(file, inc)
			if header == "" {
				continue
			}
			if dir != "" {
				use(dir)
			}
			if _, known := read[header]; !known {
				read[header] = l.includesOf(header)
				queue = append(queue, header)
			}
		}
	}
	sort.SliceStable(l.includeDirs, func(i, j int) bool { return l.includeDirs[i] == "include" && l.includeDirs[j] != "include" })
}

func (l *layout) includesOf(header string) []include {
	text, err := readLimited(absolute(l.root, header))
	if err != nil {
		return nil
	}
	return scanIncludes(text)
}

// locateHeader finds a header of the project. dir is the folder that has to be
// searched for it, "" if it is found beside the file or is the system's.
func (l *layout) locateHeader(file string, inc include) (header, dir string) {
	if inc.quoted {
		if beside := path.Join(path.Dir(file), inc.name); l.headers[beside] || l.isSource(beside) {
			return beside, ""
		}
	}
	for _, dir := range l.includeDirs {
		if found := path.Join(dir, inc.name); l.headers[found] || l.isSource(found) {
			return found, dir
		}
	}
	if !inc.quoted && l.inSystem(inc.name) {
		return "", ""
	}
	best := ""
	for candidate := range l.headers {
		root, ok := strings.CutSuffix(candidate, "/"+inc.name)
		if candidate == inc.name {
			root, ok = ".", true
		}
		if ok && (best == "" || rank(root) < rank(best) || rank(root) == rank(best) && root < best) {
			best = root
		}
	}
	if best == "" {
		return "", ""
	}
	return path.Join(best, inc.name), best
}

// rank orders folders by likelihood: usual names first, then those nearest to the root.
func rank(dir string) int {
	switch dir {
	case "include":
		return 0
	case ".", "src":
		return 1
	}
	return 2 + strings.Count(dir, "/")
}

func (l *layout) isSource(file string) bool {
	return slices.ContainsFunc(l.sources, func(f *foundSource) bool { return f.path == file })
}

// inSystem reports whether the compiler finds a header by itself.
func (l *layout) inSystem(name string) bool {
	for _, dir := range l.resolver.chain.IncludeDirs {
		if l.resolver.store.isFile(absolute(dir, name)) {
			return true
		}
	}
	return false
}
