package discovery

import (
	"slices"

	"github.com/RepliBuild/replibuild/ipc"
)

// numberOf returns the number of a missed name, new if need be.
func (g *graph) numberOf(base string) uint32 {
	if n, ok := g.nameOf[base]; ok {
		return n
	}
	n := uint32(len(g.names))
	g.names = append(g.names, base)
	g.nameOf[base] = n
	return n
}

// setOf returns the packed set of names, ascending, the same string for every folder
// that the same names were missed in: system headers are missed in each folder of
// the project.
func (g *graph) setOf(numbers []uint32) string {
	p := pack(numbers)
	if s, ok := g.sets[string(p)]; ok {
		return s
	}
	s := string(p)
	g.sets[s] = s
	return s
}

// pruneSets drops the sets that no expectation has any more, once there are twice as
// many as were in use the last time.
func (g *graph) pruneSets() {
	if len(g.sets) <= max(g.prune, 1024) {
		return
	}
	g.sets = map[string]string{}
	for i := range g.expects {
		if e := &g.expects[i]; e.kind == misses && e.want != "" {
			g.sets[e.want] = e.want
		}
	}
	g.prune = 2 * len(g.sets)
}

// miss adds names, ascending, to those that must not be in p, and returns the ones
// that were not looked for before.
func (p *dirNode) miss(numbers []uint32) (fresh []uint32) {
	rest := p.missed
	for _, n := range numbers {
		at, known := slices.BinarySearch(rest, n)
		if !known {
			fresh = append(fresh, n)
		}
		rest = rest[at:]
	}
	if len(fresh) > 0 {
		p.missed = append(p.missed, fresh...)
		slices.Sort(p.missed)
	}
	return fresh
}

// misses reports whether anybody missed the name in p.
func (p *dirNode) misses(n uint32) bool {
	_, ok := slices.BinarySearch(p.missed, n)
	return ok
}

// trim forgets names that only released expectations missed. It runs when half of the
// expectations are gone, so its cost is constant on average.
func (p *dirNode) trim(g *graph) {
	if p.released <= len(p.missing) {
		return
	}
	p.gather(g)
	for n := range p.present {
		if !p.misses(n) {
			delete(p.present, n)
		}
	}
}

// gather makes the names that must not be in p from the expectations about them.
func (p *dirNode) gather(g *graph) {
	p.released, p.missed = 0, nil
	if len(p.missing) == 0 {
		return
	}
	wanted, count := make([]bool, len(g.names)), 0
	var set []uint32
	for _, i := range p.missing {
		set = packed(g.expects[i].want).unpack(set[:0])
		for _, n := range set {
			if !wanted[n] {
				wanted[n] = true
				count++
			}
		}
	}
	p.missed = make([]uint32, 0, count)
	for n, is := range wanted {
		if is {
			p.missed = append(p.missed, uint32(n))
		}
	}
}

// find notes what a look at a missed name showed; it reports whether a file came or
// went.
func (g *graph) find(p *dirNode, n uint32, s fileStat) bool {
	before := p.present[n]
	now := name{since: before.since, there: s.sig.Exists(), linked: s.linked}
	switch {
	case now == name{since: before.since}:
		delete(p.present, n)
	case now != before:
		if p.present == nil {
			p.present = map[uint32]name{}
		}
		if !before.there {
			g.flips++
			now.since = g.flips
		}
		p.present[n] = now
	}
	if now.there == before.there {
		return false
	}
	g.touch(p)
	return true
}

// touch notes that the expectations about missed names have to be looked through.
func (g *graph) touch(p *dirNode) {
	if !p.touched {
		p.touched = true
		g.touched = append(g.touched, p)
	}
}

// updateExpectations brings the expectations about missed names up to date, in one pass
// for each folder.
func (g *graph) updateExpectations() {
	for _, p := range g.touched {
		p.touched = false
		for _, i := range p.missing {
			g.set(i, !p.met(g.expects[i].want))
		}
	}
	g.touched = g.touched[:0]
}

// met tells whether none of the names is there.
func (p *dirNode) met(set string) bool {
	found := false
	p.each(packed(set), func(uint32) { found = true })
	return !found
}

// each calls fn for the names of a set that are there, ascending.
func (p *dirNode) each(set packed, fn func(n uint32)) {
	there := 0
	for _, s := range p.present {
		if s.there {
			there++
		}
	}
	if there == 0 {
		return
	}
	for _, n := range set.unpack(nil) {
		if s, ok := p.present[n]; ok && s.there {
			fn(n)
		}
	}
}

// appeared tells which names of a set are there, the first seen first.
func (p *dirNode) appeared(g *graph, set packed) []ipc.Cause {
	var numbers []uint32
	p.each(set, func(n uint32) { numbers = append(numbers, n) })
	slices.SortFunc(numbers, func(a, b uint32) int { return compare(p.present[a].since, p.present[b].since) })
	var out []ipc.Cause
	for _, n := range numbers[:min(len(numbers), maxCauses)] {
		out = append(out, ipc.Cause{Kind: ipc.CauseAppeared, Path: p.join(g.names[n])})
	}
	return out
}

// leadsAway reports whether a missed name exists as a symbolic link: its target may
// appear and vanish without an event here.
func (p *dirNode) leadsAway() bool {
	for _, s := range p.present {
		if s.linked {
			return true
		}
	}
	return false
}
