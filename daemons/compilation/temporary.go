package compilation

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
)

const (
	// temporaryPrefix begins the names of our temporary files, here and in the cache's
	// delivery.
	temporaryPrefix = ".rb-"
	// abandoned is the age at which such a file belongs to a process that was killed:
	// far longer than any compile takes.
	abandoned = 24 * time.Hour
)

// sweeper removes what killed processes left beside outputs, once a folder.
type sweeper struct{ swept sync.Map }

func (s *sweeper) sweep(dir string) {
	if _, again := s.swept.LoadOrStore(dir, true); again {
		return
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), temporaryPrefix) && time.Since(info.ModTime()) > abandoned {
			_ = os.Remove(dir + e.Name())
		}
	}
}

// ending is what tools tell the kind of an output by.
func ending(name string) string {
	if ext := filepath.Ext(name); len(ext) <= 16 {
		return ext
	}
	return "" // the end of a long name with a dot in it
}

// isTemporary reports whether a file has a name as ours have.
func isTemporary(file string) bool { return strings.HasPrefix(filepath.Base(file), temporaryPrefix) }

// besideOutput is a name for another file that is made with an output. Where the output
// has a name of ours it begins with that, so that it is found with it.
func besideOutput(output, ending string) string {
	dir, name := filepath.Split(output)
	if !strings.HasPrefix(name, temporaryPrefix) {
		name = temporaryPrefix + rand.Text()
	}
	return dir + strings.TrimSuffix(name, filepath.Ext(name[len(temporaryPrefix):])) + ending
}

// clearAfter removes what an ended tool has left beside its output: tools write to names
// that they make from the output's and rename them at last, clang to NAME-xxxxxxxx.o.tmp,
// lld to NAME.tmpxxxxxxx, llvm-ar to NAME.temp-archive-xxxxxxx.a (LLVM's TempFile and
// FileOutputBuffer). They remove them on SIGTERM, but not on SIGKILL, and not in the
// moment between making a file and noting that it is to be removed.
func clearAfter(o process.Outcome, output string) {
	if o.Stopped != nil || o.Exit > 128 {
		removeNamedAfter(output)
	}
}

// removeNamedAfter removes a file that has a name of ours, and those whose names begin with it
// without its ending.
func removeNamedAfter(output string) {
	dir, name := filepath.Split(output)
	random, ours := strings.CutPrefix(name, temporaryPrefix)
	random, _, _ = strings.Cut(random, ".")
	if !ours || random == "" {
		return
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), temporaryPrefix+random) {
			_ = os.Remove(dir + e.Name()) // what cannot be removed is swept later
		}
	}
}

// sameMode reports whether there is a file of its own at path with these permissions.
func sameMode(path string, mode uint32) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular() && uint32(info.Mode().Perm()) == mode
}

// maxArguments is the length of a command line above which it goes into a file: the
// kernel's limit is 2 MiB with the environment, less where the stack is small.
const maxArguments = 128 << 10

// responsePrefix begins the names of files with arguments.
const responsePrefix = "replibuild-args-"

// responseFile holds the arguments of a long command line. The zero value is none.
type responseFile struct{ path string }

func (f responseFile) remove() {
	if f.path != "" {
		_ = os.Remove(f.path)
	}
}

// shorten moves the arguments of a long command line into a file, "@file", which
// compilers, linkers and archivers all read.
func shorten(t *process.Task) (responseFile, error) {
	length := 0
	for _, a := range t.Args {
		length += len(a) + 1
	}
	if length < maxArguments {
		return responseFile{}, nil
	}
	f, err := os.CreateTemp("", responsePrefix)
	if err != nil {
		return responseFile{}, fmt.Errorf("shorten a command line: %w", err)
	}
	response := responseFile{f.Name()}
	var b strings.Builder
	for _, a := range t.Args[1:] {
		b.WriteString(quoteArgument(a) + "\n")
	}
	_, err = f.WriteString(b.String())
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err != nil {
		response.remove()
		return responseFile{}, fmt.Errorf("shorten a command line: %w", err)
	}
	t.Args = []string{t.Args[0], "@" + response.path}
	return response, nil
}

// quoteArgument writes an argument as libiberty's expandargv and LLVM's GNU
// tokenizer read it: within double quotes a backslash takes the next character as
// it is.
func quoteArgument(a string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(a) {
		if a[i] == '"' || a[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(a[i])
	}
	b.WriteByte('"')
	return b.String()
}
