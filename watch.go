package replibuild

import (
	"context"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// quiet is how long no file may change before a build starts, and patience the
// longest that a stream of changes can put it off: an editor's save is several
// events, a branch switch thousands.
const (
	quiet    = 20 * time.Millisecond
	patience = 500 * time.Millisecond
)

// Watch calls build now and again after changes of the project's files, until ctx
// ends or build returns an error. With noDaemon (or CI set, or discovery disabled)
// this process watches the files itself.
func (p *Project) Watch(ctx context.Context, noDaemon bool, build func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changed := make(chan struct{}, 1)
	failed := make(chan error, 1)
	ready := make(chan struct{})
	go func() { failed <- p.followChanges(ctx, noDaemon, ready, changed) }()
	select {
	case <-ready:
	case err := <-failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		if err := build(); err != nil {
			return err
		}
		if err := waitForQuiet(ctx, changed, failed); err != nil {
			return err
		}
	}
}

// waitForQuiet returns after a change once no further one came for a moment.
func waitForQuiet(ctx context.Context, changed <-chan struct{}, failed <-chan error) error {
	select {
	case <-changed:
	case err := <-failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
	limit := time.After(patience)
	for {
		select {
		case <-changed:
		case <-time.After(quiet):
			return nil
		case <-limit:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// followChanges sends to changed whenever files of the project change; ready is
// closed once no change can be missed any more.
func (p *Project) followChanges(ctx context.Context, noDaemon bool, ready chan<- struct{}, changed chan<- struct{}) error {
	first := true
	onEvent := func(e ipc.Event) {
		if first {
			first = false
			close(ready)
		}
		if _, ok := e.Body.(ipc.FilesChanged); !ok {
			return
		}
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	if noDaemon || p.unfit(nil) != nil || p.InCI() || !p.config.Enabled(ipc.NameDiscovery) || !p.config.Enabled(ipc.NameOrchestrator) {
		return p.followChangesHere(ctx, onEvent)
	}
	if _, _, err := p.Ensure(ctx); err != nil {
		return err
	}
	client := p.orchestratorClient()
	defer client.Close()
	return client.Subscribe(ctx, ipc.SubscribeRequest{}, onEvent)
}

// followChangesHere watches with a discovery service of this process.
func (p *Project) followChangesHere(ctx context.Context, onEvent func(ipc.Event)) error {
	w := newWiring(p, nil)
	defer w.close()
	d, err := w.discovery(ctx, true)
	if err != nil {
		return err
	}
	keep(w, d)
	snapshot := func() ipc.Event { return ipc.NewEvent("", ipc.Snapshot{}) }
	return w.hub.Subscribe(ctx, snapshot, nil, onEvent)
}
