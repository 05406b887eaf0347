package discovery

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// TestOnlyWhatMattersIsAnnounced checks what makes FilesChanged events and what not.
func TestOnlyWhatMattersIsAnnounced(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) { c.Ignored = []string{"*.swp", "*.skip.h", "gen/**"} })
	tr.unit()
	tr.write("gen/rec.h", "")
	tr.record(nodeSpec{id: "plan", listings: [][2]string{{"src", "*.cpp"}}}, nodeSpec{id: "g", inputs: []string{"gen/rec.h"}})
	tr.expect()
	quiet := []string{
		"build/obj/main.o", "build/obj/tmp.h", "build/new/x.cpp", ".git/x.h", "src/.hidden.h", ".replibuild/state/x.toml",
		"src/main.cpp.swp", "inc/x.skip.h", "gen/new.h", "inc/README", "inc/x.o",
	}
	for _, p := range quiet {
		tr.write(p, "quiet")
	}
	tr.sync()
	for _, p := range []string{"src/new.cpp", "gen/rec.h", "docs/x/y.h", "replibuild.toml"} {
		before := len(tr.events.changes())
		tr.write(p, "loud")
		tr.events.await(t, func(b ipc.EventBody) bool {
			c, ok := b.(ipc.FilesChanged)
			return ok && slices.Contains(c.Paths, p) && len(tr.events.changes()) > before
		})
	}
	for _, c := range tr.events.changes() {
		for _, p := range c.Paths {
			if slices.Contains(quiet, p) {
				t.Errorf("%s was announced", p)
			}
		}
	}
	tr.expect(
		"app:src/main.cpp: output build/obj/main.o", "plan: listing src", "g: changed gen/rec.h",
	)
}

// TestBatches: many changes make few events with at most so many names.
func TestBatches(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) { c.quiet = 50 * time.Millisecond })
	var specs []nodeSpec
	for i := range 300 {
		p := fmt.Sprintf("src/%d.cpp", i)
		tr.write(p, "")
		specs = append(specs, nodeSpec{id: "u" + p, inputs: []string{p}})
	}
	tr.record(specs...)
	tr.expect()
	for i := range 300 {
		tr.write(fmt.Sprintf("src/%d.cpp", i), "x")
	}
	last := tr.events.await(t, func(b ipc.EventBody) bool {
		c, ok := b.(ipc.FilesChanged)
		return ok && c.Dirty == 300
	}).(ipc.FilesChanged)
	if len(last.Paths) > maxNamed || len(last.Units) != maxNamed {
		t.Errorf("an event names %d paths and %d units", len(last.Paths), len(last.Units))
	}
	if n := len(tr.events.changes()); n > 30 {
		t.Errorf("%d events for one burst", n)
	}
}
