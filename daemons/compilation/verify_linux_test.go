package compilation

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

// What was made under its own name is compiled again under it. Files beside the object are
// compared too, and everything lies where it was afterwards.
func TestVerifyUnderName(t *testing.T) {
	t.Parallel()
	eachTraced(t, func(t *testing.T, p *project) {
		p.args = append(p.args, "-fstack-usage")
		small(p)
		p.build("src/main.cpp")
		first := p.builtFiles()
		if r := p.verify(0, "src/main.cpp"); r.Recomputed != 1 || len(r.Different)+len(r.Unsteady) > 0 || r.Absent != 0 {
			t.Errorf("all is well: %+v", r)
		}
		p.sameFiles("after it", p.builtFiles(), first, nil)
		p.expect("after it", "src/main.cpp", ipc.StatusCached, ipc.ReasonHit)
		usage := strings.TrimSuffix(unitOf("src/main.cpp").Output(), ".o") + ".su"
		p.spoilOutputs("app:src/main.cpp", map[string]string{besidePrefix + usage: "other.cpp:1:1:f\t0\tstatic\n"})
		if r := p.verify(0, "src/main.cpp"); len(r.Different) != 1 || !strings.Contains(r.Different[0], usage) {
			t.Errorf("a wrong file beside the object: %+v", r)
		}
		p.build("src/main.cpp")
		p.sameFiles("made again", p.builtFiles(), first, nil)
	})
}

// A compiler that makes other files each time says nothing of the cache.
func TestVerifyUnsteadyUnderName(t *testing.T) {
	t.Parallel()
	if _, there := toolchains(t)["gcc"]; !there || tracerDir == "" {
		t.Skip("no traced g++ here")
	}
	p := newProject(t, toolchains(t)["gcc"])
	p.args = append(p.args, "--coverage")
	small(p)
	p.build("src/main.cpp")
	if r := p.verify(0, "src/main.cpp"); len(r.Unsteady) != 1 || len(r.Different) > 0 || r.Recomputed != 1 {
		t.Errorf("%+v", r)
	}
	if r := p.build("src/main.cpp"); r.Status != ipc.StatusCached {
		t.Errorf("after it: %s because of %s", r.Status, r.Reason.Text)
	}
}

// Libraries, programs and what steps make are made again as objects are.
func TestVerifyEveryKind(t *testing.T) {
	t.Parallel()
	eachTraced(t, func(t *testing.T, p *project) {
		p.write("api.txt", "int a();\n")
		p.write("src/main.cpp", "int main() {}\n")
		p.build("src/main.cpp")
		object := unitOf("src/main.cpp").Output()
		requests := []ipc.RunRequest{
			linkTarget{Name: "lib", Kind: ipc.KindStatic, Output: "build/libx.a"}.request(p, []string{object}),
			linkTarget{Name: "app", Output: "build/app", LinkFlags: []string{"-Wl,-Map=build/app.map"}}.request(p, []string{object}),
			linkTarget{Name: "plain", Output: "build/plain"}.request(p, []string{object}),
			p.stepRequest(ipc.Action{
				ID: "step:build/gen/a.h", Args: []string{"sh", "-c", "cp api.txt build/gen/a.h; wc -c <api.txt >build/gen/b.h"},
				Inputs: []string{"api.txt"}, Outputs: []string{"build/gen/a.h", "build/gen/b.h"},
			}),
		}
		for _, req := range requests {
			if r, err := p.one(p.t.Context(), req); err != nil || r.Status != ipc.StatusCompiled {
				t.Fatalf("%v, %+v", err, r)
			}
			p.s.writeback.drain(p.t.Context())
		}
		first := p.builtFiles()
		for _, req := range requests {
			id := req.Actions[0].ID
			if r := p.verifyRequest(req); r.Recomputed != 1 || len(r.Different)+len(r.Unsteady) > 0 || r.Absent != 0 {
				t.Errorf("%s is as it should be: %+v", id, r)
			}
			p.sameFiles("after it", p.builtFiles(), first, nil)
			p.spoilOutputs(id, map[string]string{declaredName(0): "another file"})
			if r := p.verifyRequest(req); len(r.Different) != 1 || !strings.HasPrefix(r.Different[0], id+": the cache has ") {
				t.Errorf("%s is wrong: %+v", id, r)
			}
		}
	})
}

// An entry without one of the files that its command reads would be stale when that file
// changes. The second observer sees it, although the outputs are those of the entry.
func TestVerifyComparesInputs(t *testing.T) {
	t.Parallel()
	eachTraced(t, func(t *testing.T, p *project) {
		p.write("src/a.h", "int a();\n")
		p.write("src/main.cpp", "#include \"a.h\"\nint main() {}\n")
		p.write("api.txt", "int b();\n")
		p.build("src/main.cpp")
		object := unitOf("src/main.cpp").Output()
		for _, one := range []struct {
			req    ipc.RunRequest
			hidden string
		}{
			{p.batch("src/main.cpp"), "src/a.h"},
			{linkTarget{Name: "app", Output: "build/app"}.request(p, []string{object}), object},
			{p.stepRequest(ipc.Action{
				ID: "step:build/gen/b.h", Args: []string{"sh", "-c", "cp api.txt build/gen/b.h; echo 1 >build/gen/c.h"},
				Outputs: []string{"build/gen/b.h", "build/gen/c.h"},
			}), "api.txt"},
		} {
			id := one.req.Actions[0].ID
			if r, err := p.one(t.Context(), one.req); err != nil || r.Status == ipc.StatusFailed {
				t.Fatalf("%v, %+v", err, r)
			}
			p.s.writeback.drain(t.Context())
			if r := p.verifyRequest(one.req); r.Recomputed != 1 || len(r.Different)+len(r.Unsteady) > 0 {
				t.Errorf("%s has all inputs: %+v", id, r)
			}
			p.forgetInput(id, one.hidden)
			if r := p.verifyRequest(one.req); len(r.Different) != 1 || !strings.Contains(r.Different[0], "it reads "+one.hidden) {
				t.Errorf("%s without %s: %+v", id, one.hidden, r)
			}
		}
	})
}

// forgetInput stores the entry of an action again, as if its command had not read a file.
func (p *project) forgetInput(id, file string) {
	p.t.Helper()
	base := p.s.records.get(id).Base
	set := p.store.InputSets(base)[0]
	all := len(set.Inputs)
	set.Inputs = slices.DeleteFunc(slices.Clone(set.Inputs), func(in cache.Input) bool { return in.Path == file })
	if len(set.Inputs) != all-1 {
		p.t.Fatalf("%s is no input of %s", file, id)
	}
	for _, set := range []cache.InputSet{{Action: cache.NewKey("other").Sum()}, set} { // the first one of an action stays
		if err := p.store.AddInputSet(base, set); err != nil {
			p.t.Fatal(err)
		}
	}
}

// A step that reads what it made before may make something else from nothing: it says
// nothing of the cache.
func TestVerifyStepThatReadsItsOutput(t *testing.T) {
	t.Parallel()
	p := stepProject(t)
	req := p.stepRequest(ipc.Action{
		ID: "step:build/gen/a.h", Args: []string{"sh", "-c", "cat build/gen/a.h api.txt >build/gen/new 2>/dev/null; mv build/gen/new build/gen/a.h"},
		Inputs: []string{"api.txt"}, Outputs: []string{"build/gen/a.h"},
	})
	for range 2 {
		if _, err := p.one(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		p.s.writeback.drain(t.Context())
		if r := p.verifyRequest(req); len(r.Different) > 0 {
			t.Errorf("%+v", r)
		}
		p.write("api.txt", "int b();\n")
	}
}

// verifyRequest verifies what the cache has for the actions of a request.
func (p *project) verifyRequest(req ipc.RunRequest) ipc.CacheVerifyReply {
	p.t.Helper()
	plan := &ipc.Plan{Root: p.root, BuildDir: req.BuildDir, Env: req.Env, Toolchains: req.Toolchains, Commands: req.Commands}
	for _, a := range req.Actions {
		plan.Actions = append(plan.Actions, a.Action)
	}
	r, err := p.start().CacheVerify(p.t.Context(), ipc.CacheVerifyRequest{Plan: plan})
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// spoilOutputs puts other content into the cache for outputs of an action.
func (p *project) spoilOutputs(id string, wrong map[string]string) {
	p.t.Helper()
	rec := p.s.records.get(id)
	entry, _ := p.store.Get(rec.Action)
	files := make(map[string]*os.File)
	for _, o := range entry.Outputs {
		at := filepath.Join(p.t.TempDir(), "file")
		if text, is := wrong[o.Name]; is {
			p.writeAbs(at, text)
		} else if err := p.store.Deliver(o, at); err != nil {
			p.t.Fatal(err)
		}
		file, err := os.Open(at)
		if err != nil {
			p.t.Fatal(err)
		}
		defer file.Close()
		files[o.Name] = file
	}
	if err := p.store.Put(&cache.Entry{Action: rec.Action, Seconds: 1}, files); err != nil {
		p.t.Fatal(err)
	}
}
