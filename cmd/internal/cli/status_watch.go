package cli

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/daemons"
	"github.com/RepliBuild/replibuild/ipc"
)

// statusPeriod is how often --watch looks at daemons and cache: often enough for a
// person, and a look costs four short messages.
const statusPeriod = time.Second

// watchStatus prints a line for everything that changes: daemons, cache, builds. It is
// for pipes and screen readers. With --json a change of daemons or cache prints the
// whole state, and one of builds its event.
func (a *app) watchStatus(ctx context.Context, p *replibuild.Project) error {
	events := make(chan ipc.Event, 256)
	go followOrchestrator(ctx, p, events)
	builds := newBuildWatch(a)
	var last ipc.SetStatus
	tick := time.NewTicker(statusPeriod)
	defer tick.Stop()
	look := func() {
		if now := p.Status(ctx); ctx.Err() == nil {
			a.printStatusChanges(last, now)
			last = now
		}
	}
	for look(); ; {
		select {
		case <-ctx.Done():
			return nil
		case e := <-events:
			builds.event(e)
		case <-tick.C:
			look()
		}
	}
}

// followOrchestrator gives out what the orchestrator tells, whenever there is one.
func followOrchestrator(ctx context.Context, p *replibuild.Project, events chan<- ipc.Event) {
	client := orchestratorOf(p)
	defer client.Close()
	for ctx.Err() == nil {
		_ = client.Subscribe(ctx, ipc.SubscribeRequest{}, func(e ipc.Event) { // the daemons' states tell what is wrong with it
			select {
			case events <- e:
			case <-ctx.Done():
			}
		})
		select {
		case <-time.After(statusPeriod / 4):
		case <-ctx.Done():
		}
	}
}

// orchestratorOf is a client of a project's orchestrator. It reads the endpoint for each
// request.
func orchestratorOf(p *replibuild.Project) *ipc.OrchestratorClient {
	set := &daemons.Launcher{Paths: p.Paths(), Config: p.Config()}
	return ipc.NewOrchestratorClient(func(ctx context.Context) (*ipc.Conn, error) {
		e, err := set.Endpoint(ipc.NameOrchestrator)
		if err != nil {
			return nil, err
		}
		return ipc.Dial(ctx, e)
	})
}

func (a *app) printStatusChanges(last, now ipc.SetStatus) {
	changed := !reflect.DeepEqual(last.Cache, now.Cache)
	for i, d := range now.Daemons {
		if i < len(last.Daemons) && last.Daemons[i].State == d.State && last.Daemons[i].PID == d.PID {
			continue
		}
		changed = true
		if !a.json {
			a.printf("%s daemon: %s\n", d.Name, statePlain(d))
		}
	}
	switch {
	case changed && a.json:
		a.printJSON(now)
	case !reflect.DeepEqual(last.Cache, now.Cache):
		a.printf("cache: %d hits, %d misses, %s\n", now.Cache.Hits, now.Cache.Misses, megabytes(now.Cache.Bytes))
	}
}

// statePlain is a state without symbols: "running, PID 12345, port 9001".
func statePlain(d ipc.DaemonStatus) string {
	s := d.State
	if d.PID != 0 {
		s += fmt.Sprintf(", PID %d, port %d", d.PID, d.Port)
	}
	return s
}
