package replibuild

import (
	"context"
	"errors"
	"time"

	"github.com/RepliBuild/replibuild/internal/pause"
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
		if err := awaitChange(ctx, changed, failed); err != nil {
			return err
		}
	}
}

// awaitChange returns after a change once no further one came for a moment.
func awaitChange(ctx context.Context, changed <-chan struct{}, failed <-chan error) error {
	select {
	case <-changed:
		return pause.Quiet(ctx, changed, quiet, patience)
	case err := <-failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
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
			return
		}
		switch e.Body.(type) {
		case ipc.FilesChanged, ipc.Snapshot: // a later snapshot stands for what was missed
			pause.Wake(changed)
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
	for {
		err := client.Subscribe(ctx, ipc.SubscribeRequest{}, onEvent)
		if ctx.Err() != nil || !lostContact(err) {
			return err
		}
		if err := p.awaitReturn(ctx, client); err != nil {
			return err
		}
	}
}

// lostContact reports whether a daemon ended or is ending.
func lostContact(err error) bool {
	return errors.Is(err, ipc.ErrUnreachable) || ipc.CodeOf(err) == ipc.CodeStopping
}

// returnLimit is how long an orchestrator that was stopped may take to come back: more
// than a restart of the set takes, with daemons that hang.
const returnLimit = 15 * time.Second

// awaitReturn waits until the orchestrator answers again. One that crashed is started;
// one that was stopped is somebody's wish, unless a restart brings it back.
func (p *Project) awaitReturn(ctx context.Context, client *ipc.OrchestratorClient) error {
	limited, cancel := context.WithTimeout(ctx, returnLimit)
	defer cancel()
	for {
		if client.Ping(limited) == nil {
			return nil
		}
		for _, d := range p.Status(limited).Daemons {
			if d.Name == ipc.NameOrchestrator && d.State == ipc.StateCrashed {
				_, _, err := p.Ensure(ctx)
				return err
			}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		case <-limited.Done():
			return ipc.Errorf(ipc.CodeUnreachable, "the daemons were stopped, so changes cannot be watched").
				WithHint("`replibuild watch` starts them again")
		}
	}
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
