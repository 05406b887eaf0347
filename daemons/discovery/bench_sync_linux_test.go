package discovery

import (
	"context"
	"fmt"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// BenchmarkSync measures a Sync with nothing to do for projects of several sizes.
func BenchmarkSync(b *testing.B) {
	for _, z := range []size{
		{units: 40, headers: 60, perUnit: 30, folders: 4},
		{units: 1_000, headers: 400, perUnit: 60, folders: 8},
		large,
	} {
		b.Run(fmt.Sprint(z.units), func(b *testing.B) {
			tr := newTree(b, nil)
			for _, t := range z.project(tr) {
				tr.recordTrack(ipc.RecordRequest{Track: t})
			}
			tr.expect()
			for b.Loop() {
				tr.service.Sync(context.Background(), ipc.SyncRequest{})
			}
		})
	}
}
