package discovery

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// size is how large a project is made.
type size struct {
	units, headers, perUnit int // headers each unit reads
	folders                 int // that are searched before the one where a header is
}

var large = size{units: 10_000, headers: 2_000, perUnit: 98, folders: 12}

// project writes sources, headers and objects, and returns the records of its units
// in batches, as the orchestrator sends them.
func (z size) project(tr *tree) (batches []ipc.Track) {
	for d := range z.folders {
		tr.mkdir(fmt.Sprintf("early%d", d))
	}
	for h := range z.headers {
		tr.write(z.header(h), "")
	}
	const batch = 500
	for from := 0; from < z.units; from += batch {
		var t ipc.Track
		index := map[string]uint32{}
		file := func(p string) uint32 {
			i, known := index[p]
			if !known {
				i = uint32(len(t.Files))
				index[p] = i
				t.Files = append(t.Files, ipc.FileSig{Path: p, Sig: ipc.StatSignature(tr.abs(p))})
			}
			return i
		}
		for u := from; u < min(from+batch, z.units); u++ {
			z.unit(tr, u, &t, file)
		}
		batches = append(batches, t)
	}
	return batches
}

func (size) header(h int) string { return fmt.Sprintf("include/d%d/h%d.h", h%40, h) }

// unit adds one unit: a tenth of its headers are its own choice, the others those of
// one of twenty groups; all were looked for in each of the early folders.
func (z size) unit(tr *tree, u int, t *ipc.Track, file func(string) uint32) {
	src, obj := fmt.Sprintf("src/m%d/u%d.cpp", u%200, u), fmt.Sprintf("build/obj/src/m%d/u%d.cpp.o", u%200, u)
	tr.write(src, "")
	tr.write(obj, "")
	n := ipc.NodeRecord{ID: "app:" + src, Inputs: []uint32{file(src)}, Outputs: []uint32{file(obj)}}
	var names []string
	for k := range z.perUnit {
		h := (u%20*77 + k*13) % z.headers
		if k%10 == 0 {
			h = (u*31 + k*7) % z.headers
		}
		n.Inputs = append(n.Inputs, file(z.header(h)))
		names = append(names, fmt.Sprintf("h%d.h", h))
	}
	for d := range z.folders {
		n.Misses = append(n.Misses, uint32(len(t.Misses)))
		t.Misses = append(t.Misses, ipc.Miss{Dir: fmt.Sprintf("early%d", d), Names: names})
	}
	t.Nodes = append(t.Nodes, n)
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// quick keeps what is asserted in tests small; benchmarks use large.
var quick = size{units: 400, headers: 100, perUnit: 40, folders: 4}

// TestLargeProject records, restarts and asks a project of which every unit has a
// different set of headers.
func TestLargeProject(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	for _, b := range quick.project(tr) {
		tr.recordTrack(ipc.RecordRequest{Track: b})
	}
	if r := tr.expect(); r.Nodes != quick.units || r.Scanned != 0 {
		t.Fatalf("%d nodes, %d files looked at", r.Nodes, r.Scanned)
	}
	tr.reopen()
	tr.expect()
	tr.write("early3/h5.h", "")
	reply, err := tr.service.Dependents(context.Background(), ipc.DependentsRequest{Path: "early3/h5.h"})
	tr.must(err)
	if r := tr.sync(); len(r.Dirty) != len(reply.Missed) || len(r.Dirty) == 0 {
		t.Errorf("%d dirty nodes, %d that missed the header", len(r.Dirty), len(reply.Missed))
	}
}

// BenchmarkLargeProject measures what a daemon owes for 10,000 units: the time of a
// Sync with nothing to do, of Dependents, of a restart, and the heap.
func BenchmarkLargeProject(b *testing.B) {
	tr := newTree(b, nil)
	before := heapInUse()
	batches := large.project(tr)
	begin := time.Now()
	for _, t := range batches {
		tr.recordTrack(ipc.RecordRequest{Track: t})
	}
	recorded := time.Since(begin)
	batches = nil
	tr.expect()
	used := heapInUse() - before
	ctx := context.Background()
	b.Run("sync", func(b *testing.B) {
		for b.Loop() {
			tr.service.Sync(ctx, ipc.SyncRequest{})
		}
		b.ReportMetric(float64(used)/1e6, "heap-MB")
		b.ReportMetric(recorded.Seconds(), "record-s")
	})
	b.Run("sync-stat", func(b *testing.B) {
		for b.Loop() {
			tr.service.Sync(ctx, ipc.SyncRequest{Full: true})
		}
	})
	b.Run("dependents", func(b *testing.B) {
		n := 0
		for b.Loop() {
			r, _ := tr.service.Dependents(ctx, ipc.DependentsRequest{Path: large.header(77)})
			n = len(r.Nodes)
		}
		b.ReportMetric(float64(n), "nodes")
	})
	b.Run("header-edited", func(b *testing.B) {
		i := 0
		for b.Loop() {
			i++
			tr.write(large.header(77), fmt.Sprint(i))
			if r := tr.sync(); len(r.Dirty) == 0 {
				b.Fatal("nothing dirty")
			}
		}
	})
	b.Run("restart", func(b *testing.B) {
		for b.Loop() {
			tr.reopen()
			tr.sync()
		}
		fi, err := os.Stat(tr.cfg.StateFile)
		tr.must(err)
		b.ReportMetric(float64(fi.Size())/1e6, "file-MB")
	})
}
