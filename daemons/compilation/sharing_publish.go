package compilation

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/portable"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/process"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// candidate is a result of the project's cache that may serve in other folders.
type candidate struct {
	id    string
	entry *cache.Entry // of the project's cache
	index cache.Digest
	key   cache.Digest // portable
	paths cache.InputSet
	roots portable.Roots
	to    []tier
	// compile is [sharing.compile]; the rest says how it runs.
	compile func(maps []string, output string) []string
	set     snapshot.InputSet
	root    string
	env     []string
	timeout time.Duration
}

// offer has a result stored in the places beyond the project's cache, if it may serve in
// other folders: at once where the command hides the roots, else when an idle compile has
// shown that they do not matter. Results of other machines are not passed on, and neither are
// those whose inputs may be more than is known.
func (w *work) offer(t *attempt, e *cache.Entry, set snapshot.InputSet) {
	if t.share == nil || len(w.tiers) == 0 || e.Mode != "" || e.Observed != byTrace || e.Origin != "" {
		return
	}
	index, err := t.share.index()
	if err != nil {
		return
	}
	known := snapshot.FromCache(set.ToCache(cache.Digest{})) // in the order in which others get it
	paths, why := pathSetOf(known, w.roots)
	if why != "" {
		w.s.tiers.refuse(t.id, why)
		return
	}
	c := &candidate{
		id: t.id, entry: e, index: index, key: portableKey(index, known, w.roots), paths: paths, roots: w.roots,
		compile: t.share.compile, set: set, root: w.root, env: w.env, timeout: w.timeout,
	}
	for _, p := range w.tiers {
		if p.wants(c.key) {
			c.to = append(c.to, p)
		}
	}
	switch {
	case len(c.to) == 0:
	case t.share.mapped && !readsHome(paths) || c.compile == nil:
		w.s.publish(c)
	default:
		w.s.auditor.prove(c)
	}
}

// readsHome reports whether a path set has a file in the home folder, which a prefix map over
// the project does not hide.
func readsHome(paths cache.InputSet) bool {
	return slices.ContainsFunc(paths.Inputs, func(f cache.Input) bool { return portable.InHome(f.Path) })
}

// namedRoots are the roots whose names keep a result in this folder, where they stand in its
// inputs or outputs. The home folder is one of them only if something in it mattered: its name can
// be a short word such as /root, which is in every text with an XML tag of that name. What is not
// there in folders of PATH does not matter: there compilers look for other programs.
func (c *candidate) namedRoots() portable.Roots {
	search := make(map[string]bool)
	for _, dir := range filepath.SplitList(ipc.EnvValue(c.env, "PATH")) {
		search[c.roots.Mark(strings.TrimRight(dir, "/"))] = true
	}
	missed := func(m cache.Miss) bool { return portable.InHome(m.Dir) && !search[m.Dir] }
	if readsHome(c.paths) || slices.ContainsFunc(c.paths.Misses, missed) {
		return c.roots
	}
	return c.roots.WithoutHome()
}

// publish stores a candidate in the places beyond the project's cache. Its outputs must not
// contain a root: that is no proof of anything, but a sign of a mistake in the rules.
func (s *Service) publish(c *candidate) {
	if why := s.publishTo(c); why != "" {
		s.tiers.refuse(c.id, why)
	}
}

func (s *Service) publishTo(c *candidate) (why string) {
	e := &cache.Entry{
		Action: c.key, Seconds: c.entry.Seconds, CPU: c.entry.CPU, Peak: c.entry.Peak, Created: c.entry.Created,
		Origin: "made in " + c.root,
	}
	var ok bool
	if e.Diagnostics, ok = c.roots.Template(c.entry.Diagnostics); !ok {
		return "its messages name the folder in a way that cannot be replaced"
	}
	if why := s.namesRoot(c); why != "" {
		return why
	}
	files := make(map[string]*os.File, len(c.entry.Outputs))
	defer closeFiles(files)
	for _, o := range c.entry.Outputs {
		f, there, why := s.portableOutput(c, e, o)
		if why != "" {
			return why
		}
		files[o.Name] = f
		e.Outputs = append(e.Outputs, there)
	}
	for _, p := range c.to {
		stored := *e
		stored.Outputs = slices.Clone(e.Outputs)
		for _, f := range files {
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				return err.Error()
			}
		}
		if err := p.store(c.index, c.paths, &stored, files); err != nil {
			s.log.Debug("a result is not shared", "id", c.id, "place", p.name(), "error", err)
			continue
		}
		s.tiers.published()
	}
	return ""
}

// portableOutput opens an output of a candidate as others get it, and describes it. A
// dependency file becomes a template if it has names of the roots.
func (s *Service) portableOutput(c *candidate, e *cache.Entry, o cache.Output) (f *os.File, there cache.Output, why string) {
	f, err := s.store.Open(o)
	if err != nil {
		return nil, o, err.Error()
	}
	roots := c.namedRoots()
	named, err := anyPiece(f, roots.Longest(), roots.In)
	if _, seekErr := f.Seek(0, io.SeekStart); err == nil {
		err = seekErr
	}
	switch _, beside := besidePath(o.Name); {
	case err != nil:
		why = err.Error()
	case !named:
		return f, o, ""
	case !beside:
		why = "it contains the name of its folder"
	}
	defer f.Close()
	if why != "" {
		return nil, o, why
	}
	text, err := io.ReadAll(io.LimitReader(f, maxTemplate))
	template, ok := c.roots.Template(string(text))
	if err != nil || !ok || int64(len(text)) != o.Size {
		return nil, o, fmt.Sprintf("%s names the folder in a way that cannot be replaced", o.Name)
	}
	e.Templates = append(e.Templates, o.Name)
	there = o
	there.Blob, there.Size = cache.HashBytes([]byte(template)), int64(len(template))
	f2, err := anonymousFile(template)
	if err != nil {
		return nil, o, err.Error()
	}
	return f2, there, ""
}

// namesRoot says which input of a candidate contains the name of a root, "" if none does. A
// source may include a file of this folder by its absolute name. In another folder the same
// source means the same file, but the path set would have the other folder's.
func (s *Service) namesRoot(c *candidate) string {
	roots := c.namedRoots()
	for _, in := range c.set.Files {
		named, known := s.tiers.namedRoot(in.Digest, roots)
		if !known {
			path := in.Path
			if !filepath.IsAbs(path) {
				path = c.root + "/" + path
			}
			sum, found, err := scanFile(path, roots)
			if err != nil || !found && sum != in.Digest {
				return in.Path + " has changed meanwhile"
			}
			named = found
			s.tiers.noteNamedRoot(in.Digest, roots, named)
		}
		if named {
			return in.Path + " contains the name of the folder"
		}
	}
	return ""
}

// scanFile reports whether a file contains a root; of one that does not it returns the digest.
func scanFile(path string, roots portable.Roots) (sum cache.Digest, found bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, false, err
	}
	defer f.Close()
	h := sha256.New()
	found, err = anyPiece(io.TeeReader(f, h), roots.Longest()+2, roots.Names)
	return cache.Digest(h.Sum(nil)), found, err
}

// anyPiece reports whether a file has a piece that is looked for. Pieces overlap by so many
// bytes.
func anyPiece(f io.Reader, overlap int, wanted func(piece string) bool) (bool, error) {
	window := bufio.NewReaderSize(f, max(1<<16, 4*overlap))
	for {
		piece, err := window.Peek(window.Size())
		if wanted(string(piece)) {
			return true, nil
		}
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if _, err := window.Discard(len(piece) - overlap); err != nil {
			return false, err
		}
	}
}

// prove compiles a candidate under other names of its roots, and has it stored if that makes
// no difference. It returns false if it has to be tried again.
func (s *Service) prove(ctx context.Context, c *candidate) bool {
	x := suspect{root: c.root, env: c.env, set: c.set}
	if !s.holds(x) {
		return true // what was compiled is there no more; what is there now comes by itself
	}
	dir, err := os.MkdirTemp("", "replibuild-share-")
	if err != nil {
		return true
	}
	defer os.RemoveAll(dir)
	sum, err := s.compileElsewhere(ctx, c, dir+"/1.o")
	if ctx.Err() != nil {
		return false
	}
	main, _ := c.entry.Output(declaredName(0))
	switch {
	case err != nil:
		s.tiers.refuse(c.id, err.Error())
	case !s.holds(x):
	case sum != main.Blob:
		s.tiers.refuse(c.id, "compiled under another name of its folder it is not the same")
	default:
		s.publish(c)
	}
	return true
}

// compileElsewhere runs the proof of a candidate and returns the content of what it makes.
func (s *Service) compileElsewhere(ctx context.Context, c *candidate, output string) (sum cache.Digest, err error) {
	job := process.Task{Args: c.compile(c.roots.MapsTo(elsewhere), output), Dir: c.root, Env: c.env, Timeout: c.timeout}
	response, err := shorten(&job)
	if err != nil {
		return sum, err
	}
	defer response.remove()
	o, err := s.runner.Run(ctx, job, nil)
	if err != nil {
		return sum, err
	}
	if !o.OK() {
		return sum, fmt.Errorf("it does not compile under another name of its folder: %s", firstLine(o.Output))
	}
	sum, _, err = cache.HashFile(output)
	return sum, err
}

// elsewhere is the folder whose name a proof gives the roots.
const elsewhere = "/replibuild/elsewhere"

// compileAt makes [sharing.compile] of a compile: dependency files are left out, because
// there can be one only, and that is in its place. The maps come first, so that those of the
// command win, as they do in every folder.
func compileAt(tool []string, source string) func(maps []string, output string) []string {
	return func(maps []string, output string) []string {
		return slices.Concat(tool[:1], maps, withoutDependencyFlags(tool[1:]), []string{"-c", source, "-o", output})
	}
}

// readSharing finds out whether results of the compiler's commands may serve in other folders.
func (k *compiler) readSharing(w *work) {
	mapped, why := portable.Compile(k.recipe.Args[1:], w.roots)
	why = cmp.Or(why, k.never, k.wrapped())
	if why != "" {
		w.s.tiers.refuse("", why)
		return
	}
	k.shared = &sharedCompiles{mapped: mapped, recipe: portableRecipe(k.recipe, w.roots)}
}

// sharedCompiles is what the units of a command share for this.
type sharedCompiles struct {
	mapped bool
	recipe cache.Digest // without the names of the roots
}

// share says how a unit's result may serve in other folders, nil if it may not.
func (k *compiler) share(w *work, given, source, object string) *sharing {
	if k.shared == nil || isAssembler(source) {
		return nil
	}
	return &sharing{
		mapped:  k.shared.mapped,
		compile: compileAt(k.tool, given),
		index: func() (cache.Digest, error) {
			content, err := w.view.DigestOf(source)
			if err != nil {
				return cache.Digest{}, err
			}
			key := cache.NewKey("portable compile").Digest("recipe", k.shared.recipe).Field("source", w.roots.Mark(source)).Digest("content", content)
			if k.flags.named != "" {
				key.Field("object", w.roots.Mark(object))
			}
			return key.Sum(), nil
		},
	}
}

// wrapped says why the driver is none of the toolchain's own programs, "" if it is one. A
// wrapper may do anything with the name of its folder.
func (k *compiler) wrapped() string {
	driver := k.recipe.Args[0]
	if file, err := filepath.EvalSymlinks(driver); err != nil || !k.programs[file] {
		return driver + " is not a program of the toolchain"
	}
	return ""
}
