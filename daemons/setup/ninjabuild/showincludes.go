package ninjabuild

import (
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
)

const defaultIncludePrefix = "Note: including file: "

// showIncludes takes the lines of /showIncludes, and the name of the source, out of the
// output of a compiler of Microsoft's. It returns the headers, except those of the
// system.
func showIncludes(output []byte, prefix string) (headers []string, rest []byte) {
	if prefix == "" {
		prefix = defaultIncludePrefix
	}
	seen := false
	for len(output) > 0 {
		line, after := firstLine(output)
		output = after
		if header, ok := strings.CutPrefix(line, prefix); ok {
			seen = true
			header = strings.TrimLeft(header, " ")
			if header != "" && !isSystemHeader(header) {
				headers = append(headers, ninja.Canonical(header))
			}
			continue
		}
		if !seen && isSourceName(line) {
			continue // the compiler prints the name of what it compiles
		}
		rest = append(append(rest, line...), '\n')
	}
	slices.Sort(headers)
	return slices.Compact(headers), rest
}

func firstLine(text []byte) (line string, rest []byte) {
	end := slices.IndexFunc(text, func(c byte) bool { return c == '\n' || c == '\r' })
	if end < 0 {
		return string(text), nil
	}
	line = string(text[:end])
	if text[end] == '\r' {
		end++
	}
	if end < len(text) && text[end] == '\n' {
		end++
	}
	return line, text[end:]
}

func isSystemHeader(path string) bool {
	path = strings.ToLower(path)
	return strings.Contains(path, "program files") || strings.Contains(path, "microsoft visual studio")
}

func isSourceName(line string) bool {
	line = strings.ToLower(line)
	return slices.ContainsFunc([]string{".c", ".cc", ".cxx", ".cpp", ".c++"}, func(end string) bool { return strings.HasSuffix(line, end) })
}
