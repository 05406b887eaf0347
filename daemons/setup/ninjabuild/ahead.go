package ninjabuild

import (
	"context"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/daemons/setup/internal/ninja"
	"github.com/RepliBuild/replibuild/ipc"
)

// A result that is known already needs no process, and what several commands read has to be
// looked at only once if they are asked about together. So edges that are ready are asked
// about many at a time, whatever -j says. What is not known is run afterwards, as if it had
// not been asked about; only its record left the log a little earlier.

// maxAhead is how many edges are asked about together. One request for 40 edges of LevelDB
// takes a fifth of the time of 40 requests; beyond some hundred nothing is gained.
const maxAhead = 256

// ahead is what is known of edges before they run.
type ahead struct {
	off    bool // none of the last batch was known: edges are run without being asked about
	asked  int  // edges whose answer is awaited
	batch  int  // how many were asked about together
	hits   int  // how many of them were known so far
	missed []missedEdge
	asking sync.WaitGroup // calls of Restore
}

// holds says that the others are asked about next: all of this batch were known so far.
func (a *ahead) holds() bool { return a.asked > 0 && a.hits == a.batch-a.asked }

// missedEdge is ready to be run.
type missedEdge struct {
	edge *ninja.Edge
	run  *run
}

// askAhead asks for the results of edges that are ready. One batch is under way at a time.
func (b *builder) askAhead(ctx context.Context) error {
	restorer, is := b.runner.(Restorer)
	if !is || b.opts.dryRun || b.opts.jobs < 2 || b.ahead.asked > 0 || b.ahead.off || b.ready.Len() < 2 {
		return nil
	}
	edges, err := b.takeAhead()
	if err != nil || len(edges) == 0 {
		return err
	}
	var asked []missedEdge
	var commands []Command
	for _, e := range edges {
		r := &run{start: time.Since(b.began), asked: true}
		b.describeRun(e, r)
		if err := b.prepare(e, r); err != nil {
			b.ahead.missed = append(b.ahead.missed, asked...)
			return err
		}
		asked, commands = append(asked, missedEdge{e, r}), append(commands, b.command(e))
	}
	for _, a := range asked {
		b.running[a.edge] = a.run
	}
	b.ahead.asked, b.ahead.batch, b.ahead.hits = len(edges), len(edges), 0
	b.ahead.asking.Go(func() {
		restorer.Restore(ctx, commands, func(i int, r Result, known bool) {
			b.ended <- ended{edge: edges[i], result: r, missed: !known}
		})
	})
	return nil
}

// takeAhead takes edges off the queue: those that a runner may know the result of.
func (b *builder) takeAhead() (edges []*ninja.Edge, err error) {
	var others []*ninja.Edge
	for b.ready.Len() > 0 && len(edges) < maxAhead {
		e := b.next()
		switch {
		case e.IsPhony():
			if err := b.finished(e, true); err != nil {
				return nil, err
			}
		case e.UsesConsole() || e.Is("generator") || e.Rspfile() != "":
			others = append(others, e)
		default:
			edges = append(edges, e)
		}
	}
	for _, e := range others {
		b.ready.add(e)
	}
	return edges, nil
}

// received notes a message of an edge. free says that it has to be run, else it has ended.
func (b *builder) received(r ended) (end *ended, free bool) {
	run := b.running[r.edge]
	if !run.asked {
		if s := r.result.Service; s != nil && s.Status == ipc.StatusCached {
			b.ahead.off = false
		}
		run.over = true
		return &r, false
	}
	run.asked = false
	b.ahead.asked--
	if r.missed {
		delete(b.running, r.edge)
		b.ahead.missed = append(b.ahead.missed, missedEdge{r.edge, run})
	} else {
		b.ahead.hits++
	}
	b.ahead.off = b.ahead.asked == 0 && b.ahead.hits == 0
	if r.missed {
		return nil, true
	}
	now := time.Since(b.began)
	if s := r.result.Service; s != nil {
		run.start = max(run.start, now-time.Duration(s.Seconds*float64(time.Second)))
	}
	b.status.start(r.edge, run.start)
	b.tellStart(run)
	run.over = true
	return &r, false
}

// nextMissed is an edge that was asked about and has to be run.
func (b *builder) nextMissed() (m missedEdge, ok bool) {
	if len(b.ahead.missed) == 0 {
		return m, false
	}
	m = b.ahead.missed[0]
	b.ahead.missed = b.ahead.missed[1:]
	return m, true
}

// startMissed runs an edge that is prepared.
func (b *builder) startMissed(ctx context.Context, m missedEdge, granted slot) {
	defer b.startTime.time()()
	m.run.start, m.run.slot, m.run.mtime = time.Since(b.began), granted, b.fileTime()
	b.running[m.edge] = m.run
	b.status.start(m.edge, m.run.start)
	b.tellStart(m.run)
	b.launch(ctx, m.edge)
}

// dropMissed puts back the records of edges that are not run after all.
func (b *builder) dropMissed() error {
	for _, m := range b.ahead.missed {
		if err := b.restore(m.edge, m.run); err != nil {
			return err
		}
	}
	b.ahead.missed = nil
	return nil
}
