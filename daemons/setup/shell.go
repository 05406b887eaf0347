package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// splitShell splits text into words as a shell does, without expanding anything: for
// CC and CXX, which may carry arguments, and for what pkg-config prints.
func splitShell(text string) []string {
	var out []string
	var word strings.Builder
	begun, quote := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == '\'':
			word.WriteByte(c)
		case c == '\\' && i+1 < len(text) && (quote == 0 || strings.IndexByte("\"\\$`", text[i+1]) >= 0):
			i++
			word.WriteByte(text[i])
			begun = true
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, begun = c, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if begun {
				out = append(out, word.String())
				word.Reset()
				begun = false
			}
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if begun {
		out = append(out, word.String())
	}
	return out
}

// findProgram looks for a program as execvp does: name is a path if it has a slash,
// else it is searched on the PATH of env. "" means that it is not there.
func (w watcher) findProgram(root, name string, env []string) string {
	if strings.ContainsRune(filepath.ToSlash(name), '/') {
		file := absolute(root, name)
		if w.isFile(file) {
			return file
		}
		return ""
	}
	for _, dir := range pathDirs(root, env) {
		for _, suffix := range executableSuffixes {
			file := filepath.Join(dir, name+suffix)
			if w.isFile(file) && executable(w.sign(file)) {
				return file
			}
		}
	}
	return ""
}

// pathDirs lists the folders of PATH; an empty one means the working directory,
// which is the root.
func pathDirs(root string, env []string) []string {
	var dirs []string
	seen := map[string]bool{}
	for _, dir := range filepath.SplitList(ipc.EnvValue(env, "PATH")) {
		dir = absolute(root, dir)
		if !seen[dir] {
			seen[dir] = true
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// probeTimeout bounds a question to a compiler or to pkg-config. They answer in some
// hundred milliseconds; a network file system may need seconds.
const probeTimeout = 30 * time.Second

// ask runs a program in root and returns what it prints to both outputs. The error
// says how it ended, with the last line that it printed.
func ask(ctx context.Context, root string, env []string, program string, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = root, env, &out, &errs
	cmd.WaitDelay = time.Second // for a pipe that a grandchild holds
	err = cmd.Run()
	if err != nil {
		switch {
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			err = fmt.Errorf("no answer within %v", probeTimeout)
		case ctx.Err() != nil:
			err = ctx.Err()
		default:
			if line := firstLine(errs.String()); line != "" {
				err = fmt.Errorf("%w: %s", err, line)
			}
		}
	}
	return out.String(), errs.String(), err
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(line)
}

// withEnv returns env with some variables replaced.
func withEnv(env []string, set ...string) []string {
	out := make([]string, 0, len(env)+len(set))
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		replaced := false
		for _, s := range set {
			replaced = replaced || strings.HasPrefix(s, name+"=")
		}
		if !replaced {
			out = append(out, kv)
		}
	}
	return append(out, set...)
}
