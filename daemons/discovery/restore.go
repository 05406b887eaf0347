package discovery

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
)

var errDamaged = errors.New("the file is damaged or of another version")

// decode fills the empty graph from the text of a state file.
func (s *Service) decode(text []byte) error {
	body := len(text) - sha256.Size
	if body < 0 || !strings.HasPrefix(string(text[:min(len(stateMagic), body)]), stateMagic) {
		return errDamaged
	}
	if sum := sha256.Sum256(text[:body]); string(sum[:]) != string(text[body:]) {
		return errDamaged
	}
	r := &reader{rest: string(text[len(stateMagic):body])}
	if root := r.text(); root != string(s.root) {
		return errors.New("the file belongs to another folder: " + root)
	}
	token := r.text()
	generation := r.number()
	r.dirs(s.graph)
	r.files(s.graph)
	r.listings(s.graph)
	r.names(s.graph)
	r.expects(s.graph)
	r.nodes(s, s.graph)
	if r.failed || r.rest != "" {
		return errDamaged
	}
	s.token, s.changes.generation = token, generation
	s.graph.idle = s.graph.idle[:0]
	return nil
}

// reader reads what writer wrote. After a mistake it returns zeroes; since the checksum
// matches, that hardly ever happens.
type reader struct {
	rest   string
	failed bool
}

func (r *reader) number() uint64 {
	var n uint64
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		c := r.rest[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.failed = true
	return 0
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.failed = true
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return strings.Clone(s)
}

// below reads an index into a table.
func (r *reader) below(table int) uint32 {
	n := r.number()
	if n >= uint64(table) {
		r.failed = true
		return 0
	}
	return uint32(n)
}

// rows calls fn for each row of a table until a mistake.
func (r *reader) rows(fn func()) {
	for n := r.number(); n > 0 && !r.failed; n-- {
		fn()
	}
}

func (r *reader) dirs(g *graph) { r.rows(func() { g.dirAt(r.text()) }) }

func (r *reader) files(g *graph) {
	r.rows(func() {
		dir := r.below(len(g.dirs))
		key := fileKey{base: r.text(), link: r.number() != 0}
		if r.failed {
			return
		}
		p := g.dirs[dir]
		f := &file{number: uint32(len(g.files)), dir: p, fileKey: key}
		g.files = append(g.files, f)
		p.addFile(f)
	})
}

func (r *reader) listings(g *graph) {
	r.rows(func() {
		dir := r.below(len(g.dirs))
		match := r.text()
		if r.failed {
			return
		}
		l, _ := g.listingFor(g.dirs[dir], match)
		g.grow(l, "")
	})
}

func (r *reader) names(g *graph) { r.rows(func() { g.numberOf(r.text()) }) }

func (r *reader) expects(g *graph) {
	var sets []string
	r.rows(func() {
		k := kind(r.number())
		var subject uint32
		var want, content string
		switch k {
		case reads, makes:
			subject, want, content = r.below(len(g.files)), r.text(), r.text()
		case lists:
			subject, want = r.below(len(g.listings)), r.text()
		case misses:
			subject = r.below(len(g.dirs))
			want = r.set(g, &sets)
		default:
			r.failed = true
		}
		if r.failed {
			return
		}
		g.expect(expectationKey{want, content, subject, k}, func() bool { return false })
		if k == misses {
			g.touch(g.dirs[subject]) // settled after the first look
		}
	})
	for _, p := range g.dirs {
		p.gather(g)
	}
}

func (r *reader) set(g *graph, sets *[]string) string {
	n := r.number()
	switch {
	case n == 0:
		numbers := packed(r.text()).unpack(nil)
		for _, n := range numbers {
			r.failed = r.failed || int(n) >= len(g.names)
		}
		*sets = append(*sets, g.setOf(numbers))
		return (*sets)[len(*sets)-1]
	case n > uint64(len(*sets)):
		r.failed = true
		return ""
	}
	return (*sets)[n-1]
}

func (r *reader) nodes(s *Service, g *graph) {
	r.rows(func() {
		id, set, unsettled := r.text(), r.text(), r.text()
		expects := packed(r.text()).unpack(nil)
		for _, e := range expects {
			if int(e) >= len(g.expects) {
				r.failed = true
				return
			}
		}
		g.put(id, set, unsettled, expects)
		for _, e := range expects {
			if g.expects[e].kind == makes {
				s.ownFolder(g.files[g.expects[e].subject])
			}
		}
	})
}
