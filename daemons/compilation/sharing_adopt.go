package compilation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/internal/words"
)

// maxTemplate bounds the files that hold names of the roots: dependency files.
const maxTemplate = 16 << 20

// adopt takes an entry of another place into the project's cache, with the names of this
// tree, and returns it as it is there. Every content is checked when it is delivered.
func (w *work) adopt(ctx context.Context, t *attempt, from tier, found *foundEntry, set snapshot.InputSet) (*cache.Entry, error) {
	if name := t.foreignOutput(w, found.Entry); name != "" {
		return nil, fmt.Errorf("its command does not make the output %s", name)
	}
	e := &cache.Entry{
		Action: actionKey(t.base, set), Diagnostics: w.roots.Expand(found.Diagnostics), Seconds: found.Seconds, CPU: found.CPU, Peak: found.Peak,
		Created: found.Created, Command: strings.Join(t.line, " "), Origin: words.FromTier(from.name(), found.Origin).Text, Remote: from.far(),
	}
	contents, err := found.contents(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range found.Outputs {
		if slices.Contains(found.Templates, o.Name) {
			text, err := w.expandOutput(contents[o.Name], o)
			if err != nil {
				return nil, fmt.Errorf("output %s: %w", o.Name, err)
			}
			contents[o.Name] = cache.Ready{Text: text}
			o.Blob, o.Size = cache.HashBytes(text), int64(len(text))
		}
		e.Outputs = append(e.Outputs, o)
	}
	if _, ok := e.Output(declaredName(0)); !ok {
		return nil, errors.New("it has no main output")
	}
	w.s.store.Pin(w.pin, e.Action)
	if err := w.s.store.Adopt(e, contents); err != nil {
		return nil, err
	}
	return e, w.s.store.AddInputSet(t.base, set.ToCache(e.Action))
}

// foreignOutput is an output of an entry that the command does not make, "" if there is none:
// a poisoned server could have files of the project replaced by it. Commands
// whose results are shared make their declared outputs, the files that their flags name and a
// dependency file beside the object.
func (t *attempt) foreignOutput(w *work, e *cache.Entry) string {
	known := map[string]bool{}
	for i := range t.outputs {
		known[declaredName(i)] = true
	}
	for _, name := range t.smallOutputs(w) {
		known[name] = true
	}
	for _, o := range e.Outputs {
		if !known[o.Name] {
			return o.Name
		}
	}
	return ""
}

// smallOutputs are the names in an entry of what a command may make beside its declared
// outputs: dependency files for the most part.
func (t *attempt) smallOutputs(w *work) (names []string) {
	main := t.outputs[0]
	for _, p := range append([]string{strings.TrimSuffix(main, path.Ext(main)) + ".d"}, t.beside...) {
		names = append(names, besidePrefix+snapshot.Spell(w.root, p))
	}
	return names
}

func closeFiles(files map[string]*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// expandOutput is the content of a template with the names of this tree.
func (w *work) expandOutput(c cache.Ready, o cache.Output) ([]byte, error) {
	template := c.Text
	if c.File != "" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if template, err = io.ReadAll(io.LimitReader(f, maxTemplate+1)); err != nil {
			return nil, err
		}
	}
	switch {
	case len(template) > maxTemplate:
		return nil, errors.New("it is too large for a template")
	case cache.HashBytes(template) != o.Blob:
		return nil, cache.ErrDamaged
	}
	return []byte(w.roots.Expand(string(template))), nil
}

// anonymousFile is a file without a name that holds a text, open at its beginning.
func anonymousFile(text string) (*os.File, error) {
	f, err := os.CreateTemp("", "replibuild-")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name())
	_, err = f.WriteString(text)
	if _, seekErr := f.Seek(0, io.SeekStart); err == nil {
		err = seekErr
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
