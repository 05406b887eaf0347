package remotefake

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	re "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/protobuf/proto"
)

// Status is an error of Options.Before that a server of HTTP answers with.
type Status int

// Error implements error.
func (s Status) Error() string { return http.StatusText(int(s)) }

// serveHTTP is the simple HTTP cache.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == "PRI" {
		http.Error(w, "this is not gRPC", http.StatusBadRequest) // its clients begin so
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	if s.options.Instance != "" {
		path = strings.TrimPrefix(path, s.options.Instance+"/")
	}
	kind, hash, ok := strings.Cut(path, "/")
	if !ok || kind != "ac" && kind != "cas" || len(hash) != 64 {
		http.Error(w, s.mistake("%s %s", r.Method, r.URL.Path).Error(), http.StatusBadRequest)
		return
	}
	if err := s.begin(r.Context(), r.Method+" "+kind); err != nil {
		code := http.StatusInternalServerError
		if own, ok := err.(Status); ok {
			code = int(own)
		}
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		http.Error(w, err.Error(), code)
		return
	}
	if r.Method == http.MethodPut {
		s.putHTTP(w, r, kind, hash)
		return
	}
	s.getHTTP(w, kind, hash)
}

func (s *Server) putHTTP(w http.ResponseWriter, r *http.Request, kind, hash string) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	if kind == "cas" {
		err = s.put(hash, int64(len(data)), data)
	} else {
		result := &re.ActionResult{}
		if err = proto.Unmarshal(data, result); err == nil {
			err = s.putResult(hash, result)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (s *Server) getHTTP(w http.ResponseWriter, kind, hash string) {
	data, ok := s.get(hash)
	if kind == "ac" {
		result := s.result(hash)
		if ok = result != nil; ok {
			data, _ = proto.Marshal(result)
		}
	}
	if !ok {
		http.Error(w, "no such thing", http.StatusNotFound)
		return
	}
	if !s.options.Endless {
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	}
	for again := true; again; again = s.options.Endless {
		if _, err := w.Write(data); err != nil {
			return
		}
	}
}
