package remotecache

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// farmTimeout bounds a call to a farm, more for large blobs, and how long it may show no sign of
// life: a farm is worth waiting for longer than a cache, because a compile takes longer than
// a look-up.
const farmTimeout = 10 * time.Second

// Job is a command to execute in an empty folder that holds nothing but its inputs.
type Job struct {
	Args    []string // relative paths are in that folder
	Env     map[string]string
	Inputs  []Input
	Outputs []string      // paths in the folder
	Limit   time.Duration // from the question to the answer, transfers apart
}

// Input is a file of a job.
type Input struct {
	Name       string   // its path in the folder of the job
	Digest     [32]byte // SHA-256 of the content
	Size       int64    // bytes
	Executable bool
	Path       string // where it lies here, absolute; it is checked as it is read
}

// Result is what became of a job that was executed.
type Result struct {
	Exit    int               // exit code
	Printed string            // standard output, then standard error
	Outputs map[string]string // by the path in the folder: the file that it lies in here
	Took    time.Duration     // of the command, as the worker measured it; else until the answer
	Worker  string            // as the server names it, "" if it does not
	Cached  bool              // the server knew the result
}

// Execute has a job executed by the server, and writes its outputs into dir, checked, as files
// named by their digests. An error says that there is no result, and what was to be done has to
// be done without the server; the build is told why, once for each cause.
//
// A result with exit code 0 has all outputs. One with another may be due to the
// server: whoever gets it makes the same here before it is believed.
func (c *Client) Execute(ctx context.Context, f Farm, job Job, dir string) (*Result, error) {
	conn, err := c.executes(ctx)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	c.counts.change(func(h *Health) { h.Running++ })
	start := time.Now()
	r, _, err := c.link.call(ctx, conn, remotewire.Request{Op: remotewire.OpExecute, Timeout: max(farmTimeout, c.config.Timeout), Dir: dir, Job: job.toWire(f)})
	if err == nil {
		err = wrongResult(r)
	}
	c.counts.change(func(h *Health) {
		h.Running--
		if err != nil {
			h.Refused++
		}
	})
	c.counts.fetched(r.Blobs, r.Bytes)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil { // a success counts when it is used
		c.failed(err)
		if fault := faultOf(err); fault != nil {
			c.tell(fault)
		}
		return nil, fmt.Errorf("%s: %w", c.origin, err)
	}
	return resultOf(r, dir, time.Since(start)), nil
}

// executes returns the connection to a server that executes commands.
func (c *Client) executes(ctx context.Context) (*conn, error) {
	if c == nil || c.invalid != nil {
		return nil, fmt.Errorf("there is no farm")
	}
	conn, fault := c.link.use(ctx)
	switch {
	case fault != nil:
		c.tell(fault)
		return nil, fault
	case conn == nil:
		return nil, fmt.Errorf("%s is not connected yet", c.origin)
	}
	return conn, nil
}

// Ready reports whether the server would be asked now. It waits for nothing, and has the
// connection tried again if that is due.
func (c *Client) Ready() bool {
	if c == nil || c.invalid != nil {
		return false
	}
	conn, attempt, fault := c.link.current()
	if fault != nil {
		c.tell(fault)
	}
	return conn != nil || attempt != nil
}

// Used notes that a result of Execute was used.
func (c *Client) Used(r *Result) {
	c.failed(nil)
	c.counts.change(func(h *Health) { h.Executed, h.Ran = h.Executed+1, h.Ran+r.Took })
}

// Blame notes that a job failed on the server, and that the same succeeded here. Three in a row
// turn the server off for a while.
func (c *Client) Blame(what string) {
	c.counts.change(func(h *Health) { h.Refused++ })
	fault := &remotewire.Fault{Cause: remotewire.CauseWorker, Text: what}
	c.failed(fault)
	c.tell(fault)
}

// wrongResult says what is wrong with an answer.
func wrongResult(r remotewire.Reply) error {
	switch {
	case r.Executed == nil:
		return &remotewire.Fault{Cause: remotewire.CauseProtocol, Text: "the answer holds no result"}
	case len(r.Executed.Missing) > 0:
		return &remotewire.Fault{Cause: remotewire.CauseWorker, Text: "a worker reported success and did not make " + r.Executed.Missing[0]}
	}
	return nil
}

func resultOf(r remotewire.Reply, dir string, waited time.Duration) *Result {
	result := &Result{
		Exit: r.Executed.Exit, Printed: string(r.Meta), Outputs: map[string]string{},
		Took: r.Executed.Took, Worker: r.Executed.Worker, Cached: r.Executed.Cached,
	}
	if result.Took == 0 {
		result.Took = waited
	}
	for _, f := range r.Files {
		result.Outputs[f.Name] = filepath.Join(dir, f.Digest.String())
	}
	return result
}

func (j Job) toWire(f Farm) *remotewire.Job {
	w := &remotewire.Job{Args: j.Args, Env: j.Env, Outputs: j.Outputs, Platform: f.Platform, Limit: j.Limit}
	for _, in := range j.Inputs {
		w.Inputs = append(w.Inputs, remotewire.File{Name: in.Name, Digest: in.Digest, Size: in.Size, Executable: in.Executable, Path: in.Path})
	}
	return w
}
