package cli

import (
	"bufio"
	"encoding/json"
	"os"

	"github.com/RepliBuild/replibuild/ipc"
)

// recorder writes events as JSON lines, the form that --json prints and
// `tui --replay` plays.
type recorder struct {
	file *os.File
	buf  *bufio.Writer
	enc  *json.Encoder
	err  error
}

func newRecorder(path string) (*recorder, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, ipc.Errorf(ipc.CodeBadRequest, "cannot record events: %v", err)
	}
	buf := bufio.NewWriter(f)
	return &recorder{file: f, buf: buf, enc: json.NewEncoder(buf)}, nil
}

func (r *recorder) event(e ipc.Event) {
	if r.err == nil {
		r.err = r.enc.Encode(e)
	}
}

func (r *recorder) close() error {
	if err := r.buf.Flush(); r.err == nil {
		r.err = err
	}
	if err := r.file.Close(); r.err == nil {
		r.err = err
	}
	return r.err
}
