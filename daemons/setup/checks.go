package setup

import (
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/RepliBuild/replibuild/internal/lazyregexp"
)

// The checks of values.

func notEmpty(text string) (message, suggestion string) {
	if strings.TrimSpace(text) == "" {
		return "is empty", ""
	}
	if strings.ContainsRune(text, 0) {
		return "holds a NUL", ""
	}
	return "", ""
}

func oneLine(text string) (message, suggestion string) {
	if strings.ContainsAny(text, "\n\r\x00") {
		return "must be one line", ""
	}
	return "", ""
}

// oneOf suggests all values: they are few.
func oneOf(names ...string) check {
	return func(text string) (message, suggestion string) {
		if slices.Contains(names, text) {
			return "", ""
		}
		suggestion = didYouMean(text, names)
		if suggestion == "" {
			suggestion = "one of: " + strings.Join(names, ", ")
		}
		return fmt.Sprintf("is %q, which is not one of its values", text), suggestion
	}
}

var (
	cxxStandards = []string{"98", "03", "11", "0x", "14", "1y", "17", "1z", "20", "2a", "23", "2b", "26", "2c"}
	cStandards   = []string{"89", "90", "99", "9x", "11", "1x", "17", "18", "23", "2x", "2y"}
)

func cxxStandard(text string) (message, suggestion string) {
	return standard(text, "c++", cxxStandards)
}

func cStandard(text string) (message, suggestion string) { return standard(text, "c", cStandards) }

func standard(text, language string, versions []string) (message, suggestion string) {
	var names []string
	for _, prefix := range []string{language, strings.Replace(language, "c", "gnu", 1)} {
		for _, v := range versions {
			names = append(names, prefix+v)
		}
	}
	if slices.Contains(names, text) {
		return "", ""
	}
	digits := strings.TrimLeft(strings.ToLower(text), "cgnu+=-std: ")
	if slices.Contains(versions, digits) {
		return fmt.Sprintf("is %q, which is no standard of that language", text), "did you mean " + language + digits + "?"
	}
	return fmt.Sprintf("is %q, which is no standard of that language", text), fmt.Sprintf("for example %q", language+"17")
}

func validPattern(text string) (message, suggestion string) {
	if message, suggestion = cleanPath(text); message != "" {
		return message, suggestion
	}
	if !doublestar.ValidatePattern(text) {
		return fmt.Sprintf("has the pattern %q, which is not valid", text), `close every "[" and "{", and write \[ for the character`
	}
	return "", ""
}

func cleanPath(text string) (message, suggestion string) {
	if runtime.GOOS != "windows" && strings.Contains(text, `\`) && !strings.ContainsAny(text, "*?[{") {
		return fmt.Sprintf("is %q with backslashes", text), fmt.Sprintf("write %q", strings.ReplaceAll(text, `\`, "/"))
	}
	return oneLine(text)
}

// localPath is for files that we make and may remove later: they must lie in the project.
func localPath(text string) (message, suggestion string) {
	clean := path.Clean(text)
	if path.IsAbs(text) || clean == ".." || clean == "." || strings.HasPrefix(clean, "../") || strings.ContainsAny(text, "\\\n\r") {
		return fmt.Sprintf("is %q, which is not a folder beneath the project", text), `for example "build"`
	}
	if strings.HasPrefix(clean, "-") || strings.HasPrefix(clean, "@") {
		return fmt.Sprintf("is %q, which compilers take for an option", text), `for example "build"`
	}
	if first, _, _ := strings.Cut(clean, "/"); first == ".replibuild" || first == ".git" {
		return fmt.Sprintf("is %q, which is not ours to fill", text), `for example "build"`
	}
	return "", ""
}

func fileName(text string) (message, suggestion string) {
	if text == "" || text == "." || text == ".." || strings.ContainsAny(text, "/\\\x00\n") {
		return fmt.Sprintf("is %q, which is not a file name", text), "the folder is [output] output_dir"
	}
	return "", ""
}

var targetNames = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_.+-]*$`)

func targetName(text string) (message, suggestion string) {
	if !targetNames().MatchString(text) {
		return "is not usable as the name of a file", "use letters, digits, and _ . + - after the first"
	}
	return "", ""
}

var macroNames = lazyregexp.New(`^[A-Za-z_]\w*(\([\w, .]*\))?(=|$)`)

func macro(text string) (message, suggestion string) {
	if !macroNames().MatchString(text) {
		suggestion = `write "NAME" or "NAME=VALUE"`
		if rest, ok := strings.CutPrefix(text, "-D"); ok {
			suggestion = fmt.Sprintf("write %q", rest)
		}
		return fmt.Sprintf("is %q, which is not a macro", text), suggestion
	}
	return "", ""
}

// flagOnly refuses flags that would change the source or the object of a compile: those
// belong to the plan.
func flagOnly(text string) (message, suggestion string) {
	switch {
	case text == "-c" || text == "-S" || text == "-E" || text == "-fsyntax-only" || strings.HasPrefix(text, "-o"):
		return fmt.Sprintf("holds %q, which says what the compiler makes", text), "RepliBuild adds -c and -o itself"
	case text == "-" || text == "-x" || strings.HasPrefix(text, "-x"):
		return fmt.Sprintf("holds %q, which says what the compiler reads", text), "the language comes from the file's name"
	}
	return "", ""
}

var moduleNames = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.+-]*$`)

func moduleName(text string) (message, suggestion string) {
	if !moduleNames().MatchString(text) {
		suggestion = `write { name = "Boost", version = ">=1.70" } for a version`
		return fmt.Sprintf("is %q, which is not the name of a module", text), suggestion
	}
	return "", ""
}
