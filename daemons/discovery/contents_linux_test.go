package discovery

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/internal/stamps"
	"github.com/RepliBuild/replibuild/ipc"
)

// TestSameContent: a file that has the content it had is no change to a node that only
// its content matters to, and one to a node that more matters to.
func TestSameContent(t *testing.T) {
	t.Parallel()
	for _, verify := range []string{"watch", verifyStat} {
		t.Run(verify, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, func(c *Config) { c.Verify = verify })
			tr.write("inc/a.h", "one")
			tr.record(
				nodeSpec{id: "content", inputs: []string{"inc/a.h"}, content: true},
				nodeSpec{id: "signature", inputs: []string{"inc/a.h"}},
			)
			tr.expect()
			tr.write("inc/a.h", "one")
			tr.expect("signature: changed inc/a.h")
			tr.write("inc/a.h", "two")
			tr.expect("content: changed inc/a.h", "signature: changed inc/a.h")
			tr.write("inc/b.h", "one")
			tr.rename("inc/b.h", "inc/a.h")
			tr.expect("signature: changed inc/a.h")
			tr.reopen()
			tr.expect("signature: changed inc/a.h")
			tr.remove("inc/a.h")
			tr.expect("content: removed inc/a.h", "signature: removed inc/a.h")
			tr.write("inc/a.h", "one")
			tr.expect("signature: changed inc/a.h")
			tr.must(os.Chmod(tr.abs("inc/a.h"), 0o600))
			tr.expect("content: changed inc/a.h", "signature: changed inc/a.h")
		})
	}
}

// TestSameContentIsReadOnce: a file is not read again by each Sync, whether it has the
// content or another one.
func TestSameContentIsReadOnce(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("inc/a.h", "one")
	tr.write("inc/b.h", "one")
	tr.record(nodeSpec{id: "n", inputs: []string{"inc/a.h", "inc/b.h"}, content: true})
	tr.write("inc/a.h", "one")
	tr.write("inc/b.h", "two")
	for range 3 {
		tr.expect("n: changed inc/b.h")
	}
	if n := tr.service.counts.reread.Load(); n != 2 {
		t.Errorf("%d files were read, want 2", n)
	}
}

// TestContentThatCannotBeTrusted: what changed a moment ago, is another file than the
// one that was looked at, or cannot be read has no content.
func TestContentThatCannotBeTrusted(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("a", "one")
	path := tr.abs("a")
	now := func() string { return packSignature(ipc.StatSignature(path)) }
	tr.awaitTick("a")
	if tr.service.readContent(path, now()) == "" {
		t.Error("a file that was left alone has no content")
	}
	before := now()
	tr.write("a", "two")
	tr.awaitTick("a")
	if tr.service.readContent(path, before) != "" {
		t.Error("a file that changed after the look has a content")
	}
	tr.must(os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0))) // the ctime is now all the same
	if sig := now(); tr.service.readContent(path, sig) != "" && stamps.Now() <= ipc.StatSignature(path).Ctime {
		t.Error("a file that changed within the tick has a content")
	}
	tr.remove("a")
	if tr.service.readContent(path, before) != "" {
		t.Error("a file that is gone has a content")
	}
}

// age is how long ago a file was changed.
func (tr *tree) age(path string) time.Duration {
	return time.Duration(time.Now().UnixNano() - ipc.StatSignature(tr.abs(path)).Ctime)
}

// awaitTick waits until a file is older than a tick.
func (tr *tree) awaitTick(path string) {
	for tr.age(path) < stamps.Tick {
		time.Sleep(time.Millisecond)
	}
}

func TestBadDigest(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("a", "one")
	track := tr.track(nodeSpec{id: "n", inputs: []string{"a"}})
	for _, digest := range []string{"x", "00"} {
		track.Files[0].Digest = digest
		_, err := tr.service.Record(t.Context(), ipc.RecordRequest{Track: track})
		var refused *ipc.Error
		if !errors.As(err, &refused) || refused.Code != ipc.CodeBadRequest {
			t.Errorf("digest %q: %v", digest, err)
		}
	}
}
