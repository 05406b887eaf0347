package remotecache

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config says which server is used, and how. It holds secrets: do not log it.
type Config struct {
	URL         string        // grpc://, grpcs://, http:// or https://, host, port; http may have a path
	Instance    string        // name of the instance on the server, "" for the only one
	Upload      bool          // results may be stored
	Timeout     time.Duration // of one look-up; blobs get more by their size; 0 = DefaultTimeout
	MaxBlob     int64         // bytes of the largest blob that is fetched or stored; 0 = DefaultMaxBlob
	Compression string        // CompressionZstd, CompressionNone, or "" for zstd where the server has it
	Headers     map[string]string
	TLSCA       string // file of certificates to trust instead of the system's
	TLSCert     string // file with the certificate of this client, "" for none
	TLSKey      string // file with its private key
	Execute     bool   // it is asked to execute commands, see [Client.Execute]
}

// Farm is a server that executes commands, and how. Without a URL there is none.
type Farm struct {
	Config
	Toolchain string            // ToolchainShipped or ToolchainWorker
	Platform  map[string]string // properties that a worker must have
	Jobs      int               // commands there at a time
}

// Where the compiler of a farm comes from.
const (
	ToolchainShipped = "shipped" // it is an input of each command
	ToolchainWorker  = "worker"  // each worker has it, and shows that it is the same
)

// DefaultJobs is how many commands a farm gets at a time: what two cores can prepare for.
const DefaultJobs = 16

// Project is [remote] of a replibuild.toml: what a project wishes. It holds nothing that is
// secret or trusted, and counts only as far as the user allows it.
type Project struct {
	Cache       string // the URL, "" for none
	Instance    string
	Upload      string // UploadNever, UploadCI, UploadAlways or "", which is UploadCI
	Timeout     time.Duration
	MaxBlob     int64
	Compression string

	Execute   string            // the URL of a server that executes commands, "" for none
	Toolchain string            // "" is ToolchainShipped
	Platform  map[string]string // properties that a worker must have
	Jobs      int               // commands there at a time, 0 = DefaultJobs
}

// When a project wishes its results to be stored.
const (
	UploadNever  = "never"
	UploadCI     = "ci" // in builds that run in CI
	UploadAlways = "always"
)

// Values of compression.
const (
	CompressionZstd = "zstd"
	CompressionNone = "none"
)

// The defaults. A server in reach answers a look-up in 0.1 ms over loopback and in one round
// trip elsewhere; one that needs more than 300 ms saves no time for most units.
const (
	DefaultTimeout = 300 * time.Millisecond
	DefaultMaxBlob = 512 << 20
)

// Schemes are the ways to speak to a server: the Remote Execution API over gRPC and the
// simple HTTP cache, each with and without TLS.
func Schemes() []string { return []string{"grpc", "grpcs", "http", "https"} }

// Origin returns the scheme, host and port of a URL, in one form for all its spellings. The
// error says what is wrong with the URL.
func Origin(raw string) (string, error) {
	u, err := parseURL(raw)
	if err != nil {
		return "", err
	}
	return u.Scheme + "://" + u.Host, nil
}

// parseURL checks a URL and fills in the port.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err
		}
		return nil, fmt.Errorf("%q is not a URL: %w", raw, err)
	}
	known := strings.Join(Schemes(), "://, ") + "://"
	switch {
	case u.Scheme == "" || u.Opaque != "":
		return nil, fmt.Errorf("%q has no scheme; a remote begins with one of %s", raw, known)
	case !slices.Contains(Schemes(), u.Scheme):
		return nil, fmt.Errorf("the scheme %q is unknown; a remote begins with one of %s", u.Scheme, known)
	case u.Hostname() == "":
		return nil, fmt.Errorf("%q names no host", raw)
	case u.User != nil:
		return nil, errors.New("the URL holds a user or a password; credentials belong in headers of config.toml")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q has a query or a fragment, which no remote takes", raw)
	case strings.HasPrefix(u.Scheme, "grpc") && strings.Trim(u.Path, "/") != "":
		return nil, fmt.Errorf("%q has a path; over gRPC write it as the instance", raw)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "grpcs": "443", "https": "443"}[u.Scheme]
	}
	if port == "" {
		return nil, fmt.Errorf("%q names no port, and grpc:// has none of its own", raw)
	}
	u.Host = net.JoinHostPort(strings.ToLower(u.Hostname()), port)
	return u, nil
}

// CheckInstance says what is wrong with the name of an instance, "" if nothing is. The names
// between the slashes must not be those of the protocol.
func CheckInstance(name string) (message, suggestion string) {
	if name == "" {
		return "", ""
	}
	reserved := []string{"", "blobs", "uploads", "actions", "actionResults", "operations", "capabilities", "compressed-blobs", ".", ".."}
	for segment := range strings.SplitSeq(name, "/") {
		if slices.Contains(reserved, segment) || strings.ContainsFunc(segment, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return fmt.Sprintf("is %q, which cannot be the name of an instance", name), "use letters, digits and _ . - with / between them"
		}
	}
	return "", ""
}

// CheckHeader says what is wrong with a header field, "" if nothing is. The text does not
// hold the value, which may be a secret.
func CheckHeader(name, value string) string {
	token := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-_.", r)
	}
	switch {
	case name == "" || strings.TrimFunc(name, token) != "":
		return "is not the name of a header"
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "has a control character in its value"
	}
	return ""
}
