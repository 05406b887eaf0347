package compilation

import (
	"os"
	"path/filepath"
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
		p.spoilOutputs("src/main.cpp", map[string]string{besidePrefix + usage: "other.cpp:1:1:f\t0\tstatic\n"})
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

// spoilOutputs puts other content into the cache for outputs of a unit.
func (p *project) spoilOutputs(source string, wrong map[string]string) {
	p.t.Helper()
	rec := p.s.records.get("app:" + source)
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
