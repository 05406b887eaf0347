package cache

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options bounds a store.
type Options struct {
	MaxBytes int64         // of entries and blobs together; 0 = no bound
	TTL      time.Duration // since the last use; 0 = for ever
	Now      func() time.Time
	Log      *slog.Logger
}

// Store is one cache folder. Its methods may be called from many goroutines, and
// many stores in many processes may share the folder.
type Store struct {
	dir     string
	options Options
	log     *slog.Logger
	now     func() time.Time

	mu        sync.Mutex
	index     *index // nil until the folder has been read
	loading   chan struct{}
	pins      map[string]map[Digest]bool // by build
	manifests recent[[]InputSet]
	entries   recent[*Entry]
	verified  map[Digest]signature // blobs whose content this process has checked
	spoiled   map[Digest]bool      // blobs that were found damaged and deleted
	counters  counters             // since the last flush
	seen      mark                 // the folder when index was read, or when we last wrote
	gone      map[Digest]MissReason
	refused   bool      // the folder is another user's: it is not even read
	blocked   string    // why nothing is stored
	retry     time.Time // when to try to store again
	crowdedAt int64     // size below which trimming frees nothing, 0 = none
	closed    bool
	flusher   *time.Timer
	trimmer   *time.Timer
	trashes   map[string]*time.Timer // by token of Clear

	flushing   sync.Mutex     // one flush at a time
	background sync.WaitGroup // trims that Close waits for
	behind     chan struct{}  // places for what Replace does behind its callers' backs
}

// Open returns the store in dir and makes the folder when something is stored. It
// never fails: a folder that cannot be used gives a store that misses everything
// and says why in [Stats].
func Open(dir string, o Options) *Store {
	s := &Store{
		behind: make(chan struct{}, maxBehind),
		dir:    dir, options: o, log: o.Log, now: o.Now,
		loading:   make(chan struct{}),
		pins:      make(map[string]map[Digest]bool),
		verified:  make(map[Digest]signature),
		spoiled:   make(map[Digest]bool),
		gone:      make(map[Digest]MissReason),
		manifests: recent[[]InputSet]{limit: maxManifestBytes},
		entries:   recent[*Entry]{limit: maxEntryBytes},
		trashes:   make(map[string]*time.Timer),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if reason := notOurs(dir); reason != "" {
		s.refused, s.blocked = true, reason
		s.log.Warn("the cache is not used; builds go on", "reason", reason)
	}
	go s.load()
	return s
}

// load reads the folder in the background: look-ups need no index, only eviction
// and statistics do.
func (s *Store) load() {
	defer close(s.loading)
	gone, x := map[Digest]MissReason{}, newIndex()
	if !s.refused {
		s.removeOldTrash()
		s.setSeen(s.mark(s.readCounters()))
		gone, x = readGone(s.path("gone")), scan(s.dir, s.now())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index = x
	for d, r := range gone {
		s.gone[d] = r
	}
	if !s.closed && !s.refused {
		s.trimLater()
	}
}

// loaded waits for the index and returns with the lock held.
func (s *Store) loaded() *index {
	<-s.loading
	s.mu.Lock()
	return s.index
}

// Close writes the statistics and waits for a running trim. A process that is killed
// instead loses only the counts of its last second. Close always returns nil, because
// counts that cannot be written are no reason to fail.
func (s *Store) Close() error {
	<-s.loading
	s.mu.Lock()
	s.closed = true
	for _, timer := range []*time.Timer{s.flusher, s.trimmer} {
		if timer != nil {
			timer.Stop()
		}
	}
	for token, timer := range s.trashes {
		timer.Stop()
		delete(s.trashes, token)
	}
	s.mu.Unlock()
	s.background.Wait()
	if err := s.flush(); err != nil {
		s.log.Warn("the cache's statistics could not be written", "error", err)
	}
	return nil
}

// Dir returns the store's folder.
func (s *Store) Dir() string { return s.dir }

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// file is where the thing of a kind ("entries", "blobs", "manifests") lies.
func (s *Store) file(kind string, d Digest) string {
	h := d.String()
	return s.path(kind, h[:2], h)
}

// InputSets returns what actions with that base key read, the set that matched or
// was added last first. The caller must not change it.
func (s *Store) InputSets(base Digest) []InputSet {
	path := s.file("manifests", base)
	sig := sign(path)
	if s.refused || sig == (signature{}) {
		return nil
	}
	if sets, ok := s.manifests.get(base, sig); ok {
		return sets
	}
	payload, err := readFrame(path, manifestMagic)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return nil
	}
	sets, ok := decodeManifest(payload)
	if err != nil || !ok {
		s.drop(path, "manifest")
		return nil
	}
	s.manifests.put(base, sig, sets, len(payload))
	return sets
}

// AddInputSet makes set the first of those that base leads to.
func (s *Store) AddInputSet(base Digest, set InputSet) error {
	sets := s.InputSets(base)
	if len(sets) > 0 && sets[0].Action == set.Action {
		return nil
	}
	data := frame(manifestMagic, encodeManifest(withSet(sets, set)))
	if err := s.publish(s.file("manifests", base), data); err != nil {
		return err
	}
	x := s.loaded()
	defer s.mu.Unlock()
	x.manifest(base, int64(len(data)))
	return nil
}

// Get returns the entry for an action key, or why there is none. It does not count
// as hit or miss; the caller knows whether it uses what it got. The caller must not change
// the entry.
func (s *Store) Get(action Digest) (*Entry, MissReason) {
	if s.refused {
		return nil, New
	}
	path := s.file("entries", action)
	sig := sign(path)
	e, err := s.recall(action, sig)
	switch {
	case errors.Is(err, ErrDamaged):
		s.drop(path, "entry")
		s.forget(action, Damaged)
		return nil, Damaged
	case err != nil:
		return nil, s.reasonGone(action)
	case s.expired(action, sig):
		s.remove(action, Expired)
		return nil, Expired
	}
	for _, o := range e.Outputs {
		if why := s.checkBlob(o); why != Found {
			s.remove(action, why)
			return nil, why
		}
	}
	s.touch(action, path, sig)
	return e, Found
}

// Has reports whether there seems to be an entry for an action key. It is no use of it.
func (s *Store) Has(action Digest) bool {
	return !s.refused && sign(s.file("entries", action)) != signature{}
}

// recall is read for a file that has a signature: what was read with it is not read again.
func (s *Store) recall(action Digest, sig signature) (*Entry, error) {
	if e, ok := s.entries.get(action, sig); ok {
		return e, nil
	}
	e, err := s.read(action)
	if err == nil && sig != (signature{}) {
		s.entries.put(action, sig, e, len(e.Diagnostics)+usualEntry)
	}
	return e, err
}

// read reads an entry's file.
func (s *Store) read(action Digest) (*Entry, error) {
	payload, err := readFrame(s.file("entries", action), entryMagic)
	if err != nil {
		return nil, err
	}
	var e Entry
	if json.Unmarshal(payload, &e) != nil || e.Action != action {
		return nil, ErrDamaged
	}
	return &e, nil
}

// checkBlob looks from outside whether an output's blob can be what was stored.
func (s *Store) checkBlob(o Output) MissReason {
	path := s.file("blobs", o.Blob)
	sig := sign(path)
	switch {
	case sig == (signature{}):
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.spoiled[o.Blob] {
			return Damaged
		}
		return Evicted
	case !sig.regular || sig.size != o.Size:
		s.drop(path, "blob")
		return Damaged
	}
	return Found
}

// touchEvery is how old the stamp on disk may be before a use renews it; the order
// of uses within this process is exact in memory. With a short TTL it is a quarter
// of that.
const touchEvery = time.Hour

// touch notes a use. A stamp in the future (the clock was set back) is renewed, too:
// its entry would outlive all others.
func (s *Store) touch(action Digest, path string, sig signature) {
	now := s.now()
	every := touchEvery
	if ttl := s.options.TTL; ttl > 0 {
		every = min(every, ttl/4)
	}
	if age := now.Sub(time.Unix(0, sig.mtime)); age > every || age < 0 {
		os.Chtimes(path, now, now)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index != nil {
		s.index.use(action, now)
	}
}

// expired reports whether the entry was last used longer ago than the TTL. A stamp
// in the future counts as now.
func (s *Store) expired(action Digest, sig signature) bool {
	if s.options.TTL <= 0 || s.now().Sub(time.Unix(0, sig.mtime)) <= s.options.TTL {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	it := (*item)(nil)
	if s.index != nil {
		it = s.index.entries[action]
	}
	return it == nil || s.now().Sub(it.used) > s.options.TTL
}

// unlink deletes a file, and its folder when that is empty then: empty folders use up
// inodes, too. A process that needs the folder at this moment makes it again.
func unlink(path string) {
	os.Remove(path)
	os.Remove(filepath.Dir(path))
}

// drop deletes a damaged file and counts it.
func (s *Store) drop(path, what string) {
	unlink(path)
	s.log.Warn("damaged "+what+" in the cache was dropped", "file", path)
	s.count(func(c *counters) { c.Damaged++ })
}

// remove deletes an entry that can no longer be used.
func (s *Store) remove(action Digest, why MissReason) {
	unlink(s.file("entries", action))
	s.forget(action, why)
	if why == Expired || why == Evicted {
		s.count(func(c *counters) { c.Evicted++ })
	}
}

// forget takes an entry out of the index and remembers why it is gone. Blobs that
// no entry names any more go with it.
func (s *Store) forget(action Digest, why MissReason) {
	x := s.loaded()
	orphans := x.delete(action)
	s.remember(action, why)
	for _, b := range orphans {
		delete(s.verified, b)
	}
	s.mu.Unlock()
	for _, b := range orphans {
		unlink(s.file("blobs", b))
	}
}
