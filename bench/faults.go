package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// The rows of failing servers build a project by a remote cache that is of no use, and without
// one, in turn. On a machine with other work the times say little: how long a free slot waited in
// vain, as the client counts it, is in the note.

// withoutServer is the tool that the others are compared with.
const withoutServer = "no server"

// slowness is what a call of the slow server takes.
const slowness = 200 * time.Millisecond

// faultyServer is a remote cache of the simple HTTP protocol.
type faultyServer struct {
	name, url string
	close     func()
}

// faultyServers starts one of each kind.
func faultyServers() (all []faultyServer, err error) {
	answer := func(name string, h http.HandlerFunc) {
		s := httptest.NewServer(h)
		all = append(all, faultyServer{name, s.URL, s.Close})
	}
	answer("slow and empty", func(w http.ResponseWriter, q *http.Request) {
		select {
		case <-time.After(slowness):
			http.NotFound(w, q)
		case <-q.Context().Done():
		}
	})
	answer("refusing", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "go away", http.StatusForbidden) })
	answer("lying", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "this is not what was asked for") })
	for _, name := range []string{"hung", "dead"} {
		l, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes connections, and nothing answers
		if err != nil {
			return all, err
		}
		if name == "dead" {
			l.Close()
		}
		all = append(all, faultyServer{name, "http://" + l.Addr().String(), func() { l.Close() }})
	}
	return all, nil
}

func shareFaults(ctx context.Context, b *bench, _ string, trees []*tree) ([]line, error) {
	servers, err := faultyServers()
	for _, s := range servers {
		defer s.close()
	}
	if err != nil {
		return nil, err
	}
	t, config := trees[0], filepath.Join(trees[0].home(), "config.toml")
	defer os.Remove(config)
	servers = append([]faultyServer{{name: withoutServer}}, servers...)
	took, waited := map[string][]time.Duration{}, map[string][]time.Duration{}
	for i := range b.runs {
		for k := range servers {
			s := servers[(i+k)%len(servers)]
			if err := t.useRemote(config, s.url); err != nil {
				return nil, err
			}
			if err := t.clear(ctx); err != nil {
				return nil, err
			}
			d, err := t.run(ctx)
			if err != nil {
				return nil, err
			}
			lost, err := t.lost(ctx)
			if err != nil {
				return nil, err
			}
			took[s.name], waited[s.name] = append(took[s.name], d), append(waited[s.name], lost)
		}
	}
	var lines []line
	for _, s := range servers[1:] {
		share := float64(median(waited[s.name])) / float64(median(took[withoutServer])) * 100
		note := fmt.Sprintf("server: %s; without one %s; a free slot waited %s in vain, %.1f %%", s.name, samples(took).cell(withoutServer), samples(waited).cell(s.name), share)
		lines = append(lines, line{samples: samples{toolDaemons: took[s.name], withoutServer: took[withoutServer]}, against: withoutServer, goal: 1.03, note: note})
	}
	return lines, nil
}

// useRemote has the user's file name a server for all projects, or none.
func (t *tree) useRemote(config, url string) error {
	text := ""
	if url != "" {
		text = fmt.Sprintf("[remotes.%q]\nprojects = [\"*\"]\ndefault = true\n", url)
	}
	return os.WriteFile(config, []byte(text), 0o600)
}

// lost is how long free slots of the last build waited for the server in vain.
func (t *tree) lost(ctx context.Context) (time.Duration, error) {
	out, err := t.command(ctx, t.exe, "cache", "stats", "--json").Output()
	if err != nil {
		return 0, fmt.Errorf("cache stats: %w", err)
	}
	var stats struct{ Tiers []ipc.TierStats }
	if err := json.Unmarshal(out, &stats); err != nil {
		return 0, err
	}
	for _, s := range stats.Tiers {
		if s.Name == ipc.TierRemote {
			return time.Duration(s.LostSeconds * float64(time.Second)), nil
		}
	}
	return 0, nil
}
