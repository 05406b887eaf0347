package preload

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
)

// maxDeaths is how often in a row a resident may end before it has done a request, or not
// begin: once may be an upgrade of its libraries just then, or a machine that has no time
// to spare. Then its program is run plainly until its file changes.
const maxDeaths = 3

// maxResidents bounds the residents: each holds a loaded compiler, and there is one for each set of
// the loader's variables that comes.
const maxResidents = 6

// Residents keeps a resident for each program that is asked for. It may be used by many
// goroutines; those that ask for a program that is being started wait for it.
type Residents struct {
	inherited []*os.File // see [StartResident]

	mu     sync.Mutex
	closed bool
	asked  int64 // how often
	byKey  map[string]*keptResident
	all    sync.WaitGroup // residents that are running
}

// keptResident is where the resident of one program and one start environment is kept.
type keptResident struct {
	mu      sync.Mutex // held while one is started
	now     *Resident
	users   *sync.WaitGroup // of now
	deaths  int
	refusal error // why none is started
	dropped bool  // another one is kept in its place
	asked   int64 // when it was asked for last, in requests; [Residents].mu
	refused signature
}

// NewResidents returns an empty set. Close it. Residents inherit files as [StartResident]
// says.
func NewResidents(inherited []*os.File) *Residents {
	return &Residents{inherited: inherited, byKey: make(map[string]*keptResident)}
}

// Run is [Resident.Run] with the resident of exe, which is started if there is none,
// or it has died, or its files have changed; one whose files have changed ends when it
// has nothing more to do.
func (s *Residents) Run(ctx context.Context, lib Library, exe string, q Request) (Result, error) {
	p, err := s.kept(lib, exe, q.Env)
	if err != nil {
		return Result{}, err
	}
	r, users, err := p.take(ctx, s, lib, exe, q.Env)
	if err != nil {
		return Result{}, err
	}
	defer users.Done()
	res, err := r.Run(ctx, q)
	p.count(r, err)
	return res, err
}

func (s *Residents) kept(lib Library, exe string, env []string) (*keptResident, error) {
	k := strings.Join([]string{exe, lib.Path, StartKey(env, lib)}, "\x00")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("run %s: %w: closed", exe, ErrNotResident)
	}
	if s.byKey[k] == nil {
		for len(s.byKey) >= maxResidents && s.dropOldest() {
		}
		s.byKey[k] = new(keptResident)
	}
	s.asked++
	s.byKey[k].asked = s.asked
	return s.byKey[k], nil
}

// dropOldest forgets the resident that was not asked for the longest; it ends when it has nothing
// more to do. It passes over those that are being started. s.mu is held.
func (s *Residents) dropOldest() bool {
	oldest := ""
	for k, p := range s.byKey {
		if (oldest == "" || p.asked < s.byKey[oldest].asked) && p.mu.TryLock() {
			p.mu.Unlock()
			oldest = k
		}
	}
	p := s.byKey[oldest]
	if p == nil || !p.mu.TryLock() {
		return false
	}
	defer p.mu.Unlock()
	p.dropped = true
	if p.now != nil {
		p.now = nil
		p.users.Done()
	}
	delete(s.byKey, oldest)
	return true
}

// take returns the resident and marks it as used.
func (p *keptResident) take(ctx context.Context, s *Residents, lib Library, exe string, env []string) (*Resident, *sync.WaitGroup, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dropped {
		return nil, nil, fmt.Errorf("run %s: %w: others are kept resident", exe, ErrUnsuitable)
	}
	if p.refusal != nil {
		if sig, err := signatureOf(exe); err == nil && sig == p.refused {
			return nil, nil, p.refusal
		}
		p.refusal, p.deaths = nil, 0
	}
	if p.now != nil && (p.now.ended() || !p.now.Current()) {
		p.now = nil // the one that waits for its users closes it
		p.users.Done()
	}
	if p.now == nil {
		if err := p.start(ctx, s, lib, exe, env); err != nil {
			return nil, nil, err
		}
	}
	p.users.Add(1)
	return p.now, p.users, nil
}

func (p *keptResident) start(ctx context.Context, s *Residents, lib Library, exe string, env []string) error {
	sig, err := signatureOf(exe)
	if err != nil {
		return fmt.Errorf("start resident: %w: %w", ErrNotResident, err)
	}
	r, err := StartResident(ctx, lib, exe, env, s.inherited...)
	if err != nil {
		if errors.Is(err, ErrNotResident) && ctx.Err() == nil {
			return p.died(err, sig)
		}
		return err
	}
	users := new(sync.WaitGroup)
	users.Add(1) // ours, as long as it is the one to take
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.Join(fmt.Errorf("start resident %s: %w: closed", exe, ErrNotResident), r.Close())
	}
	s.all.Add(1)
	go func() {
		defer s.all.Done()
		users.Wait()
		_ = r.Close() // it may be gone already
	}()
	p.now, p.users = r, users
	return nil
}

// count remembers how a request ended; the result of the process is none of its business.
// A resident dies once, however many requests it had.
func (p *keptResident) count(r *Resident, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !errors.Is(err, ErrNotResident) {
		p.deaths = 0
		return
	}
	if p.now == r {
		p.now = nil
		p.users.Done()
		sig, _ := signatureOf(r.exe) // of no file if it is gone: the next one differs
		_ = p.died(err, sig)         // which is for those who come next
	}
}

// died counts an end, or a start that failed, and says what came of it; mu is held.
func (p *keptResident) died(err error, sig signature) error {
	if p.deaths++; p.deaths < maxDeaths {
		return err
	}
	p.refusal, p.refused = fmt.Errorf("%w (%d times in a row): %w", ErrRefused, p.deaths, err), sig
	return p.refusal
}

// Pids are the residents that wait or work now, by the path of their program.
func (s *Residents) Pids() map[string][]int {
	s.mu.Lock()
	places := slices.Collect(maps.Values(s.byKey))
	s.mu.Unlock()
	pids := make(map[string][]int)
	for _, p := range places {
		p.mu.Lock()
		if p.now != nil && !p.now.ended() {
			pids[p.now.exe] = append(pids[p.now.exe], p.now.pid)
		}
		p.mu.Unlock()
	}
	return pids
}

// Release ends the residents that do nothing; the next request starts its own again.
func (s *Residents) Release() {
	s.mu.Lock()
	places := slices.Collect(maps.Values(s.byKey))
	s.mu.Unlock()
	for _, p := range places {
		p.mu.Lock()
		if p.now != nil {
			p.now = nil
			p.users.Done()
		}
		p.mu.Unlock()
	}
}

// Close ends all residents when they have done their requests; the caller has cancelled
// those.
func (s *Residents) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.Release()
	s.all.Wait()
}

func (r *Resident) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}
