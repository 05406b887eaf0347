package setup

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/ipc"
)

// driverFacts is what one driver says of itself.
type driverFacts struct {
	family, version, triple string
	compiler                string   // the program that it runs to compile
	programs                []string // folders where it looks for programs
	libraries               []string
	includes                []string
	configs                 []string // configuration files that it read
	resources               []string // folders of headers that it brings along
}

// driver asks one driver for its search lists and where it looks for programs, both
// at once: a clang that is not in the page cache takes 150 ms to start.
func (p *prober) driver(ctx context.Context, driver string, args []string, language string) (driverFacts, error) {
	env := withEnv(p.env, "LC_ALL=C")
	var wg sync.WaitGroup
	var verbose, dirs string
	var err, errDirs error
	wg.Go(func() {
		_, verbose, err = ask(ctx, p.root, env, driver, append(slices.Clone(args), "-v", "-E", "-x", language, devNull)...)
	})
	wg.Go(func() {
		dirs, _, errDirs = ask(ctx, p.root, env, driver, append(slices.Clone(args), "-print-search-dirs")...)
	})
	wg.Wait()
	if err == nil {
		err = errDirs
	}
	if err != nil {
		return driverFacts{}, err
	}
	f := readVerbose(verbose)
	f.version = firstLine(verbose)
	if f.family == "gcc" { // whose -v begins with other things; unlike clang it starts in no time
		version, _, err := ask(ctx, p.root, env, driver, "--version")
		if err != nil {
			return f, err
		}
		f.version = firstLine(version)
	}
	f.readSearchDirs(p.root, dirs)
	if f.triple == "" {
		return f, fmt.Errorf("it does not say what it compiles for")
	}
	return f, nil
}

// readVerbose reads what "-v -E" prints to the standard error.
func readVerbose(text string) driverFacts {
	f := driverFacts{family: "gcc"}
	into := false
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, "\r")
		switch {
		case strings.HasPrefix(line, "Target: "):
			f.triple = strings.TrimSpace(line[len("Target: "):])
		case strings.Contains(line, "clang version"):
			f.family = "clang"
		case strings.HasPrefix(line, "Configuration file: "):
			f.configs = append(f.configs, strings.TrimSpace(line[len("Configuration file: "):]))
		case strings.HasPrefix(line, "Reading specs from "):
			f.configs = append(f.configs, strings.TrimSpace(line[len("Reading specs from "):]))
		case strings.HasPrefix(line, "#include <...> search starts here:"):
			into = true
		case strings.HasPrefix(line, "End of search list."):
			into = false
		case into && strings.HasPrefix(line, " "):
			f.includes = append(f.includes, filepath.Clean(strings.TrimSuffix(line[1:], " (framework directory)")))
		case f.compiler == "" && strings.HasPrefix(line, " "):
			f.compiler = compilerOf(line)
		}
	}
	return f
}

// compilerOf returns the program of a line like ` "/usr/lib/llvm-19/bin/clang" -cc1 …`
// or ` /usr/lib/gcc/x86_64-linux-gnu/12/cc1plus -E …`.
func compilerOf(line string) string {
	words := splitShell(line)
	if len(words) < 2 || !filepath.IsAbs(words[0]) {
		return ""
	}
	if words[1] == "-cc1" || strings.HasPrefix(filepath.Base(words[0]), "cc1") {
		return words[0]
	}
	return ""
}

// readSearchDirs reads what -print-search-dirs prints.
func (f *driverFacts) readSearchDirs(root, text string) {
	for _, line := range strings.Split(text, "\n") {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		dirs := existing(absoluteAll(root, filepath.SplitList(strings.TrimPrefix(value, "="))))
		switch name {
		case "install":
			f.resources = append(f.resources, filepath.Join(value, "include"), filepath.Join(value, "include-fixed"))
		case "programs":
			f.programs = dirs
		case "libraries":
			f.libraries = dirs
			if f.family == "clang" && len(dirs) > 0 { // the resource folder comes first
				f.resources = append(f.resources, filepath.Join(dirs[0], "include"))
			}
		}
	}
	f.resources = existing(f.resources)
}

// existing drops folders that are not there, and those named before.
func existing(dirs []string) []string {
	var out []string
	for _, dir := range dirs {
		dir = filepath.Clean(dir)
		if !slices.Contains(out, dir) && ipc.StatSignature(dir).IsDir() {
			out = append(out, dir)
		}
	}
	return out
}

// missConfigs notes where a file could appear that would change what the driver does
// by default: gcc's specs, clang's configuration beside its program.
func (f driverFacts) missConfigs(w watcher) {
	if f.family == "gcc" {
		for _, dir := range f.programs {
			w.exists(filepath.Join(dir, "specs"))
		}
		return
	}
	if len(f.programs) > 0 {
		for _, name := range []string{"clang", "clang++", f.triple, f.triple + "-clang", f.triple + "-clang++"} {
			w.exists(filepath.Join(f.programs[0], name+".cfg"))
		}
	}
}
