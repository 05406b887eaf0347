package compilation

import (
	"cmp"
	"slices"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

// noNames is the digest of the names in an empty folder.
var noNames = ipc.ListingDigest(nil)

// trackBuilder makes the records that discovery gets, with tables that hold once
// what units share.
type trackBuilder struct {
	view   *view
	track  ipc.Track
	files  []uint32            // path number to index + 1
	texts  []uint32            // file number to index + 1, of files of which only the content matters
	misses map[string][]uint32 // packed misses to indices
	groups map[string]uint32   // folder and names to index
	folder map[ipc.Listing]uint32
}

func newTrackBuilder(v *view) *trackBuilder {
	return &trackBuilder{
		view: v, misses: make(map[string][]uint32),
		groups: make(map[string]uint32), folder: make(map[ipc.Listing]uint32),
	}
}

// add adds the node of a record, with the signatures that the view saw.
func (b *trackBuilder) add(id string, rec *record) {
	if rec == nil {
		return
	}
	node := ipc.NodeRecord{ID: id, Unsettled: rec.Unsettled}
	b.inputs(&node, rec)
	for _, o := range rec.Outputs {
		b.track.Files = append(b.track.Files, ipc.FileSig{Path: o.Path, Sig: o.Sig})
		node.Outputs = append(node.Outputs, uint32(len(b.track.Files)-1))
	}
	node.Misses = b.missing(rec.Set)
	for _, l := range b.view.tables.foldersOf(rec.Set) {
		if b.signed(l) {
			node.Inputs = append(node.Inputs, b.file(b.view.tables.pathNumber(l.Dir)))
		}
		if l.Match == "" {
			node.Listings = append(node.Listings, b.listing(ipc.Listing{Dir: b.view.tidy(l.Dir), Digest: l.Digest}))
		}
	}
	slices.Sort(node.Inputs) // what is read and a link to it are one file
	node.Inputs = slices.Compact(node.Inputs)
	b.track.Nodes = append(b.track.Nodes, node)
}

// inputs adds the files that were read. What the cache has for their content, a file of
// that content makes again, whatever its signature.
func (b *trackBuilder) inputs(node *ipc.NodeRecord, rec *record) {
	for number := range eachNumber(rec.Set.Files) {
		f := b.view.tables.file(number)
		if b.view.contradicts(f) { // since the record was made, for another unit
			node.Unsettled = cmp.Or(node.Unsettled, b.view.tables.path(f.path)+" changed meanwhile")
		}
		if rec.Action.IsZero() {
			node.Inputs = append(node.Inputs, b.file(f.path))
		} else {
			node.Inputs = append(node.Inputs, b.text(number, f))
		}
	}
}

// signed reports whether discovery has to look at the folder or link itself. A folder
// that is where its path says needs no look.
func (b *trackBuilder) signed(l cache.Listing) bool {
	switch l.Match {
	case "":
		return l.Digest == noNames // which a file in its place has, too
	case leadsTo:
		return l.Digest != l.Dir || !b.view.signature(l.Dir).IsDir()
	}
	return true
}

func (b *trackBuilder) file(id uint32) uint32 {
	if n := int(id) + 1; n > len(b.files) {
		b.files = append(b.files, make([]uint32, n-len(b.files)+n/2)...)
	}
	if b.files[id] == 0 {
		b.track.Files = append(b.track.Files, ipc.FileSig{Path: b.view.tidyNumber(id), Sig: b.view.sign(id)})
		b.files[id] = uint32(len(b.track.Files))
	}
	return b.files[id] - 1
}

func (b *trackBuilder) text(number uint32, f tableFile) uint32 {
	if n := int(number) + 1; n > len(b.texts) {
		b.texts = append(b.texts, make([]uint32, n-len(b.texts)+n/2)...)
	}
	if b.texts[number] == 0 {
		b.track.Files = append(b.track.Files, ipc.FileSig{
			Path: b.view.tidyNumber(f.path), Sig: b.view.sign(f.path), Digest: f.digest.String(),
		})
		b.texts[number] = uint32(len(b.track.Files))
	}
	return b.texts[number] - 1
}

// missing groups misses by folder. Units of one target mostly miss the same.
func (b *trackBuilder) missing(set packedSet) []uint32 {
	key := string(set.Misses)
	if known, ok := b.misses[key]; ok {
		return known
	}
	var out []uint32
	for _, m := range cacheMisses(b.view.tables.unpack(packedSet{Misses: set.Misses}).misses) {
		group := m.Dir
		for _, name := range m.Names {
			group += "\x00" + name
		}
		i, ok := b.groups[group]
		if !ok {
			i = uint32(len(b.track.Misses))
			b.track.Misses = append(b.track.Misses, ipc.Miss{Dir: b.view.tidy(m.Dir), Names: m.Names})
			b.groups[group] = i
		}
		out = append(out, i)
	}
	b.misses[key] = out
	return out
}

func (b *trackBuilder) listing(l ipc.Listing) uint32 {
	i, known := b.folder[l]
	if !known {
		i = uint32(len(b.track.Listings))
		b.track.Listings = append(b.track.Listings, l)
		b.folder[l] = i
	}
	return i
}
