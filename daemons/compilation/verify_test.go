package compilation

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/internal/testkit"
	"github.com/RepliBuild/replibuild/ipc"
)

// plan is the plan of sources, each as a unit of target "app".
func (p *project) plan(sources ...string) *ipc.Plan {
	b := p.batch(sources...)
	out := &ipc.Plan{Root: p.root, BuildDir: b.BuildDir, Env: b.Env, Toolchains: b.Toolchains, Commands: b.Commands}
	for _, u := range b.Actions {
		out.Actions = append(out.Actions, u.Action)
	}
	return out
}

// spoil puts another object into the cache for what a unit was made from, and into
// the build folder, as a lookup would.
func (p *project) spoil(source string) {
	p.t.Helper()
	rec := p.s.records.get("app:" + source)
	object := p.path(unitOf(source).Output())
	wrong := filepath.Join(p.t.TempDir(), "wrong.o")
	text := p.read(unitOf(source).Output())
	p.writeAbs(wrong, text[:len(text)-1]+string(text[len(text)-1]^1))
	file, err := os.Open(wrong)
	if err == nil {
		defer file.Close()
		err = p.store.Put(&cache.Entry{Action: rec.Action, Seconds: 1}, map[string]*os.File{declaredName(0): file})
	}
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.Remove(object); err != nil {
		p.t.Fatal(err)
	}
	p.expect("the wrong object is delivered", source, ipc.StatusCached, ipc.ReasonHit)
}

func (p *project) verify(sample int, sources ...string) ipc.CacheVerifyReply {
	p.t.Helper()
	r, err := p.start().CacheVerify(p.t.Context(), ipc.CacheVerifyRequest{Sample: sample, Plan: p.plan(sources...), Env: p.env})
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

func TestVerifyRecomputes(t *testing.T) {
	t.Parallel()
	eitherCompiler(t, "gcc", func(t *testing.T, p *project) {
		p.args = append(p.args, "-g")
		small(p)
		p.write("src/other.cpp", "int other() { return 1; }\n")
		p.build("src/main.cpp")
		p.build("src/other.cpp")
		if r := p.verify(0, "src/main.cpp", "src/other.cpp"); r.Recomputed != 2 || len(r.Different)+len(r.Unsteady) > 0 || r.Absent != 0 {
			t.Errorf("all is well: %+v", r)
		}
		if r := p.verify(1, "src/main.cpp", "src/other.cpp"); r.Recomputed != 1 {
			t.Errorf("a sample of one: %+v", r)
		}
		p.spoil("src/main.cpp")
		r := p.verify(0, "src/main.cpp", "src/other.cpp")
		if len(r.Different) != 1 || !strings.HasPrefix(r.Different[0], "app:src/main.cpp: the cache has ") || len(r.Damaged) != 0 {
			t.Fatalf("a wrong object: %+v", r)
		}
		kept, _ := filepath.Glob(filepath.Join(p.cache, "quarantine", "*", "*"))
		if len(kept) != 2 {
			t.Errorf("kept: %q", kept)
		}
		// Neither the cache's object nor the one in its place is used again.
		if got := p.build("src/main.cpp"); got.Status != ipc.StatusCompiled {
			t.Errorf("after it: %s because of %s", got.Status, got.Reason.Text)
		}
		p.sameAsPlain("src/main.cpp")
		p.write("src/other.cpp", "int other() { return 2; }\n")
		if r := p.verify(0, "src/other.cpp"); r.Absent != 1 || r.Recomputed != 0 {
			t.Errorf("a source that the cache has no entry for: %+v", r)
		}
	})
}

// A compiler that does not make the same twice says nothing about the cache.
func TestVerifyUnsteadyCompiler(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.wrap(`for a; do [ "$last" = -o ] && out=$a; last=$a; done; $real "$@" && echo $$ >>"$out"`)
	p.write("src/main.cpp", "int main() {}\n")
	p.build("src/main.cpp")
	r := p.verify(0, "src/main.cpp")
	if len(r.Unsteady) != 1 || len(r.Different) != 0 || r.Recomputed != 1 {
		t.Errorf("%+v", r)
	}
	p.remove("build")
	p.expect("the entry stays", "src/main.cpp", ipc.StatusCached, ipc.ReasonHit)
}

// audits counts what was checked so far.
func (p *project) audits() int {
	p.s.auditor.mu.Lock()
	defer p.s.auditor.mu.Unlock()
	return p.s.auditor.audited
}

func TestAudit(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	var mu sync.Mutex
	var heard []ipc.EventBody
	p.cfg.AuditEvery, p.cfg.AuditIdle = 1, time.Millisecond
	p.cfg.Publish = func(b ipc.EventBody) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, b)
	}
	small(p)
	p.build("src/main.cpp")
	p.remove("build")
	p.expect("a hit", "src/main.cpp", ipc.StatusCached, ipc.ReasonHit)
	testkit.Until(t, "the audit", func() bool { return p.audits() == 1 })
	if len(heard) != 0 {
		t.Errorf("all is well, but heard: %+v", heard)
	}
	p.spoil("src/main.cpp")
	testkit.Until(t, "the second audit", func() bool { return p.audits() == 2 })
	mu.Lock()
	if n, ok := heard[0].(ipc.Notice); len(heard) != 1 || !ok || n.Level != "error" || n.Code != ipc.CodeCacheDamaged {
		t.Errorf("heard: %+v", heard)
	}
	mu.Unlock()
	var notices []ipc.Notice
	var last ipc.ActionResult
	_, err := p.s.Run(t.Context(), p.batch("src/main.cpp"), func(b ipc.RunProgress) {
		notices = append(notices, b.Notices...)
		for _, r := range b.Finished {
			last = r
		}
	})
	if err != nil || len(notices) != 1 || last.Status != ipc.StatusCompiled {
		t.Errorf("the next build: %v, %+v, %s (%s)", err, notices, last.Status, last.Reason.Text)
	}
	p.sameAsPlain("src/main.cpp")
}

// A request ends an audit at once; the audit goes on after it.
func TestAuditMakesWay(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.cfg.AuditEvery, p.cfg.AuditIdle = 1, time.Millisecond
	audit := filepath.Join(t.TempDir(), "auditing")
	// The plain compile of an audit, which writes into a folder of its own, hangs
	// while it is told to.
	p.wrap(`case "$*" in *replibuild-audit*) echo $$ >>` + audit + `; while [ -e ` + audit + `.hold ]; do sleep 0.01; done;; esac; exec $real "$@"`)
	p.write("src/main.cpp", "int main() {}\n")
	p.write("src/other.cpp", "int other() { return 1; }\n")
	p.writeAbs(audit+".hold", "")
	p.build("src/main.cpp")
	p.remove("build")
	p.expect("a hit", "src/main.cpp", ipc.StatusCached, ipc.ReasonHit)
	started := func(n int) func() bool {
		return func() bool {
			b, _ := os.ReadFile(audit)
			return strings.Count(string(b), "\n") >= n
		}
	}
	testkit.Until(t, "the audit", started(1))
	if r := p.build("src/other.cpp"); r.Status != ipc.StatusCompiled {
		t.Errorf("a build during an audit: %+v", r)
	}
	testkit.Until(t, "the audit to go on", started(2))
	if p.audits() != 0 {
		t.Error("an audit that was cancelled counts")
	}
	if err := os.Remove(audit + ".hold"); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, "its end", func() bool { return p.audits() == 1 })
}

func TestAuditSampling(t *testing.T) {
	t.Parallel()
	a := newAuditor(nil, 0, 0)
	a.active = 1 // nothing is begun
	for range 20 * auditEvery {
		a.hit(false, func() suspect { return suspect{} })
	}
	if n := len(a.suspects); n != 20 {
		t.Errorf("%d of %d hits", n, 20*auditEvery)
	}
	never := newAuditor(nil, -1, 0)
	never.hit(false, func() suspect { t.Error("audited"); return suspect{} })
}

// Hits of links and archives are made again as well.
func TestAuditOfLinks(t *testing.T) {
	t.Parallel()
	p := anyCompiler(t)
	p.cfg.AuditEvery, p.cfg.AuditIdle = 1, time.Millisecond
	p.write("src/main.cpp", "int main() {}\n")
	p.build("src/main.cpp")
	object := unitOf("src/main.cpp").Output()
	targets := []linkTarget{{Name: "app", Output: "build/app"}, {Name: "lib", Kind: ipc.KindStatic, Output: "build/libx.a"}}
	for i, target := range targets {
		p.link(target, object)
		p.s.writeback.drain(t.Context())
		p.remove(target.Output)
		if r := p.link(target, object); r.Status != ipc.StatusCached {
			t.Errorf("%s: %s because of %s", target.Name, r.Status, r.Reason.Text)
		}
		testkit.Until(t, "the audit", func() bool { return p.audits() == i+1 })
	}
}
