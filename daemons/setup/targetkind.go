package setup

import (
	"fmt"
	"os"
	"path"
	"sort"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// mainSeen is what was found in a source.
type mainSeen struct {
	Sig  ipc.Signature
	Main definesMain
}

// kindOf decides by the sources: an executable if one defines main, else a shared
// library. A target of many files with one main depends on that file's text only: a
// second main that somebody writes later is found by the linker.
func (p *planner) kindOf(t *target) string {
	var certain []string
	maybe := false
	seen := map[string]mainSeen{}
	for _, file := range t.sources {
		m := p.scan(absolute(p.root, file))
		seen[absolute(p.root, file)] = m
		switch m.Main {
		case certainMain:
			certain = append(certain, file)
		case maybeMain:
			maybe = true
		}
	}
	if len(certain) > 1 {
		p.reportMains(t, certain)
		return ipc.KindExecutable
	}
	if len(certain) == 1 {
		file := absolute(p.root, certain[0])
		seen = map[string]mainSeen{file: seen[file]}
	}
	for file, m := range seen {
		p.scanned[file] = m
	}
	if maybe || len(certain) == 1 {
		return ipc.KindExecutable
	}
	return ipc.KindShared
}

func (p *planner) reportMains(t *target, files []string) {
	sort.Strings(files)
	shown := strings.Join(files[:min(len(files), 4)], ", ")
	if len(files) > 4 {
		shown += fmt.Sprintf(" and %d more", len(files)-4)
	}
	first := files[0]
	name := fileNameOf(strings.TrimSuffix(path.Base(first), path.Ext(first)))
	p.problems.at(t.at, fmt.Sprintf("give each program a table: [targets.%s] with kind = \"executable\" and sources = [%q]; `replibuild init` writes such a file", name, first),
		"target %s would have %d main functions: %s", t.name, len(files), shown)
}

// scan reads a source for main, from memory while the file is what it was. A file
// that is still to be made has none.
func (p *planner) scan(file string) mainSeen {
	sig := p.w.sign(file)
	p.w.mind(file, sig)
	return p.state.scanMain(file, sig)
}

func (s *state) scanMain(file string, sig ipc.Signature) mainSeen {
	if known, ok := s.Mains[file]; ok && known.Sig == sig {
		return known
	}
	seen := mainSeen{Sig: sig}
	begun := time.Now().UnixNano()
	text, err := os.ReadFile(file)
	if err == nil {
		seen.Main = scanMain(text)
	}
	if isSettled(file, sig, begun) {
		if len(s.Mains) > maxMains {
			clear(s.Mains)
		}
		s.Mains[file] = seen
		s.changed = true
	}
	return seen
}

// maxMains bounds how many sources' scans are remembered.
const maxMains = 100_000

// spreadPIC marks static libraries that end up in shared ones: their code must be
// position independent too.
func (p *planner) spreadPIC() {
	var visit func(t *target)
	visit = func(t *target) {
		t.pic = true
		for _, d := range t.depends {
			if d.kind == ipc.KindStatic && !d.pic {
				visit(d)
			}
		}
	}
	for _, t := range p.targets {
		if t.kind == ipc.KindShared {
			visit(t)
		}
	}
}
