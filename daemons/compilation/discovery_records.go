package compilation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/daemons/compilation/internal/snapshot"
	"github.com/RepliBuild/replibuild/ipc"
)

// noNames is the digest of the names in an empty folder.
var noNames = ipc.ListingDigest(nil)

// recordBuilder makes the records that discovery gets, with tables that hold once
// what units share.
type recordBuilder struct {
	view    *snapshot.Tree
	track   ipc.Track // the part that is not handed over yet
	handed  struct{ files, misses, listings, variables uint32 }
	files   []recordedFile      // by path number
	texts   []recordedFile      // by file number, of files whose content alone matters
	dirs    []recordedFile      // by path number, of folders of which only counts that they are some
	misses  map[string][]uint32 // packed misses to indices
	groups  map[string]uint32   // folder and names to index
	folder  map[ipc.Listing]uint32
	environ map[ipc.Variable]uint32
}

// recordedFile is where a file is in the table of files, plus one, and as what.
type recordedFile struct {
	at  uint32
	sig ipc.Signature
}

func newRecordBuilder(v *snapshot.Tree) *recordBuilder {
	return &recordBuilder{
		view: v, misses: make(map[string][]uint32),
		groups: make(map[string]uint32), folder: make(map[ipc.Listing]uint32), environ: make(map[ipc.Variable]uint32),
	}
}

// news hands over what was added since the last time. Numbers go on counting.
func (b *recordBuilder) news() ipc.Track {
	t := b.track
	b.handed.files += uint32(len(t.Files))
	b.handed.misses += uint32(len(t.Misses))
	b.handed.listings += uint32(len(t.Listings))
	b.handed.variables += uint32(len(t.Variables))
	b.track = ipc.Track{}
	return t
}

// add adds the node of a record, with the signatures that the view saw. known is what
// discovery knows its inputs by, "" if it does not or they changed.
func (b *recordBuilder) add(id, known string, rec *record) {
	if rec == nil {
		return
	}
	node := ipc.NodeRecord{ID: id, Unsettled: rec.Unsettled}
	// What another unit has seen since counts as well.
	node.Unsettled = cmp.Or(node.Unsettled, b.view.Changed(rec.Set))
	for _, o := range rec.made() {
		node.Outputs = append(node.Outputs, b.put(ipc.FileSig{Path: o.Path, Sig: o.Sig}))
	}
	folders := b.folders(rec.Set)
	b.variables(&node, folders)
	if node.Unsettled == "" {
		node.Set = b.name(rec, folders)
		node.Same = node.Set == known
	}
	if !node.Same {
		b.inputs(&node, rec)
		b.listed(&node, folders)
		node.Misses = b.missing(rec.Set)
		slices.Sort(node.Inputs) // what is read and a link to it are one file
		node.Inputs = slices.Compact(node.Inputs)
	}
	b.track.Nodes = append(b.track.Nodes, node)
}

// recordedFolder is a listing and whether discovery has to look at the folder itself.
type recordedFolder struct {
	cache.Listing
	signed bool
}

func (b *recordBuilder) folders(set snapshot.PackedSet) (out []recordedFolder) {
	for _, l := range b.view.Interner.Listings(set) {
		out = append(out, recordedFolder{l, b.signed(l)})
	}
	return out
}

// variables adds the variables of the environment that count.
func (b *recordBuilder) variables(node *ipc.NodeRecord, folders []recordedFolder) {
	for _, l := range folders {
		if l.Match == snapshot.Variable {
			node.Variables = append(node.Variables, b.variable(ipc.Variable{Name: l.Dir, Text: l.Digest}))
		}
	}
}

func (b *recordBuilder) variable(v ipc.Variable) uint32 {
	return numbered(v, b.environ, &b.track.Variables, b.handed.variables)
}

// name names all of a record that discovery gets but for its outputs.
func (b *recordBuilder) name(rec *record, folders []recordedFolder) string {
	facts := []bool{rec.Action.IsZero()}
	for _, f := range folders {
		facts = append(facts, f.signed)
	}
	return b.view.Interner.NameOf(rec.Set, fmt.Append(nil, facts))
}

// inputs adds the files that were read. What the cache has for their content, a file of
// that content makes again, whatever its signature.
func (b *recordBuilder) inputs(node *ipc.NodeRecord, rec *record) {
	for number := range snapshot.EachNumber(rec.Set.Files) {
		f := b.view.Interner.File(number)
		if rec.Action.IsZero() {
			node.Inputs = append(node.Inputs, b.file(f.Path))
		} else {
			node.Inputs = append(node.Inputs, b.text(number, f))
		}
	}
}

// listed adds the folders that were listed, and links that were followed.
func (b *recordBuilder) listed(node *ipc.NodeRecord, folders []recordedFolder) {
	for _, l := range folders {
		if l.Match == snapshot.LinkText {
			b.addLink(node, l.Listing)
		} else if l.signed {
			node.Inputs = append(node.Inputs, b.signedFolder(l.Listing))
		}
		if other := snapshot.OtherOf(l.Listing); other != "" {
			node.Inputs = append(node.Inputs, b.file(b.view.Interner.PathNumber(other)))
		}
		if l.Match == "" {
			node.Listings = append(node.Listings, b.listing(ipc.Listing{Dir: b.view.Tidy(l.Dir), Digest: l.Digest}))
		}
	}
}

// signedFolder is what discovery has to look at for a listing. Files come and go in a folder that a
// compiler asked about, outputs among them, and it is a folder all the same.
func (b *recordBuilder) signedFolder(l cache.Listing) uint32 {
	id := b.view.Interner.PathNumber(l.Dir)
	if l.Match == snapshot.IsFolder && b.view.Sign(id).IsDir() {
		return b.once(&b.dirs, id, snapshot.File{Path: id}, ipc.FolderDigest)
	}
	return b.file(id)
}

// addLink adds a symbolic link whose text matters.
func (b *recordBuilder) addLink(node *ipc.NodeRecord, l cache.Listing) {
	sig := ipc.LinkSignature(b.view.Abs(l.Dir))
	if b.view.Value(l) != l.Digest {
		node.Unsettled = cmp.Or(node.Unsettled, l.Dir+" was turned meanwhile")
	}
	text := cache.HashBytes([]byte(strings.TrimPrefix(l.Digest, snapshot.IsText)))
	node.Inputs = append(node.Inputs, b.put(ipc.FileSig{Path: l.Dir, Sig: sig, Digest: text.String(), Link: true}))
}

// signed reports whether discovery has to look at the folder or link itself. A folder
// that is where its path says needs no look.
func (b *recordBuilder) signed(l cache.Listing) bool {
	switch l.Match {
	case "":
		return l.Digest == noNames // which a file in its place has, too
	case snapshot.Variable, snapshot.LinkText:
		return false // who asks for a build compares variables
	case snapshot.LeadsTo:
		return l.Digest != l.Dir || !b.view.Signature(l.Dir).IsDir()
	}
	return true
}

// put appends to the table of files.
func (b *recordBuilder) put(f ipc.FileSig) uint32 {
	b.track.Files = append(b.track.Files, f)
	return b.handed.files + uint32(len(b.track.Files)) - 1
}

func (b *recordBuilder) file(id uint32) uint32 {
	return b.once(&b.files, id, snapshot.File{Path: id}, "")
}

func (b *recordBuilder) text(number uint32, f snapshot.File) uint32 {
	return b.once(&b.texts, number, f, f.Digest.String())
}

// once puts a file into the table that is not there with its signature.
func (b *recordBuilder) once(slots *[]recordedFile, slot uint32, f snapshot.File, digest string) uint32 {
	if n := int(slot) + 1; n > len(*slots) {
		*slots = append(*slots, make([]recordedFile, n-len(*slots)+n/2)...)
	}
	known, sig := &(*slots)[slot], b.view.Sign(f.Path)
	if known.at == 0 || known.sig != sig {
		known.at, known.sig = b.put(ipc.FileSig{Path: b.view.TidyNumber(f.Path), Sig: sig, Digest: digest})+1, sig
	}
	return known.at - 1
}

// missing groups misses by folder. Units of one target mostly miss the same.
func (b *recordBuilder) missing(set snapshot.PackedSet) []uint32 {
	key := string(set.Misses)
	if known, ok := b.misses[key]; ok {
		return known
	}
	var out []uint32
	for _, m := range snapshot.GroupMisses(b.view.Interner.Unpack(snapshot.PackedSet{Misses: set.Misses}).Misses) {
		group := m.Dir
		for _, name := range m.Names {
			group += "\x00" + name
		}
		i, ok := b.groups[group]
		if !ok {
			i = b.handed.misses + uint32(len(b.track.Misses))
			b.track.Misses = append(b.track.Misses, ipc.Miss{Dir: b.view.Tidy(m.Dir), Names: m.Names})
			b.groups[group] = i
		}
		out = append(out, i)
	}
	b.misses[key] = out
	return out
}

func (b *recordBuilder) listing(l ipc.Listing) uint32 {
	return numbered(l, b.folder, &b.track.Listings, b.handed.listings)
}

// numbered returns the number of v in a table whose first rows, handed of them, were
// handed over already. A new v becomes a row.
func numbered[T comparable](v T, numbers map[T]uint32, rows *[]T, handed uint32) uint32 {
	i, known := numbers[v]
	if !known {
		i = handed + uint32(len(*rows))
		*rows = append(*rows, v)
		numbers[v] = i
	}
	return i
}
