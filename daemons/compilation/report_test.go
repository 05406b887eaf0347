package compilation

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// Ten thousand units in place are a few reports, with tables that hold once what they
// share.
func TestReportsInBulk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tables := snapshot.NewInterner()
		v := snapshot.New(t.TempDir(), nil, tables, snapshot.NewHashCache(nil))
		rec := &record{
			Set: tables.Pack(snapshot.InputSet{
				Files:    []cache.Input{{Path: "a.h"}, {Path: "b.h"}},
				Misses:   []string{"inc/a.h", "inc/b.h", "c.h"},
				Listings: []cache.Listing{{Dir: "/usr/lib/gcc", Digest: "x"}},
			}),
			Outputs: []outputRecord{{Path: "a.o"}},
		}
		var reports []ipc.RunProgress
		r := newReporter(v, nil, func(p ipc.RunProgress) { reports = append(reports, p) })
		const units = 10_000
		for i := range units {
			r.finish(result{rec: rec, ActionResult: ipc.ActionResult{ID: fmt.Sprint(i), Status: ipc.StatusCached, InPlace: true}})
		}
		counts := r.close()
		// Each report of results may cut the records before it short.
		if most := 2*units/maxReport + (units+maxRecords-1)/maxRecords; counts.Cached != units || len(reports) > most {
			t.Errorf("%+v, %d reports, at most %d are needed", counts, len(reports), most)
		}
		var all ipc.Track
		seen, recorded := 0, 0
		for _, p := range reports {
			seen += len(p.Finished)
			recorded += len(p.Track.Nodes)
			all.Files = append(all.Files, p.Track.Files...)
			all.Misses = append(all.Misses, p.Track.Misses...)
			all.Listings = append(all.Listings, p.Track.Listings...)
			for _, n := range p.Track.Nodes {
				if len(n.Inputs) != 2 || all.Files[n.Inputs[1]].Path != "b.h" || all.Files[n.Outputs[0]].Path != "a.o" ||
					len(n.Misses) != 2 || all.Misses[n.Misses[0]].Dir == all.Misses[n.Misses[1]].Dir || all.Listings[n.Listings[0]].Dir != "/usr/lib/gcc" {
					t.Fatalf("node %+v", n)
				}
			}
		}
		if seen != units || recorded != units || len(all.Files) != 2+units || len(all.Misses) != 2 || len(all.Listings) != 1 {
			t.Errorf("%d reported, %d recorded, %d misses, %d files", seen, recorded, len(all.Misses), len(all.Files))
		}
	})
}

// News goes out at once, what is in place a little later, records when there is no news,
// and nothing twice.
func TestReportOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := snapshot.New("/", nil, snapshot.NewInterner(), snapshot.NewHashCache(nil))
		var got []string
		r := newReporter(v, nil, func(p ipc.RunProgress) {
			for _, s := range p.Started {
				got = append(got, "start "+s)
			}
			for _, f := range p.Finished {
				got = append(got, f.Status+" "+f.ID)
			}
			for _, n := range p.Track.Nodes {
				got = append(got, "record "+n.ID)
			}
		})
		r.finish(result{rec: &record{}, ActionResult: ipc.ActionResult{ID: "1", Status: ipc.StatusCached, InPlace: true}})
		synctest.Wait()
		if len(got) != 0 {
			t.Errorf("too early: %q", got)
		}
		r.start("2")
		synctest.Wait()
		r.finish(result{rec: &record{}, ActionResult: ipc.ActionResult{ID: "2", Status: ipc.StatusFailed}})
		synctest.Wait()
		if want := []string{"start 2", "cached 1", "record 1", "failed 2", "record 2"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if c := r.close(); c.Total() != 2 || c.Failed != 1 || len(got) != 5 {
			t.Errorf("%+v, %q", c, got)
		}
	})
}
