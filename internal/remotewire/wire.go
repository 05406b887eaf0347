// Package remotewire is the protocol between a build and the program replibuild-remote, which
// speaks to a remote cache or a build farm for it. A frame is a header in JSON and a body of raw bytes: blobs
// in a body cost no encoding. Requests have numbers, so that many are under way at a time and
// replies come in any order. Both ends belong to one release; [Version] tells them apart all
// the same, because one may be installed without the other.
package remotewire

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Version is that of the protocol. The two ends must have the same.
const Version = 2

// The largest parts of a frame, in bytes. A body holds what one look-up brings along.
const (
	MaxHeader = 4 << 20
	MaxBody   = 32 << 20
)

// Digest is a SHA-256; in JSON it is 64 hex digits.
type Digest [32]byte

// String is the digest in hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]; it takes nothing but 64 hex digits.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(d)) {
		return fmt.Errorf("a digest of %d characters", len(text))
	}
	_, err := hex.Decode(d[:], text)
	return err
}

// Config says which server the program speaks to. It travels through the pipe only, because
// arguments and variables can be read by others.
type Config struct {
	URL         string            `json:"url"` // checked, with a port
	Instance    string            `json:"instance,omitempty"`
	MaxBlob     int64             `json:"max_blob"` // bytes
	Compression string            `json:"compression,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	TLSCA       string            `json:"tls_ca,omitempty"`
	TLSCert     string            `json:"tls_cert,omitempty"`
	TLSKey      string            `json:"tls_key,omitempty"`
	Execute     bool              `json:"execute,omitempty"` // the server has to execute commands
}

// What a [Request] asks for.
const (
	OpOpen   = "open"   // connect anew and ask what the server can do; the first request
	OpLookup = "lookup" // the value of a key
	OpFetch  = "fetch"  // blobs, into files of Dir named by their digests
	OpStore  = "store"  // blobs from files, then the value of a key

	OpExecute = "execute" // a command, and its outputs as OpFetch writes blobs
	OpCancel  = "cancel"  // ends an OpExecute whose answer is not needed any more
)

// Request is one request; ID is chosen by the asking side and not used twice.
type Request struct {
	ID      uint64        `json:"id"`
	Op      string        `json:"op"`
	Timeout time.Duration `json:"timeout"` // of each call to the server, more for large blobs

	Version int     `json:"version,omitempty"` // OpOpen
	Config  *Config `json:"config,omitempty"`  // OpOpen

	Key    *Digest  `json:"key,omitempty"`    // OpLookup, OpStore
	Inline []string `json:"inline,omitempty"` // OpLookup: names of files whose contents are wanted
	Files  []File   `json:"files,omitempty"`  // OpFetch, OpStore
	Dir    string   `json:"dir,omitempty"`    // OpFetch, OpExecute
	Meta   []byte   `json:"meta,omitempty"`   // OpStore
	Job    *Job     `json:"job,omitempty"`    // OpExecute
	Ends   uint64   `json:"ends,omitempty"`   // OpCancel: the ID of the request
}

// Job is a command that a server executes in an empty folder with nothing but its inputs.
type Job struct {
	Args     []string          `json:"args"`
	Env      map[string]string `json:"env,omitempty"` // all of it
	Inputs   []File            `json:"inputs"`        // by their paths in the folder
	Outputs  []string          `json:"outputs"`       // paths in the folder
	Platform map[string]string `json:"platform,omitempty"`
	Limit    time.Duration     `json:"limit"` // from the question to the answer, transfers apart
}

// Executed is what became of a [Job]. Its outputs are the Files of the [Reply], without those
// that the command did not make; what it printed is the Meta.
type Executed struct {
	Exit    int           `json:"exit"`
	Cached  bool          `json:"cached,omitempty"`  // the server knew the result
	Worker  string        `json:"worker,omitempty"`  // who executed it, as the server names it
	Took    time.Duration `json:"took,omitempty"`    // of the command itself, 0 = unknown
	Waited  time.Duration `json:"waited,omitempty"`  // from the question to the answer
	Missing []string      `json:"missing,omitempty"` // outputs that a command with exit code 0 did not make
}

// File is one file of a value.
type File struct {
	Name       string `json:"name,omitempty"`
	Digest     Digest `json:"digest"`
	Size       int64  `json:"size"`
	Executable bool   `json:"executable,omitempty"`
	Path       string `json:"path,omitempty"` // OpStore, OpExecute: where its bytes are
	Data       []byte `json:"-"`              // or its bytes, within the program
	// Inline is how many bytes of the body are its contents, 0 for none. The contents stand
	// in the body in the order of the files.
	Inline int `json:"inline,omitempty"`
}

// Reply answers the request with the same ID. Without a Fault the request succeeded.
type Reply struct {
	ID           uint64        `json:"id"`
	Fault        *Fault        `json:"fault,omitempty"`
	Elapsed      time.Duration `json:"elapsed,omitempty"`      // OpLookup: until the server answered
	Capabilities *Capabilities `json:"capabilities,omitempty"` // OpOpen
	Found        bool          `json:"found,omitempty"`        // OpLookup
	Files        []File        `json:"files,omitempty"`        // OpLookup
	Meta         []byte        `json:"meta,omitempty"`         // OpLookup
	Executed     *Executed     `json:"executed,omitempty"`     // OpExecute
	Blobs        int           `json:"blobs,omitempty"`        // OpFetch, OpStore: that were transferred
	Bytes        int64         `json:"bytes,omitempty"`        // their size, uncompressed
}

// Capabilities is what a server can do.
type Capabilities struct {
	Update bool  `json:"update"` // it says that results may be stored
	Zstd   bool  `json:"zstd"`   // large blobs may be compressed
	Batch  int64 `json:"batch"`  // bytes of one batch of small blobs
	// Execute: the server executes commands.
	Execute bool `json:"execute,omitempty"`
}

// Fault is why a request failed.
type Fault struct {
	Cause string `json:"cause"`
	Text  string `json:"text"` // details for people; holds no credentials
}

// Causes of a [Fault].
const (
	CauseConfig          = "config"          // the configuration cannot be used, such as an unreadable certificate
	CauseNoHost          = "no_host"         // the name has no address
	CauseRefused         = "refused"         // nothing listens there, or the connection broke
	CauseTimeout         = "timeout"         // no answer in time
	CauseCertificate     = "certificate"     // the server's certificate is not valid
	CauseTLS             = "tls"             // the two sides did not agree on TLS
	CauseUnauthenticated = "unauthenticated" // the server wants other credentials
	CauseDenied          = "denied"          // the credentials do not suffice
	CauseReadOnly        = "read_only"       // the server stores nothing from here
	CauseInstance        = "instance"        // the server has no such instance
	CauseDigest          = "digest"          // the server does not do SHA-256
	CauseProtocol        = "protocol"        // the answer is not what the protocol allows
	CauseDamaged         = "damaged"         // content that does not match its digest or size
	CauseMissing         = "missing"         // a blob of a known result is gone
	CauseTooLarge        = "too_large"       // larger than the limit for blobs
	CauseFull            = "full"            // no room for what is stored
	CauseServer          = "server"          // the server says that it is in trouble
	CauseExecution       = "execution"       // the server executes no commands
	CauseWorker          = "worker"          // what executed a command did it wrongly
	CauseLocal           = "local"           // a file of this machine could not be read or written
	CauseHelper          = "helper"          // the program itself is missing, ended or did not answer
)

// Error implements error.
func (f *Fault) Error() string { return f.Text }

// WriteFrame writes one frame. header is encoded as JSON.
func WriteFrame(w *bufio.Writer, header any, body [][]byte) error {
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	size := 0
	for _, part := range body {
		size += len(part)
	}
	if len(text) > MaxHeader || size > MaxBody {
		return fmt.Errorf("a frame of %d and %d bytes is too large", len(text), size)
	}
	var lengths [8]byte
	binary.BigEndian.PutUint32(lengths[:], uint32(len(text)))
	binary.BigEndian.PutUint32(lengths[4:], uint32(size))
	w.Write(lengths[:]) // the writer keeps its first error
	w.Write(text)
	for _, part := range body {
		w.Write(part)
	}
	return w.Flush()
}

// ReadFrame reads one frame into header and returns the body. It returns [io.EOF] at the end
// of the stream between two frames.
func ReadFrame(r *bufio.Reader, header any) (body []byte, err error) {
	var lengths [8]byte
	if _, err := io.ReadFull(r, lengths[:]); err != nil {
		return nil, err
	}
	text, size := binary.BigEndian.Uint32(lengths[:]), binary.BigEndian.Uint32(lengths[4:])
	if text > MaxHeader || size > MaxBody {
		return nil, fmt.Errorf("a frame of %d and %d bytes is too large", text, size)
	}
	all, err := readAtMost(r, int64(text)+int64(size))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(all[:text], header); err != nil {
		return nil, fmt.Errorf("the header of a frame cannot be read: %w", err)
	}
	return all[text:], nil
}

// readAtMost reads n bytes. Memory grows with what arrives, not with what was announced.
func readAtMost(r io.Reader, n int64) ([]byte, error) {
	const step = 1 << 20
	var all []byte
	for int64(len(all)) < n {
		had := len(all)
		all = append(all, make([]byte, min(n-int64(had), max(step, int64(had))))...)
		if _, err := io.ReadFull(r, all[had:]); err != nil {
			return nil, noEOF(err)
		}
	}
	return all, nil
}

// noEOF makes the end of the stream within a frame an error of its own.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Contents gives each file its part of a body, nil for files without. The error says that the
// sizes do not add up.
func Contents(files []File, body []byte) ([][]byte, error) {
	parts := make([][]byte, len(files))
	for i, f := range files {
		if f.Inline < 0 || f.Inline > len(body) {
			return nil, fmt.Errorf("contents of %d bytes in a body of %d", f.Inline, len(body))
		}
		if f.Inline > 0 {
			parts[i], body = body[:f.Inline:f.Inline], body[f.Inline:]
		}
	}
	if len(body) > 0 {
		return nil, fmt.Errorf("%d bytes of a body belong to no file", len(body))
	}
	return parts, nil
}
