package remotehelper

import (
	"context"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// presentFor is how long a server is believed to have a blob that it had: a server keeps what
// it was asked for lately. What it has lost all the same it says when a command needs it.
const presentFor = 5 * time.Minute

// presence knows which blobs a server has, so that the commands of a build, which share most
// of their inputs, ask and upload once. The zero value knows none.
type presence struct {
	mu    sync.Mutex
	blobs map[remotewire.Digest]*present
}

// present is a blob that the server has, or gets.
type present struct {
	settled chan struct{} // closed when that is known
	until   time.Time     // it is believed; the zero time: it was not uploaded
}

// claim divides files into those that the caller has to bring, and those that others bring.
func (p *presence) claim(files []remotewire.File, now time.Time) (mine []remotewire.File, others []*present) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blobs == nil {
		p.blobs = map[remotewire.Digest]*present{}
	}
	for _, f := range files {
		b := p.blobs[f.Digest]
		if b != nil && isClosed(b.settled) && !now.Before(b.until) {
			b = nil
		}
		switch {
		case b == nil:
			p.blobs[f.Digest] = &present{settled: make(chan struct{})}
			mine = append(mine, f)
		case !isClosed(b.settled):
			others = append(others, b)
		}
	}
	return mine, others
}

// settle notes how the upload of claimed files went.
func (p *presence) settle(files []remotewire.File, ok bool, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range files {
		b := p.blobs[f.Digest]
		if ok {
			b.until = now.Add(presentFor)
		} else {
			delete(p.blobs, f.Digest)
		}
		close(b.settled)
	}
}

// forget has files asked for anew.
func (p *presence) forget(files []remotewire.File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range files {
		if b := p.blobs[f.Digest]; b != nil && isClosed(b.settled) {
			delete(p.blobs, f.Digest)
		}
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// ensure brings blobs to the server that it lacks.
func (s *grpcServer) ensure(ctx context.Context, timeout time.Duration, files []remotewire.File) error {
	files = distinct(files)
	for {
		mine, others := s.sent.claim(files, time.Now())
		if len(mine) > 0 {
			err := s.bring(ctx, timeout, mine)
			s.sent.settle(mine, err == nil, time.Now())
			if err != nil {
				return err
			}
		}
		for _, b := range others {
			select {
			case <-b.settled:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if len(others) == 0 {
			return nil
		}
	}
}

// bring asks which blobs the server lacks, and uploads those.
func (s *grpcServer) bring(ctx context.Context, timeout time.Duration, files []remotewire.File) error {
	missing, err := s.missing(ctx, timeout, files)
	if err != nil {
		return err
	}
	batches := s.batches(missing)
	var count counter
	return parallel(ctx, len(batches), func(ctx context.Context, i int) error {
		return s.storeBatch(ctx, timeout, batches[i], &count)
	})
}
