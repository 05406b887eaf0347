package compilation

import (
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

var twoBuilders = flag.Int("two-builders", 10, "how often each of two builders writes one output")

// Two builders write one object and a file beside it, with different content, as fast as
// they can. What each believes of its result, and what it stores, is always its own.
func TestTwoBuilders(t *testing.T) {
	t.Parallel()
	const source = "src/main.cpp"
	eachTraced(t, func(t *testing.T, p *project) {
		p.write(source, "int g(char *);\nint f() { char room[V]; return g(room); }\n")
		p.cfg.OutputLock = filepath.Join(filepath.Dir(p.root), "state", "outputs.lock")
		var builders []*project
		var wants []map[string]string
		for _, size := range []string{"-DV=100", "-DV=5000"} {
			b := newProject(t, p.tool)
			b.root, b.cache, b.cfg = p.root, p.cache, p.cfg
			b.args = append(b.args, "-fstack-usage", size)
			builders, wants = append(builders, b), append(wants, b.plainFiles(source))
		}
		p.clean()
		var running sync.WaitGroup
		for i, b := range builders {
			running.Go(func() { b.writeAgain(source, *twoBuilders, wants[i]) })
		}
		running.Wait()
		for i, b := range builders {
			b.build(source)
			b.sameFiles("in the end", b.builtFiles(), wants[i], nil)
		}
		if left, _ := filepath.Glob(p.path("build/obj/app/src/.rb-*")); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	})
}

// writeAgain makes a unit without asking the cache, again and again, and counts results of
// somebody else.
func (p *project) writeAgain(source string, times int, want map[string]string) {
	foreign, doubts := 0, 0
	for range times {
		req := p.batch(source)
		req.NoCache = true
		results, err := p.run(p.t.Context(), req)
		if err != nil || results[source].Status != ipc.StatusCompiled {
			p.t.Errorf("%+v, %v", results, err)
			return
		}
		rec := p.s.records.get("app:" + source)
		if !rec.trusted() {
			doubts++
			continue
		}
		foreign += p.foreign(rec, want)
	}
	if foreign > 0 {
		p.t.Errorf("%d contents of the other builder in %d runs", foreign, times)
	}
	if doubts > 0 {
		p.t.Errorf("%d of %d results are in doubt, though outputs are locked", doubts, times)
	}
}

// foreign counts outputs of a record and of its entry in the cache that have another
// content than they should.
func (p *project) foreign(rec *record, want map[string]string) (n int) {
	for _, o := range rec.Outputs {
		if o.Digest != cache.HashBytes([]byte(want[o.Path])) {
			n++
		}
	}
	entry, _ := p.store.Get(rec.Action)
	if entry == nil {
		return n
	}
	for _, o := range entry.Outputs {
		at := filepath.Join(p.t.TempDir(), "blob")
		if err := p.store.Deliver(o, at); err != nil {
			continue
		}
		text, _ := os.ReadFile(at)
		if path, beside := besidePath(o.Name); string(text) != want[unitOf("src/main.cpp").Output()] && (!beside || string(text) != want[path]) {
			n++
		}
	}
	return n
}
