package compilation

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
)

// A compile with a preamble names other inputs in its dependency file than a plain one: first the
// precompiled inputs of the preamble, absolutely, then the source and what it includes after its
// block (clang's DependencyCollector visits the inputs of a precompiled header when it is loaded).
// So the names of the block, as a plain compile spells them, are kept with the preamble, and take
// the place of the former. TestPreambleDepfile holds the result equal to a plain compile's.

// depfileWish is what a command asks of its dependency file. The zero value asks for none.
type depfileWish struct {
	mode   string // "-MD" or "-MMD", "" = none
	file   string // "" = beside the output
	target string // "-MT" or "-MQ", "" = the output's name
	named  string // the value of target
	phony  bool
}

// readDepfileWish reads it from a command's arguments. why says why a command with a preamble
// cannot fulfil it, "" if it can.
func readDepfileWish(args []string) (w depfileWish, why string) {
	for i := 0; i < len(args); i++ {
		n, value := takes(dependencyFlags, args[i:], true)
		if n == 0 {
			continue
		}
		flag := args[i]
		if n == 1 {
			flag = strings.TrimSuffix(flag, value)
		}
		switch {
		case flag == "-MD" && w.mode == "-MMD": // which clang prefers, wherever it stands
		case flag == "-MD" || flag == "-MMD":
			w.mode = flag
		case flag == "-MF":
			w.file = value
		case (flag == "-MT" || flag == "-MQ") && w.target == "":
			w.target, w.named = flag, value
		case flag == "-MP":
			w.phony = true
		default:
			why = args[i] + " does not go with one"
		}
		i += n - 1
	}
	if w.mode == "" && why == "" && w != (depfileWish{}) {
		why = "it has flags of a dependency file and makes none"
	}
	return w, why
}

// path is the dependency file's name, as the command spells it.
func (w depfileWish) path(output string) string {
	if w.file != "" {
		return w.file
	}
	return strings.TrimSuffix(output, path.Ext(output)) + ".d"
}

// args ask for the same in another file. output is the name that stands for the target
// if the command names none.
func (w depfileWish) args(file, output string) []string {
	if w.mode == "" {
		return nil
	}
	args := []string{w.mode, "-MF", file}
	if w.target != "" {
		args = append(args, w.target, w.named)
	} else {
		args = append(args, "-MQ", output)
	}
	if w.phony {
		args = append(args, "-MP")
	}
	return args
}

// rule is the first rule of a dependency file of clang's.
type rule struct {
	target string
	names  []string
}

var errDepfileNames = errors.New("the dependency file has names that need quotes")

// readRule reads a dependency file that has no names with quotes in it.
func readRule(text []byte) (r rule, err error) {
	end := endOfRule(text)
	plain := bytes.ReplaceAll(text[:end], []byte("\\\n"), nil)
	target, names, ok := strings.Cut(string(plain), ": ")
	if !ok || bytes.ContainsAny(plain, "\\$#\t") || strings.ContainsAny(target, " :") {
		return r, errDepfileNames
	}
	return rule{target, strings.Fields(names)}, nil
}

// endOfRule is the length of the first rule of a dependency file: up to a line end without a
// backslash before it.
func endOfRule(text []byte) int {
	for end := 0; ; {
		n := bytes.IndexByte(text[end:], '\n')
		if n < 0 {
			return len(text)
		}
		end += n + 1
		if end < 2 || text[end-2] != '\\' {
			return end
		}
	}
}

// text is the file as clang writes it.
func (r rule) text(phony bool) []byte {
	out := clangStyle.render(r.target, r.names)
	if phony {
		for i, name := range r.names {
			if i > 0 { // not for the source
				out = fmt.Appendf(out, "%s:\n", name)
			}
		}
	}
	return out
}

// plainDepfile turns the text of a compile with a preamble into that of a plain one. names are those
// of the block, given is the source as the command names it.
func (w depfileWish) plainDepfile(text []byte, names []string, given string) ([]byte, error) {
	r, err := readRule(text)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(text, clangStyle.render(r.target, r.names)) {
		return nil, errors.New("this clang writes dependency files in another way")
	}
	source := strings.TrimPrefix(given, "./")
	at := slices.Index(r.names, source)
	if at < 0 || len(r.names) == 0 || !strings.HasSuffix(r.names[0], preambleSuffix) {
		return nil, errors.New("the dependency file does not name what was expected")
	}
	plain := rule{target: r.target, names: append([]string{source}, names...)}
	known := make(map[string]bool, len(plain.names))
	for _, n := range plain.names {
		known[n] = true
	}
	for _, n := range r.names[at:] {
		if !known[n] {
			plain.names = append(plain.names, n)
		}
	}
	return plain.text(w.phony), nil
}

// blockNames are the names in the dependency file of a block, without that of the block itself.
// An error says why what follows the block could not be told from them: a folder of the search
// path is spelled absolutely, and a name of a file beneath it is not. If that file is included
// by both names, clang names it once with the preamble and twice without.
func blockNames(file string, front frontEnd, root string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &cannot{why: "the dependency file of its includes was not made"}
	}
	r, err := readRule(text)
	if err != nil {
		return nil, &cannot{why: err.Error()}
	}
	if len(r.names) == 0 || !strings.HasSuffix(r.names[0], preambleSuffix) {
		return nil, &cannot{why: "the dependency file of its includes does not begin with them"}
	}
	names := r.names[1:]
	for _, n := range names {
		if dir := spelledOtherwise(n, front, root); dir != "" {
			return nil, &cannot{why: n + " also has a name beneath " + dir + ", where the compiler searches"}
		}
	}
	return names, nil
}

// spelledOtherwise returns a folder of the search path by which a relative name has an absolute one.
func spelledOtherwise(name string, front frontEnd, root string) string {
	if filepath.IsAbs(name) {
		return ""
	}
	absolute := filepath.Join(root, name)
	for _, arg := range front {
		if filepath.IsAbs(arg) && arg != front[0] && strings.HasPrefix(absolute, filepath.Clean(arg)+"/") {
			return arg
		}
	}
	return ""
}

// rewriteDepfile makes the dependency file of a compile with the preamble that of a plain one. It
// says why that cannot be done, "" if it was.
func (use *preambleUse) rewriteDepfile(v *snapshot.Tree, wish depfileWish, file string) string {
	if wish.mode == "" {
		return ""
	}
	file = v.Abs(file)
	text, err := os.ReadFile(file)
	if err != nil {
		return "its dependency file cannot be read: " + err.Error()
	}
	text, err = wish.plainDepfile(text, use.with.Depends, use.given)
	if err != nil {
		return err.Error()
	}
	// In place: the trace knows the file by its inode.
	if err := os.WriteFile(file, text, 0o666); err != nil {
		return "its dependency file cannot be written: " + err.Error()
	}
	return ""
}

// sameDepfile reports whether the dependency file of a tried compile, made plain, is the one
// that the record says.
func (p *preamble) sameDepfile(file string, k *compiler, given string, want *outputRecord) (bool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	text, err = k.depfile.plainDepfile(text, p.Depends, given)
	if err != nil {
		return false, &cannot{why: err.Error()}
	}
	return want != nil && cache.HashBytes(text) == want.Digest, nil
}
