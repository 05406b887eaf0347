package discovery

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/RepliBuild/replibuild/internal/atomicfile"
	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/internal/rootid"
)

// stateMagic begins the state file and names its version.
const stateMagic = "replibuild graph 4\n"

// load makes the graph: from the state file, or empty with a new token. All files count
// as not looked at yet, so every node is dirty until a look at its files.
func (s *Service) load() {
	s.graph, s.token = newGraph(filepath.ToSlash(s.cfg.Root)), newToken()
	if s.cfg.StateFile == "" {
		return
	}
	text, err := os.ReadFile(s.cfg.StateFile)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err == nil {
		err = s.decode(text)
	}
	if err != nil {
		s.log.Warn("forget what was recorded earlier", "file", s.cfg.StateFile, "error", err)
		s.graph, s.token, s.changes = newGraph(filepath.ToSlash(s.cfg.Root)), newToken(), changeLog{}
	}
}

// saver writes the state down some time after a Record: a build records many times,
// and what is lost by a crash costs one look at everything.
func (s *Service) saver() {
	rest := saveDelay
	for {
		select {
		case <-s.save:
		case <-s.ctx.Done():
			return
		}
		if pause.For(s.ctx, rest) != nil {
			return // Close writes
		}
		begin := time.Now()
		s.acquire()
		text := s.encode()
		s.unlock()
		if err := s.writeState(text); err != nil {
			s.log.Warn("write down what was recorded", "file", s.cfg.StateFile, "error", err)
		}
		rest = max(saveDelay, 20*time.Since(begin))
	}
}

// saveDelay is the least time between a Record and the writing.
const saveDelay = time.Second

// writeState replaces the state file as a whole; nil text is nothing to write.
func (s *Service) writeState(text []byte) error {
	if text == nil {
		return nil
	}
	if err := rootid.MakeFolder(filepath.Dir(s.cfg.StateFile)); err != nil {
		return err
	}
	if err := atomicfile.Write(s.cfg.StateFile, text); err != nil {
		return err
	}
	s.counts.saves.Add(1)
	return nil
}

// encode returns the state file's text, nil if the file is up to date.
func (s *Service) encode() []byte {
	if s.cfg.StateFile == "" || !s.unsaved {
		return nil
	}
	s.unsaved = false
	g := s.graph
	w := writer{}
	w.raw(stateMagic)
	w.text(string(s.root))
	w.text(s.token)
	w.number(s.changes.generation)
	dirs := w.dirs(g)
	files := w.files(g, dirs)
	listings := w.listings(g, dirs)
	w.names(g)
	expects := w.expects(g, dirs, files, listings)
	w.nodes(g, expects)
	sum := sha256.Sum256(w.Bytes())
	w.Write(sum[:])
	return w.Bytes()
}

// writer writes the tables one after the other, each as a count and its rows. What
// lives is numbered anew, densely.
type writer struct{ bytes.Buffer }

func (w *writer) raw(s string) { w.WriteString(s) }

func (w *writer) number(n uint64) {
	var b [binary.MaxVarintLen64]byte
	w.Write(b[:binary.PutUvarint(b[:], n)])
}

func (w *writer) flag(is bool) {
	n := uint64(0)
	if is {
		n = 1
	}
	w.number(n)
}

func (w *writer) text(s string) {
	w.number(uint64(len(s)))
	w.WriteString(s)
}

func (w *writer) dirs(g *graph) (numbers []uint32) {
	numbers = make([]uint32, len(g.dirs))
	w.number(uint64(len(g.dirByPath)))
	n := uint32(0)
	for i, p := range g.dirs {
		if p != nil {
			numbers[i] = n
			n++
			w.text(p.path)
		}
	}
	return numbers
}

func (w *writer) files(g *graph, dirs []uint32) (numbers []uint32) {
	numbers = make([]uint32, len(g.files))
	w.number(uint64(g.fileCount()))
	n := uint32(0)
	for i, f := range g.files {
		if f != nil {
			numbers[i] = n
			n++
			w.number(uint64(dirs[f.dir.number]))
			w.text(f.base)
			w.flag(f.link)
		}
	}
	return numbers
}

func (w *writer) listings(g *graph, dirs []uint32) (numbers []uint32) {
	numbers = make([]uint32, len(g.listings))
	live := 0
	for _, l := range g.listings {
		if l != nil {
			live++
		}
	}
	w.number(uint64(live))
	n := uint32(0)
	for i, l := range g.listings {
		if l != nil {
			numbers[i] = n
			n++
			w.number(uint64(dirs[l.dir.number]))
			w.text(l.match)
		}
	}
	return numbers
}

// names writes all missed names and the sets that are in use; a set keeps the
// numbers of its names.
func (w *writer) names(g *graph) {
	w.number(uint64(len(g.names)))
	for _, s := range g.names {
		w.text(s)
	}
}

func (w *writer) expects(g *graph, dirs, files, listings []uint32) (numbers []uint32) {
	numbers = make([]uint32, len(g.expects))
	sets := map[string]uint64{}
	w.number(uint64(len(g.expectByKey)))
	n := uint32(0)
	for i := range g.expects {
		e := &g.expects[i]
		if at, ok := g.expectByKey[e.key()]; !ok || at != uint32(i) {
			continue
		}
		numbers[i] = n
		n++
		w.number(uint64(e.kind))
		switch e.kind {
		case reads, makes:
			w.number(uint64(files[e.subject]))
			w.text(e.want)
			w.text(e.content)
		case lists:
			w.number(uint64(listings[e.subject]))
			w.text(e.want)
		case misses:
			w.number(uint64(dirs[e.subject]))
			w.set(sets, e.want)
		}
	}
	return numbers
}

// set writes a set's number, counted from 1, or 0 and the set the first time.
func (w *writer) set(known map[string]uint64, s string) {
	if n, ok := known[s]; ok {
		w.number(n)
		return
	}
	known[s] = uint64(len(known) + 1)
	w.number(0)
	w.text(s)
}

func (w *writer) nodes(g *graph, expects []uint32) {
	w.number(uint64(len(g.nodeByID)))
	var list []uint32
	for i := range g.nodes {
		n := &g.nodes[i]
		if at, ok := g.nodeByID[n.id]; !ok || at != uint32(i) {
			continue
		}
		w.text(n.id)
		w.text(n.set)
		w.text(n.unsettled)
		list = n.expects.unpack(list[:0])
		for j, e := range list {
			list[j] = expects[e]
		}
		w.text(string(pack(list))) // the order stays: numbers were given in order
	}
}
