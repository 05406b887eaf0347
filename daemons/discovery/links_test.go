package discovery

import (
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// TestLinkItself: where the path itself counts, another text, the end of the link or a
// file in its place is a change, and what happens to the file that it leads to is none.
func TestLinkItself(t *testing.T) {
	t.Parallel()
	for _, verify := range []string{"watch", verifyStat} {
		t.Run(verify, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t, func(c *Config) { c.Verify = verify })
			tr.write("src/a.h", "1")
			tr.symlink("a.h", "src/to")
			tr.symlink("nowhere", "src/dangling")
			links := []string{"src/to", "src/dangling"}
			tr.record(nodeSpec{id: "signature", links: links}, nodeSpec{id: "text", links: links, content: true})
			tr.expect()
			tr.write("src/a.h", "another")
			tr.expect()
			tr.symlink("elsewhere", "src/dangling")
			tr.expect("signature: changed src/dangling", "text: changed src/dangling")
			tr.reopen()
			tr.expect("signature: changed src/dangling", "text: changed src/dangling")
			tr.symlink("nowhere", "src/dangling")
			tr.expect("signature: changed src/dangling")
			tr.remove("src/dangling")
			tr.expect("signature: removed src/dangling", "text: removed src/dangling")
			tr.symlink("nowhere", "src/dangling")
			tr.remove("src/to")
			tr.write("src/to", "another")
			tr.expect("signature: changed src/dangling, changed src/to", "text: changed src/to")
		})
	}
}

// TestLinkAndItsFile: one node may read a file through a link whose text another reads.
func TestLinkAndItsFile(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.write("src/a.h", "1")
	tr.symlink("a.h", "src/to")
	tr.record(nodeSpec{id: "file", inputs: []string{"src/to"}}, nodeSpec{id: "link", links: []string{"src/to"}})
	tr.reopen()
	tr.expect()
	tr.write("src/a.h", "another")
	tr.expect("file: changed src/to")
	reply, err := tr.service.Dependents(t.Context(), ipc.DependentsRequest{Path: "src/to"})
	tr.must(err)
	if len(reply.Nodes) != 2 {
		t.Errorf("src/to is read by %q, want both nodes", reply.Nodes)
	}
	tr.write("b.h", "2")
	tr.symlink("../b.h", "src/to")
	tr.expect("file: changed src/to", "link: changed src/to")
}
