package oracle

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// remoteKind has several trees of one user share a remote cache: an HTTP server that loses and damages
// what it has, is slow, hangs, refuses and goes away, while there are edits in each tree.
// ORACLE_REMOTE names the program replibuild-remote; without it the kind is left out.
func remoteKind() kind {
	k := kind{name: "remote", cannot: func(*world) string {
		if _, err := os.Stat(remoteProgram()); err != nil {
			return "replibuild-remote does not lie beside the test; ORACLE_REMOTE names it"
		}
		return ""
	}}
	k.prepare = func(w *world) {
		s := newCacheServer(w)
		w.server = s
		w.save("home/config.toml", fmt.Sprintf("[remotes.%q]\nprojects = [\"*\"]\nupload = true\n", s.http.URL), true)
		w.settings.remote = s.http.URL
		w.settings.sharedPaths = w.chance(60)
	}
	k.turns = []turn{
		{4, "worktree", (*world).newWorktree},
		{4, "same", (*world).sameElsewhere},
		{2, "back", func(w *world) []string { return w.elsewhere((*world).changeHere) }},
		{2, "share", func(w *world) []string { w.shareNow(); return w.twice() }},
		{3, "fault", (*world).faultOfServer},
		{2, "evict", func(w *world) []string { w.server.evict(w); return w.afresh() }},
		{2, "killed", (*world).killWhileSharing},
		{1, "helper", (*world).killHelper},
	}
	return k
}

// remoteProgram is where the compile service looks for the program that speaks to servers.
func remoteProgram() string {
	own, _ := os.Executable()
	return filepath.Join(filepath.Dir(own), "replibuild-remote")
}

// linkRemoteProgram puts the program that ORACLE_REMOTE names in its place.
func linkRemoteProgram() {
	if path := os.Getenv("ORACLE_REMOTE"); path != "" {
		_ = os.Symlink(path, remoteProgram()) // one that is there is kept
	}
}

// How a server answers.
const (
	serverGood     = "good"
	serverSlow     = "slow"
	serverHangs    = "hangs"
	serverDamages  = "damages"
	serverLoses    = "loses"
	serverRefuses  = "refuses"
	serverReadOnly = "read only"
	serverCuts     = "cuts"
)

var serverFaults = []string{serverSlow, serverHangs, serverDamages, serverLoses, serverRefuses, serverReadOnly, serverCuts}

// cacheServer is the simple HTTP cache, /ac/HASH and /cas/HASH.
type cacheServer struct {
	http *httptest.Server
	done chan struct{}

	mu     sync.Mutex
	state  string
	count  int // of requests
	served int // of these, with what was stored
	stored map[string][]byte
}

func newCacheServer(w *world) *cacheServer {
	s := &cacheServer{done: make(chan struct{}), state: serverGood, stored: map[string][]byte{}}
	s.http = httptest.NewServer(s)
	w.t.Cleanup(func() {
		close(s.done)
		s.http.CloseClientConnections()
		s.http.Close()
		w.t.Logf("the server had %d requests, and what %d of them asked for", s.count, s.served)
	})
	return s
}

// become changes how the server answers.
func (s *cacheServer) become(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
}

// evict drops some of what is stored, or all.
func (s *cacheServer) evict(w *world) {
	s.mu.Lock()
	defer s.mu.Unlock()
	some := 30 + w.between(2)*70
	w.note("the server drops %d of 100 of %d", some, len(s.stored))
	for _, path := range slices.Sorted(maps.Keys(s.stored)) {
		if w.chance(some) {
			delete(s.stored, path)
		}
	}
}

// ServeHTTP implements [http.Handler].
func (s *cacheServer) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.count++
	state, count, third := s.state, s.count, s.count%3 == 0
	s.mu.Unlock()
	switch {
	case state == serverSlow:
		s.pause(r, 150*time.Millisecond)
	case state == serverHangs:
		s.pause(r, time.Minute)
	case state == serverRefuses, state == serverReadOnly && r.Method == http.MethodPut:
		out.WriteHeader([]int{http.StatusUnauthorized, http.StatusInsufficientStorage, http.StatusBadGateway}[count%3])
		return
	}
	if r.Method == http.MethodPut {
		s.put(out, r)
		return
	}
	s.mu.Lock()
	data, ok := s.stored[r.URL.Path]
	ok = ok && (state != serverLoses || !third)
	if ok {
		s.served++
	}
	s.mu.Unlock()
	if !ok {
		out.WriteHeader(http.StatusNotFound)
		return
	}
	if state == serverDamages && third && strings.HasPrefix(r.URL.Path, "/cas/") && len(data) > 0 {
		data = slices.Clone(data)
		data[count%len(data)] ^= 4
	}
	out.Header().Set("Content-Length", fmt.Sprint(len(data)))
	if state == serverCuts && third {
		data = data[:len(data)/2] // and the connection ends
	}
	_, _ = out.Write(data)
}

func (s *cacheServer) pause(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.done:
	case <-r.Context().Done():
	}
}

func (s *cacheServer) put(out http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		out.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored[r.URL.Path] = data
}

// faultOfServer builds from nothing while the server fails, and once more when it works again.
func (w *world) faultOfServer() []string {
	state := pick(w, serverFaults)
	w.note("the server %s", state)
	w.server.become(state)
	defer w.server.become(serverGood)
	if wrong := w.changeAfter(w.afresh()); len(wrong) > 0 {
		return wrong
	}
	w.note("the server is good again")
	w.server.become(serverGood)
	return w.changeHere()
}

// killHelper kills the program that speaks to the server, and builds from nothing.
func (w *world) killHelper() []string {
	w.useSet()
	if wrong := w.needsGood(); len(wrong) > 0 {
		return wrong
	}
	for _, d := range w.running() {
		if d.Name == ipc.NameCompilation {
			w.note("kill -9 replibuild-remote")
			killChildren(d.PID, "(replibuild-rem)")
		}
	}
	return w.afresh()
}

// killChildren kills the children of a process with a name as /proc/PID/stat has it.
func killChildren(parent int, name string) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		fields := strings.Fields(string(text)) // PID (NAME) STATE PARENT …
		if err != nil || len(fields) < 4 || fields[1] != name || fields[3] != fmt.Sprint(parent) {
			continue
		}
		if pid, err := strconv.Atoi(fields[0]); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
