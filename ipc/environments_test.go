package ipc

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
)

// An environment travels once, however many requests a client makes, also one of 2 MiB; a
// service that does not know it any more gets it again.
func TestEnvironmentTravelsOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var environments Environments
	var got []RunRequest
	service := fakeCompilation{run: func(_ context.Context, r RunRequest, _ func(RunProgress)) (RunReply, error) {
		mu.Lock()
		defer mu.Unlock()
		bare := r
		if err := environments.Complete(&r); err != nil {
			return RunReply{}, err
		}
		got = append(got, bare, r)
		return RunReply{}, nil
	}}
	s := serve(t, ServerConfig{}, CompilationHandlers(service))
	c := compilationClient(t, s.ep)
	large := []string{"A=1"}
	for range 16 {
		large = append(large, "LARGE="+strings.Repeat("x", 128<<10))
	}
	run := func(env []string, travels bool) {
		t.Helper()
		got = nil
		if _, err := c.Run(t.Context(), RunRequest{Build: "b", Env: env}, nil); err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 || (got[0].Env != nil) != travels || !slices.Equal(got[1].Env, env) {
			t.Errorf("an environment of %d variables travelled: %v, want %v", len(env), got[0].Env != nil, travels)
		}
	}
	run(large, true)
	run(large, false)
	run(slices.Clone(large), false)
	run([]string{"A=2"}, true)
	run([]string{"A=2"}, false)
	environments = Environments{} // another process
	run([]string{"A=2"}, true)
	run(nil, false)
}

func TestEnvironmentsAreFew(t *testing.T) {
	t.Parallel()
	var e Environments
	for _, id := range []string{"1", "2", "3", "4", "1", "5"} {
		if err := e.Complete(&RunRequest{EnvID: id, Env: []string{id}}); err != nil {
			t.Fatal(err)
		}
	}
	for id, known := range map[string]bool{"1": true, "2": false, "5": true} {
		r := RunRequest{EnvID: id}
		if err := e.Complete(&r); (err == nil) != known || known && r.Env[0] != id || !known && CodeOf(err) != CodeNotFound {
			t.Errorf("%s: %v, %q", id, err, r.Env)
		}
	}
}
