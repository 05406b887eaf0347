package daemons

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

const readyLine = "ready\n"

// readyLimit is how long a daemon may take from its start until it serves.
const readyLimit = 10 * time.Second

// errDiedEarly means that a daemon ended without a word on the pipe.
var errDiedEarly = errors.New("it ended before it was ready")

// encodeError makes the line that a daemon sends instead of readyLine.
func encodeError(err error) []byte {
	line, jerr := json.Marshal(asError(err))
	if jerr != nil {
		return []byte("{}\n")
	}
	return append(line, '\n')
}

// awaitReady reads a daemon's first word from the pipe: nil for ready, the daemon's
// own [ipc.Error], or why there was none.
func awaitReady(pipe *os.File, limit time.Duration) error {
	pipe.SetReadDeadline(time.Now().Add(limit))
	line, err := bufio.NewReader(pipe).ReadBytes('\n')
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("it was not ready within %v", limit)
	case err != nil:
		return errDiedEarly
	case string(line) == readyLine:
		return nil
	}
	var e ipc.Error
	if err := json.Unmarshal(line, &e); err != nil || e.Message == "" {
		return fmt.Errorf("it said %q instead of being ready", line)
	}
	return &e
}
