// Package depslog reads and writes .ninja_deps: the inputs that compilers named, for each
// output whose rule says "deps = gcc" or "msvc".
//
// The file is a list of records of two kinds: a path, whose number is its position among
// the paths, and the numbers of an output's inputs. The last record of an output counts.
// Version 4 is known, that of ninja 1.9 and later. A file of another version is started
// over; one that ends in the middle of a record is cut there, with a warning. The record of
// a killed build may be torn.
package depslog

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja/appendlog"
)

const (
	signature     = "# ninjadeps\n"
	version       = 4
	headerSize    = len(signature) + 4
	maxRecordSize = 1<<19 - 1
	depsBit       = 1 << 31 // of a record's size: it lists inputs
)

// Deps are the inputs of an output.
type Deps struct {
	Mtime int64 // of the output when they were found, in nanoseconds
	ids   string
}

// Len is how many inputs there are.
func (d *Deps) Len() int { return len(d.ids) / 4 }

// ID is the number of an input; [Log.Path] has its path.
func (d *Deps) ID(i int) int { return int(le32(d.ids[4*i:])) }

// Has reports whether the file with that ID is among them.
func (d *Deps) Has(id int) bool {
	for i := range d.Len() {
		if d.ID(i) == id {
			return true
		}
	}
	return false
}

func le32(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// Log is one .ninja_deps. Only one goroutine may use it.
type Log struct {
	appendlog.File
	paths []string
	ids   map[string]int
	deps  []*Deps // by the number of the output; nil if it has none
	stale bool
}

// Load reads a log. A missing one is empty. The warning says that it could not be used, or
// not all of it.
func Load(path string) (l *Log, warning string, err error) {
	l = newLog(path)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	text := string(data)
	if len(text) < headerSize || !strings.HasPrefix(text, signature) || le32(text[len(signature):]) != version {
		warning = "bad deps log signature or version; starting over"
		if len(text) >= headerSize && le32(text[len(signature):]) == 1 {
			warning = "deps log version change; rebuilding"
		}
		return l, warning, os.Remove(path)
	}
	if good := l.parse(text); good < len(text) {
		return l, "premature end of file; recovering", os.Truncate(path, int64(good))
	}
	return l, "", nil
}

func newLog(path string) *Log {
	return &Log{File: appendlog.New(path, header()), ids: make(map[string]int)}
}

func header() []byte {
	return binary.LittleEndian.AppendUint32([]byte(signature), version)
}

// How much larger than needed a log may be.
const (
	minRecords = 1000
	maxRatio   = 3
)

// parse reads all records and returns how much of the file is good.
func (l *Log) parse(text string) (good int) {
	pos, records, unique := headerSize, 0, 0
	for len(text)-pos >= 4 {
		size := le32(text[pos:])
		isDeps := size&depsBit != 0
		size &^= depsBit
		if size > maxRecordSize || int(size) > len(text)-pos-4 {
			break
		}
		record := text[pos+4 : pos+4+int(size)]
		if isDeps {
			isNew, ok := l.parseDeps(record)
			if !ok {
				break
			}
			records++
			if isNew {
				unique++
			}
		} else if !l.parsePath(record) {
			break
		}
		pos += 4 + int(size)
	}
	l.stale = records > minRecords && records > unique*maxRatio
	return pos
}

func (l *Log) parseDeps(record string) (isNew, ok bool) {
	if len(record) < 12 || len(record)%4 != 0 {
		return false, false
	}
	out := int(int32(le32(record)))
	d := &Deps{Mtime: int64(uint64(le32(record[4:])) | uint64(le32(record[8:]))<<32), ids: record[12:]}
	if out < 0 || out >= len(l.paths) {
		return false, false
	}
	for i := range d.Len() {
		if d.ID(i) >= len(l.paths) {
			return false, false
		}
	}
	isNew = l.deps[out] == nil
	l.deps[out] = d
	return isNew, true
}

// parsePath reads a path, filled up with zeros to four bytes, and the complement of its
// number.
func (l *Log) parsePath(record string) bool {
	if len(record) <= 4 {
		return false
	}
	path := record[:len(record)-4]
	for range 3 {
		path = strings.TrimSuffix(path, "\x00")
	}
	if _, known := l.ids[path]; known || ^le32(record[len(record)-4:]) != uint32(len(l.paths)) {
		return false
	}
	l.add(path)
	return true
}

func (l *Log) add(path string) (id int) {
	id = len(l.paths)
	l.ids[path] = id
	l.paths = append(l.paths, path)
	l.deps = append(l.deps, nil)
	return id
}

// Path is the path of a number.
func (l *Log) Path(id int) string { return l.paths[id] }

// Paths are all paths, by their numbers.
func (l *Log) Paths() []string { return l.paths }

// Has says that the log names a path.
func (l *Log) Has(path string) bool {
	_, ok := l.ids[path]
	return ok
}

// Lookup returns the inputs of an output, or nil.
func (l *Log) Lookup(output string) *Deps {
	if id, ok := l.ids[output]; ok {
		return l.deps[id]
	}
	return nil
}

// Stale says that the log wants [Log.Recompact].
func (l *Log) Stale() bool { return l.stale }

// errTooLong says that an output has more inputs than a record can hold.
//
//lint:ignore ST1005 the words are what ninja prints
var errTooLong = errors.New("Numerical result out of range")

// Record notes the inputs of an output, in the file too, unless they are known already.
func (l *Log) Record(output string, mtime int64, inputs []string) error {
	buf, changed := l.pathRecord(nil, output)
	out := l.ids[output]
	ids := make([]byte, 0, 4*len(inputs))
	for _, in := range inputs {
		var isNew bool
		buf, isNew = l.pathRecord(buf, in)
		changed = changed || isNew
		ids = binary.LittleEndian.AppendUint32(ids, uint32(l.ids[in]))
	}
	d := &Deps{Mtime: mtime, ids: string(ids)}
	if old := l.deps[out]; !changed && old != nil && *old == *d {
		return nil
	}
	if 12+len(ids) > maxRecordSize {
		return errTooLong
	}
	if err := l.Append(appendDeps(buf, out, d)); err != nil {
		return err
	}
	l.deps[out] = d
	return nil
}

func appendDeps(buf []byte, out int, d *Deps) []byte {
	buf = binary.LittleEndian.AppendUint32(buf, uint32(12+len(d.ids))|depsBit)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(out))
	buf = binary.LittleEndian.AppendUint64(buf, uint64(d.Mtime))
	return append(buf, d.ids...)
}

// pathRecord adds a path that has no number yet.
func (l *Log) pathRecord(buf []byte, path string) (_ []byte, isNew bool) {
	if _, known := l.ids[path]; known {
		return buf, false
	}
	return appendPath(buf, path, l.add(path)), true
}

func appendPath(buf []byte, path string, id int) []byte {
	padding := (4 - len(path)%4) % 4
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(path)+padding+4))
	buf = append(buf, path...)
	buf = append(buf, "\x00\x00\x00"[:padding]...)
	return binary.LittleEndian.AppendUint32(buf, ^uint32(id))
}

// Recompact writes the log anew, with the outputs that are live only and without paths that
// nothing names.
func (l *Log) Recompact(live func(output string) bool) error {
	fresh := newLog(l.Name)
	var buf []byte
	for out, d := range l.deps {
		if d == nil || !live(l.paths[out]) {
			continue
		}
		buf, _ = fresh.pathRecord(buf, l.paths[out])
		ids := make([]byte, 0, len(d.ids))
		for i := range d.Len() {
			in := l.paths[d.ID(i)]
			buf, _ = fresh.pathRecord(buf, in)
			ids = binary.LittleEndian.AppendUint32(ids, uint32(fresh.ids[in]))
		}
		kept := &Deps{Mtime: d.Mtime, ids: string(ids)}
		id := fresh.ids[l.paths[out]]
		fresh.deps[id] = kept
		buf = appendDeps(buf, id, kept)
	}
	if err := l.Replace(".recompact", buf); err != nil {
		return err
	}
	*l = *fresh
	return nil
}
