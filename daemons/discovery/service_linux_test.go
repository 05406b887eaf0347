package discovery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// stats returns the service's numbers.
func (tr *tree) stats() Stats {
	tr.t.Helper()
	v, err := tr.service.Stats(context.Background())
	tr.must(err)
	return v.(Stats)
}

// unit records a unit of one source, one header and an object, with a missed header.
func (tr *tree) unit() {
	tr.t.Helper()
	tr.write("src/main.cpp", "int main() {}")
	tr.write("inc/a.h", "")
	tr.write("build/obj/main.o", "object")
	tr.mkdir("early")
	tr.record(nodeSpec{
		id: "app:src/main.cpp", inputs: []string{"src/main.cpp", "inc/a.h"}, outputs: []string{"build/obj/main.o"},
		misses: map[string][]string{"early": {"a.h"}, "none/deep": {"a.h"}},
	})
}

func TestClosed(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.must(tr.service.Close())
	_, err := tr.service.Sync(context.Background(), ipc.SyncRequest{})
	if !errors.Is(err, errClosed) {
		t.Errorf("Sync after Close: %v", err)
	}
	tr.must(tr.service.Close())
	tr.open()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := tr.service.Sync(ctx, ipc.SyncRequest{}); ipc.CodeOf(err) != ipc.CodeCancelled {
		t.Errorf("Sync of a caller that has gone: %v", err)
	}
}

func TestRescan(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	tr.write("inc/a.h", "x")
	r, err := tr.service.Rescan(context.Background(), ipc.RescanRequest{})
	if err != nil || r.Files < 3 || r.Dirty != 1 {
		t.Errorf("%+v, %v, want three files and a dirty node", r, err)
	}
	tr.remove("early")
	tr.write("early/a.h", "")
	if r := tr.expect("app:src/main.cpp: changed inc/a.h, appeared early/a.h"); r.Mode != modeWatch {
		t.Errorf("mode %s after a rescan", r.Mode)
	}
}

// TestConcurrentUse lets everything happen at once, and compares in the end.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) { c.WatchInterval, c.impatient = time.Millisecond, true })
	tr.unit()
	ctx := context.Background()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 60 {
				dir := fmt.Sprintf("w%d/%d", worker, i%5)
				switch i % 6 {
				case 0, 1:
					tr.write(dir+"/a/x.h", fmt.Sprint(i))
				case 2:
					tr.record(nodeSpec{id: dir, inputs: []string{dir + "/a/x.h"}, misses: map[string][]string{dir + "/b": {"x.h"}}, listings: [][2]string{{dir, "**"}}})
				case 3:
					tr.service.Dependents(ctx, ipc.DependentsRequest{Path: dir + "/a/x.h"})
					tr.service.Changes(ctx, ipc.ChangesRequest{})
				case 4:
					os.RemoveAll(tr.abs(dir + "/a"))
				case 5:
					tr.syncWith(ipc.SyncRequest{Full: i%2 == 0})
				}
				if i == 30 {
					tr.service.Rescan(ctx, ipc.RescanRequest{})
				}
			}
		})
	}
	wg.Wait()
	events, looks := tr.sync(), tr.syncWith(ipc.SyncRequest{Full: true})
	if a, b := causes(events), causes(looks); len(a) != len(b) {
		t.Errorf("by events %v, by looks %v", a, b)
	}
	if events.Mode != modeWatch {
		t.Errorf("mode %s", events.Mode)
	}
}
