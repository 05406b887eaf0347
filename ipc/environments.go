package ipc

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
)

// maxEnvironments is how many environments a service keeps: those of a few callers who
// build at the same time. One may have 2 MiB.
const maxEnvironments = 4

// Environments are the environments that a compilation service got last, by their names
// ([RunRequest].EnvID). The zero value is ready.
type Environments struct {
	mu   sync.Mutex
	kept []keptEnvironment // the one that was used last is at the end
}

type keptEnvironment struct {
	id  string
	env []string
}

// Complete gives a request its environment, if that was left out, else it keeps it. The
// error has [CodeNotFound] if the environment is not known: the request is to be sent again
// with it.
func (e *Environments) Complete(req *RunRequest) error {
	if req.EnvID == "" {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	at := slices.IndexFunc(e.kept, func(k keptEnvironment) bool { return k.id == req.EnvID })
	switch {
	case req.Env == nil && at < 0:
		return Errorf(CodeNotFound, "the environment %s is not known", req.EnvID)
	case req.Env == nil:
		req.Env = e.kept[at].env
	}
	if at >= 0 {
		e.kept = slices.Delete(e.kept, at, at+1)
	} else if len(e.kept) == maxEnvironments {
		e.kept = slices.Delete(e.kept, 0, 1)
	}
	e.kept = append(e.kept, keptEnvironment{req.EnvID, req.Env})
	return nil
}

// sentEnvironment is the last environment that a client has sent.
type sentEnvironment struct {
	mu  sync.Mutex
	env []string
	id  string
}

// name returns the name of an environment, and whether it was sent already. Who asks for
// many actions passes the same slice each time, so that is looked at first.
func (s *sentEnvironment) name(env []string) (id string, sent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(env) > 0 && len(env) == len(s.env) && &env[0] == &s.env[0] {
		return s.id, true
	}
	h := sha256.New()
	for _, kv := range env {
		h.Write([]byte(kv))
		h.Write([]byte{0})
	}
	id = hex.EncodeToString(h.Sum(nil)[:16])
	return id, id == s.id
}

func (s *sentEnvironment) was(env []string, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.env, s.id = env, id
}
