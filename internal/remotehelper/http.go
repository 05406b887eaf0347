package remotehelper

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	re "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/protobuf/proto"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// httpServer speaks the simple HTTP cache: GET, HEAD and PUT of ac/HASH and cas/HASH.
// Results and keys are those of the other protocol, so a server that speaks both has one
// cache.
type httpServer struct {
	config remotewire.Config
	base   string // URL with the instance, without a slash at the end
	client *http.Client
}

// maxResult bounds a result in bytes, as gRPC bounds a message.
const maxResult = 4 << 20

func newHTTP(c remotewire.Config, u *url.URL, t *tls.Config) *httpServer {
	base := *u
	base.Path = strings.TrimSuffix(base.Path, "/")
	if c.Instance != "" {
		base.Path += "/" + c.Instance
	}
	const connections = 64 // each carries one call at a time
	return &httpServer{config: c, base: base.String(), client: &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: t, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections, DisableCompression: true,
		},
		// The headers hold credentials, which must not follow to another place.
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			return fault(remotewire.CauseProtocol, "the server redirects to %s, which is not followed", r.URL.Redacted())
		},
	}}
}

func (s *httpServer) close() { s.client.CloseIdleConnections() }

// capabilities implements [server]. The protocol has no such question: a blob is asked for
// whose presence says nothing.
func (s *httpServer) capabilities(ctx context.Context) (remotewire.Capabilities, error) {
	r, err := s.call(ctx, http.MethodHead, "cas", digestOf(nil).String(), nil, 0)
	if err != nil && !isMissing(err) {
		return remotewire.Capabilities{}, err
	}
	closeBody(r)
	return remotewire.Capabilities{Update: true}, nil
}

// call sends one request. A status other than success is a fault.
func (s *httpServer) call(ctx context.Context, method, kind, hash string, body io.Reader, size int64) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, method, s.base+"/"+kind+"/"+hash, body)
	if err != nil {
		return nil, fault(remotewire.CauseConfig, "%v", err)
	}
	q.ContentLength = size
	q.Header.Set("User-Agent", "replibuild")
	for name, value := range s.config.Headers {
		q.Header.Set(name, value)
		if strings.EqualFold(name, "host") {
			q.Host = value
		}
	}
	r, err := s.client.Do(q)
	if err != nil {
		return nil, httpFault(err)
	}
	if f := refusal(r); f != nil {
		closeBody(r)
		return nil, f
	}
	return r, nil
}

// refusal says why the server did not do what it was asked to do, nil if it did.
func refusal(r *http.Response) *remotewire.Fault {
	write := r.Request.Method == http.MethodPut
	cause := remotewire.CauseProtocol
	switch code := r.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusNotFound && !write, code == http.StatusGone && !write:
		cause = remotewire.CauseMissing
	case code == http.StatusUnauthorized, code == http.StatusProxyAuthRequired:
		cause = remotewire.CauseUnauthenticated
	case code == http.StatusForbidden:
		cause = remotewire.CauseDenied
	case write && (code == http.StatusMethodNotAllowed || code == http.StatusNotImplemented || code == http.StatusNotFound):
		cause = remotewire.CauseReadOnly
	case code == http.StatusInsufficientStorage, code == http.StatusRequestEntityTooLarge:
		cause = remotewire.CauseFull
	case code >= 500, code == http.StatusTooManyRequests:
		cause = remotewire.CauseServer
	}
	return fault(cause, "the server answered %s to %s", r.Status, r.Request.Method)
}

// closeBody ends a response; a short rest is read so that the connection can be used again.
func closeBody(r *http.Response) {
	if r != nil {
		_, _ = io.CopyN(io.Discard, r.Body, 4<<10)
		r.Body.Close()
	}
}

func isMissing(err error) bool {
	var f *remotewire.Fault
	return errors.As(err, &f) && f.Cause == remotewire.CauseMissing
}

// lookup implements [server].
func (s *httpServer) lookup(ctx context.Context, timeout time.Duration, key remotewire.Digest, inline []string) (*value, error) {
	data, err := s.result(ctx, timeout, key)
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := &re.ActionResult{}
	if err := proto.Unmarshal(data, r); err != nil {
		return nil, fault(remotewire.CauseDamaged, "a result cannot be read: %v", err)
	}
	v, err := valueOf(r)
	if err != nil {
		return nil, err
	}
	for _, i := range v.wanted(inline) {
		f := v.files[i]
		if err := s.blob(ctx, timeout, f, func(body io.Reader) (err error) {
			v.contents[i], err = checked(f, body)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (s *httpServer) result(ctx context.Context, timeout time.Duration, key remotewire.Digest) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := s.call(ctx, http.MethodGet, "ac", actionDigest(s.config.Instance, key).GetHash(), nil, 0)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	data, err := io.ReadAll(io.LimitReader(r.Body, maxResult+1))
	if err != nil {
		return nil, httpFault(err)
	}
	if len(data) > maxResult {
		return nil, fault(remotewire.CauseProtocol, "a result has more than %d bytes", maxResult)
	}
	return data, nil
}

// blob hands the content of a blob to take.
func (s *httpServer) blob(ctx context.Context, timeout time.Duration, f remotewire.File, take func(io.Reader) error) error {
	if f.Size > s.config.MaxBlob {
		return fault(remotewire.CauseTooLarge, "the blob %s has %d bytes, more than max_blob", f.Digest, f.Size)
	}
	ctx, cancel := within(ctx, timeout, f.Size)
	defer cancel()
	r, err := s.call(ctx, http.MethodGet, "cas", f.Digest.String(), nil, 0)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if err := take(r.Body); err != nil {
		return httpFault(err)
	}
	return nil
}

// fetch implements [server].
func (s *httpServer) fetch(ctx context.Context, timeout time.Duration, files []remotewire.File, dir string) (moved, error) {
	if err := emptyFiles(dir, files); err != nil {
		return moved{}, err
	}
	files = distinct(files)
	var count counter
	err := parallel(ctx, len(files), func(ctx context.Context, i int) error {
		return count.add(files[i], s.blob(ctx, timeout, files[i], func(r io.Reader) error { return receive(dir, files[i], r) }))
	})
	return count.moved(), err
}

// store implements [server]. The result is written last: where it is found, its blobs are there.
func (s *httpServer) store(ctx context.Context, timeout time.Duration, key remotewire.Digest, files []remotewire.File, meta []byte) (moved, error) {
	blobs := distinct(files)
	var count counter
	err := parallel(ctx, len(blobs), func(ctx context.Context, i int) error {
		sent, err := s.storeBlob(ctx, timeout, blobs[i])
		if sent {
			return count.add(blobs[i], err)
		}
		return err
	})
	if err != nil {
		return count.moved(), err
	}
	data := marshal(resultOf(files, meta))
	ctx, cancel := within(ctx, timeout, int64(len(data)))
	defer cancel()
	r, err := s.call(ctx, http.MethodPut, "ac", actionDigest(s.config.Instance, key).GetHash(), strings.NewReader(string(data)), int64(len(data)))
	closeBody(r)
	return count.moved(), err
}

// storeBlob sends a blob unless the server has it, and says whether it did.
func (s *httpServer) storeBlob(ctx context.Context, timeout time.Duration, f remotewire.File) (sent bool, err error) {
	ctx, cancel := within(ctx, 2*timeout, f.Size) // two calls
	defer cancel()
	r, err := s.call(ctx, http.MethodHead, "cas", f.Digest.String(), nil, 0)
	closeBody(r)
	if err == nil || !isMissing(err) {
		return false, err
	}
	file, err := openBlob(f)
	if err != nil {
		return false, err
	}
	defer file.Close()
	r, err = s.call(ctx, http.MethodPut, "cas", f.Digest.String(), newVerifying(file, f), f.Size)
	closeBody(r)
	return true, err
}
