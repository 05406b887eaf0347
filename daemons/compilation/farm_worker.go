package compilation

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/remotecache"
)

// With toolchain = "worker" the compiler is that of the worker, and has to be the one of this
// machine: its file, its libraries and its loader must be at the same paths with the same
// content. The command says so itself each time, because a farm has many workers: it prints
// which files these are on the worker (device, inode, size, time of change, boot), and
// of files that were not met before the SHA-256, which takes some half a second. A result of a
// worker that has not shown the right content is not used.

const (
	filesThere = "worker.files"
	sumsThere  = "worker.sums"
)

// workers knows the files of workers that have shown to be the right ones.
type workers struct {
	mu    sync.Mutex
	known map[string]bool // by compiler and what filesThere said
}

func (k *workers) any(tool *farmTool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known[tool.identity()]
}

func (k *workers) knows(tool *farmTool, files string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known[tool.identity()+files]
}

func (k *workers) learn(tool *farmTool, files string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		k.known = map[string]bool{}
	}
	k.known[tool.identity()], k.known[tool.identity()+files] = true, true
}

// runByWorker has a job executed with the compiler of the worker. Where the worker was not met
// before, it is executed once more with proof.
func (f *farmUse) runByWorker(ctx context.Context, j *farmJob, dir string) (*remotecache.Result, error) {
	prove := !f.workers.any(j.tool)
	for {
		r, err := f.client.Execute(ctx, f.Farm, j.byWorker(prove), dir)
		if err != nil || r.Exit != 0 {
			return r, err
		}
		files, err := os.ReadFile(r.Outputs[filesThere])
		if err != nil {
			return nil, err
		}
		switch {
		case f.workers.knows(j.tool, string(files)):
			return r, nil
		case !prove:
			prove = true
			continue
		}
		sums, err := os.ReadFile(r.Outputs[sumsThere])
		if err != nil {
			return nil, err
		}
		if string(sums) != j.tool.sums() {
			why := "the compiler of a worker is not the one of this machine"
			f.client.Blame(why)
			return nil, fmt.Errorf("%s: %s", j.id, why)
		}
		f.workers.learn(j.tool, string(files))
		return r, nil
	}
}

// byWorker is the job as a shell runs it: links to the worker's files stand where a compiler
// that is an input would.
func (j *farmJob) byWorker(prove bool) remotecache.Job {
	job := j.Job
	var files, links []string
	for _, in := range j.tool.inputs {
		files = append(files, shellQuote(in.Path))
		links = append(links, fmt.Sprintf("ln -s %s %s", shellQuote(in.Path), shellQuote(in.Name)))
	}
	all := strings.Join(files, " ")
	steps := slices.Concat(
		[]string{"mkdir -p " + librariesThere + " " + path.Dir(programThere)}, links,
		[]string{"{ stat -L -c '%d %i %s %z %n' -- " + all + " && cat /proc/sys/kernel/random/boot_id; } >" + filesThere},
	)
	job.Outputs = append(slices.Clone(job.Outputs), filesThere)
	if prove {
		steps = append(steps, "sha256sum -- "+all+" >"+sumsThere)
		job.Outputs = append(job.Outputs, sumsThere)
	}
	job.Args = slices.Concat([]string{"/bin/sh", "-c", strings.Join(steps, " && ") + ` && exec "$@"`, "sh"}, job.Args)
	job.Env = map[string]string{"PATH": "/usr/bin:/bin"}
	return job
}

// sums are what sha256sum prints on a worker with the right files.
func (t *farmTool) sums() string {
	var b strings.Builder
	for _, in := range t.inputs {
		fmt.Fprintf(&b, "%x  %s\n", in.Digest, in.Path)
	}
	return b.String()
}

// identity names the compiler by content.
func (t *farmTool) identity() string { return cache.HashBytes([]byte(t.sums())).String() }

// shellQuote quotes a word for a shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
