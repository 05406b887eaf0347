package setup

import (
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/RepliBuild/replibuild/internal/tomlplace"
	"github.com/RepliBuild/replibuild/ipc"
)

// text writes the layout as a replibuild.toml.
func (l *layout) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[project]\nname = %s\n", tomlString(l.name))
	one := len(l.targets) == 1
	l.writeCompilation(&b, one)
	if !one {
		for _, t := range l.targets {
			l.writeTarget(&b, t)
		}
	}
	l.writeDependencies(&b, one)
	if len(l.leftOut) > 0 {
		b.WriteString("\n# Left out, because something that they include was not found:\n")
		for _, text := range l.leftOut {
			b.WriteString("#   " + strings.ReplaceAll(text, "\n", " ") + "\n")
		}
	}
	return b.String()
}

func (l *layout) writeCompilation(b *strings.Builder, one bool) {
	var lines []string
	if l.standard != "" && l.standard != defaultCXXStandard {
		if message, _ := cxxStandard(l.standard); message == "" {
			lines = append(lines, "cxx_standard = "+tomlString(l.standard))
		}
	}
	if one {
		lines = append(lines, l.sourceLines(l.targets[0], true)...)
	}
	switch hasInclude := slices.Contains(l.includeDirs, defaultInclude); {
	case len(l.includeDirs) == 1 && hasInclude || len(l.includeDirs) == 0:
	default:
		lines = append(lines, "include_dirs = "+tomlList(l.includeDirs))
	}
	if len(l.linkLibs) > 0 {
		lines = append(lines, "link_libs = "+tomlList(l.linkLibs))
	}
	if len(lines) > 0 {
		fmt.Fprintf(b, "\n[compilation]\n%s\n", strings.Join(lines, "\n"))
	}
}

func (l *layout) writeTarget(b *strings.Builder, t *proposed) {
	fmt.Fprintf(b, "\n[targets.%s]\nkind = %q\n", tomlplace.QuotedKey(t.name), t.kind)
	for _, line := range l.sourceLines(t, false) {
		b.WriteString(line + "\n")
	}
	if t.kind != ipc.KindExecutable && slices.Contains(l.includeDirs, defaultInclude) {
		fmt.Fprintf(b, "public_include_dirs = %s\n", tomlList([]string{defaultInclude}))
	}
	if len(t.depends) > 0 {
		fmt.Fprintf(b, "depends = %s\n", tomlList(t.depends))
	}
	own := slices.DeleteFunc(slices.Clone(t.modules), func(m string) bool { return slices.Contains(l.modules, m) })
	if len(own) > 0 {
		fmt.Fprintf(b, "dependencies = { modules = %s }\n", tomlList(own))
	}
}

func (l *layout) writeDependencies(b *strings.Builder, one bool) {
	modules := slices.Clone(l.modules)
	if one {
		for _, m := range l.targets[0].modules {
			if !slices.Contains(modules, m) {
				modules = append(modules, m)
			}
		}
	}
	if len(modules)+len(l.packages) == 0 {
		return
	}
	b.WriteString("\n[dependencies]\n")
	if len(modules) > 0 {
		fmt.Fprintf(b, "modules = %s\n", tomlList(modules))
	}
	if len(l.packages) > 0 {
		fmt.Fprintf(b, "pkg_config = %s\n", tomlList(l.packages))
	}
}

// sourceLines say which sources a target has: by folder where all in it are its
// own, so that a new file is built too, else by pattern or name.
func (l *layout) sourceLines(t *proposed, one bool) []string {
	own := map[string]bool{}
	for _, f := range t.sources {
		own[f.path] = true
	}
	folders, sources := l.cover(own)
	if !one && len(t.sources) == 1 && len(folders) == 0 { // a new file beside it is another program
		sources = []string{escapePattern(t.sources[0].path)}
	}
	if one && len(sources) == 0 && slices.Equal(folders, []string{"src"}) {
		return nil
	}
	var lines []string
	if len(folders) > 0 {
		lines = append(lines, "source_dirs = "+tomlList(folders))
	}
	if len(sources) > 0 {
		lines = append(lines, "sources = "+tomlList(sources))
	}
	return lines
}

// cover describes a set of sources: the highest folders that hold nothing else,
// then patterns for one folder and ending, then names.
func (l *layout) cover(own map[string]bool) (folders, sources []string) {
	foreign := map[string]bool{} // folders that hold sources of others
	mixed := map[string]bool{}   // "dir/*.ext" that match sources of others
	for _, f := range l.sources {
		if own[f.path] {
			continue
		}
		mixed[path.Join(path.Dir(f.path), "*"+path.Ext(f.path))] = true
		for dir := path.Dir(f.path); ; dir = path.Dir(dir) {
			foreign[dir] = true
			if dir == "." {
				break
			}
		}
	}
	done := map[string]bool{}
	add := func(list *[]string, item string) {
		if !done[item] {
			done[item] = true
			*list = append(*list, item)
		}
	}
	for _, file := range sortedKeys(own) {
		dir := path.Dir(file)
		pattern := path.Join(escapePattern(dir), "*"+path.Ext(file))
		switch {
		case !foreign[dir] && dir != ".":
			for parent := path.Dir(dir); parent != "." && !foreign[parent]; parent = path.Dir(dir) {
				dir = parent
			}
			add(&folders, dir)
		case !mixed[path.Join(dir, "*"+path.Ext(file))]:
			add(&sources, pattern)
		default:
			add(&sources, escapePattern(file))
		}
	}
	sort.Strings(folders)
	return folders, sources
}

// tomlString writes a string as TOML: the escapes of Go's that TOML has too.
func tomlString(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func tomlList(items []string) string {
	quoted := make([]string, len(items))
	for i, item := range items {
		quoted[i] = tomlString(item)
	}
	if line := "[" + strings.Join(quoted, ", ") + "]"; len(line) <= 100 {
		return line
	}
	return "[\n    " + strings.Join(quoted, ",\n    ") + ",\n]"
}
